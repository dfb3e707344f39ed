"""What a copy of Ghost's database holds: whether it is whole, which version wrote it, and how much is in it.

Always on a copy, opened read-only, row by row: memory does not grow with the blog.
"""

import asyncio
import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from release.ghost.cache import file_digest
from release.ghost.errors import (
    CorruptDatabase,
    EmptyDatabase,
    LockedMigrations,
    NotADatabase,
    NotGhost,
    RowsLost,
)
from release.version import Version

# Tables whose rows nobody wrote on purpose: left out of the content digests, so that a person who logs in
# or a limiter that counts does not look like a change of the site.
VOLATILE_TABLES = {
    "sessions": "who is logged in to the admin",
    "brute": "the counters of the login limiter",
    "migrations": "grows with every upgrade; told separately as the version",
    "migrations_lock": "whether a migration runs",
    "jobs": "what background jobs did last",
    "tokens": "sign-in links that are good for minutes",
    "sqlite_sequence": "SQLite's own counters",
}
# Columns that Ghost sets when somebody merely looks.
VOLATILE_COLUMNS = {
    "users": {"last_seen", "last_login", "updated_at"},
    "members": {"last_seen_at", "updated_at"},
    "api_keys": {"last_seen_at", "last_seen_version", "updated_at"},
}
# What people wrote or signed up for. Over ten measured upgrades of Ghost 4 to 6 none of these ever shrank.
MUST_NOT_SHRINK = (
    "posts",
    "posts_meta",
    "posts_tags",
    "posts_authors",
    "tags",
    "users",
    "roles_users",
    "members",
    "members_labels",
    "members_newsletters",
    "members_stripe_customers",
    "labels",
    "newsletters",
    "products",
    "comments",
    "webhooks",
    "snippets",
    "emails",
)
# Ghost's migrations remove settings it no longer has (5.119 and 6.55 do), so their number may fall. What a
# blog is known by must stay as it was all the same.
KEPT_SETTINGS = ("title", "description", "active_theme", "timezone")
# Where not only the number but the very rows must survive: they are known by their ids.
MUST_KEEP_IDS = ("posts", "tags", "members")
NEEDED_TABLES = ("migrations", "posts", "users", "settings")
# Databases that were inspected, by the state of their files.
_known: dict[tuple[int, ...], "Inspection"] = {}
_known_by_one = threading.Lock()  # inspections run in threads
_KNOWN = 4
_SETTLED_NS = 100_000_000
POSTS = "SELECT id, slug, title, status, html FROM posts ORDER BY id"


@dataclass(frozen=True)
class Inspection:
    """A sound database of Ghost. `version` is major.minor of the newest migration, as "5.130".

    `rows` counts every table; `digests` are sha256 over the content of the tables that are not volatile,
    whatever the order of their rows; `ids` over the ids of posts, tags and members; `settings` over the values
    of KEPT_SETTINGS; `posts` over what readers see of the posts; `digest` over the file. `size` is in bytes.
    """

    path: str
    version: str
    size: int
    digest: str
    rows: dict[str, int]
    digests: dict[str, str]
    ids: dict[str, str]
    settings: dict[str, str]
    posts: str


@dataclass(frozen=True)
class MigrationReport:
    """What a migration did to a database: rows are (before, after), 0 where a table is not there."""

    from_version: str
    to_version: str
    rows: dict[str, tuple[int, int]]
    new_tables: tuple[str, ...]
    gone_tables: tuple[str, ...]
    shrank: tuple[str, ...]
    lost: tuple[str, ...]
    posts_unchanged: bool


async def inspect(path: Path) -> Inspection:
    """The database at `path`, checked; EmptyDatabase, NotADatabase, CorruptDatabase, NotGhost or LockedMigrations.

    A file that is as it was when it was inspected is not read again: each read of 200 MB takes a second, and a backup
    is looked at in several steps of a release.
    """
    return await asyncio.to_thread(_inspected, path)


async def migrations_applied(path: Path) -> frozenset[tuple[str, str]]:
    """Every migration the database says it has been through, as (version, file name)."""

    def read() -> frozenset[tuple[str, str]]:
        with closing(_open(path)) as database:
            return frozenset(database.execute("SELECT version, name FROM migrations"))

    return await asyncio.to_thread(read)


async def active_theme(path: Path) -> str:
    """The theme that the blog uses; empty where none is set."""

    def read() -> str:
        with closing(_open(path)) as database:
            row = database.execute("SELECT value FROM settings WHERE key = 'active_theme'").fetchone()
            return str(row[0]) if row and row[0] is not None else ""

    return await asyncio.to_thread(read)


async def overdue_posts(path: Path, at: datetime) -> tuple[str, ...]:
    """Titles of the posts that were scheduled when the copy was made and whose time has come by `at`.

    Ghost publishes those as soon as it boots on the copy.
    """

    def read() -> tuple[str, ...]:
        with closing(_open(path)) as database:
            found = database.execute(
                "SELECT title FROM posts WHERE status = 'scheduled' AND published_at <= ? ORDER BY published_at",
                (at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),),
            )
            return tuple(str(title) for (title,) in found)

    return await asyncio.to_thread(read)


def compare(before: Inspection, after: Inspection) -> MigrationReport:
    """What became of every table; `lost` names, with figures, what must not shrink and did."""
    names = sorted({*before.rows, *after.rows})
    rows = {name: (before.rows.get(name, 0), after.rows.get(name, 0)) for name in names}
    shrank = tuple(name for name in names if rows[name][1] < rows[name][0])
    lost = [f"{name} {rows[name][0]} → {rows[name][1]}" for name in MUST_NOT_SHRINK if name in shrank]
    lost += [
        f"other {name} than before"
        for name in MUST_KEEP_IDS
        if rows[name][0] == rows[name][1] and before.ids[name] != after.ids[name]
    ]
    lost += [
        f"the setting {name}"
        for name, digest in before.settings.items()
        if after.settings.get(name) != digest
    ]
    return MigrationReport(
        from_version=before.version,
        to_version=after.version,
        rows=rows,
        new_tables=tuple(name for name in names if name not in before.rows),
        gone_tables=tuple(name for name in names if name not in after.rows),
        shrank=shrank,
        lost=tuple(lost),
        posts_unchanged=before.posts == after.posts,
    )


def refuse_losses(report: MigrationReport, version: Version) -> None:
    """RowsLost, with the tables and figures, if the migration took away what people wrote."""
    if report.lost:
        raise RowsLost(str(version), ", ".join(report.lost))


def order_of(version: str) -> tuple[int, int]:
    """ "5.130" as something that compares rightly; Ghost's own column sorts as text."""
    parsed = Version.parse(f"{version}.0")
    return parsed.first, parsed.second


def _inspected(path: Path) -> Inspection:
    state = _state_of(path)
    found = _known.get(state)
    if found is None:
        found = _inspect(path)
        # The clock of files stands still for some milliseconds: what was written right before may be written again.
        if state and time.time_ns() - state[-1] > _SETTLED_NS and _state_of(path) == state:
            with _known_by_one:
                _known[state] = found
                while len(_known) > _KNOWN:
                    del _known[next(iter(_known))]
    return found


def _state_of(path: Path) -> tuple[int, ...]:
    """Another one whenever the file was written to, or is another file; the last part is when, in nanoseconds."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _inspect(path: Path) -> Inspection:
    if path.stat().st_size == 0:
        raise EmptyDatabase(path.name)
    try:
        with closing(_open(path)) as database:
            _check_integrity(database, path)
            tables = _tables(database)
            _check_ghost(database, tables, path)
            rows = {table: _count(database, table) for table in tables}
            if not rows["users"] or not rows["settings"]:
                raise EmptyDatabase(path.name)
            return Inspection(
                path=str(path),
                version=_version(database, path),
                size=path.stat().st_size,
                digest=file_digest(path),
                rows=rows,
                digests={
                    table: _content_digest(database, table)
                    for table in tables
                    if table not in VOLATILE_TABLES
                },
                ids={
                    table: _rows_digest(database, f'SELECT id FROM "{table}"')  # noqa: S608 - names from above
                    for table in MUST_KEEP_IDS
                    if table in rows
                },
                settings=_kept_settings(database),
                posts=_ordered_digest(database, POSTS),
            )
    except sqlite3.OperationalError as error:
        raise CorruptDatabase(path.name, str(error)) from error
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error):
            raise NotADatabase(path.name) from error
        raise CorruptDatabase(path.name, str(error)) from error


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _check_integrity(database: sqlite3.Connection, path: Path) -> None:
    (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise CorruptDatabase(path.name, verdict.splitlines()[-1])


def _tables(database: sqlite3.Connection) -> list[str]:
    found = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    return [name for (name,) in found]


def _check_ghost(database: sqlite3.Connection, tables: list[str], path: Path) -> None:
    if not tables:
        raise EmptyDatabase(path.name)
    for needed in NEEDED_TABLES:
        if needed not in tables:
            raise NotGhost(path.name, f"table {needed}")
    if "migrations_lock" in tables and database.execute(
        "SELECT count(*) FROM migrations_lock WHERE locked"
    ).fetchone() != (0,):
        raise LockedMigrations(path.name)


def _version(database: sqlite3.Connection, path: Path) -> str:
    newest = database.execute("SELECT currentVersion FROM migrations ORDER BY id DESC LIMIT 1").fetchone()
    if newest is None:
        raise NotGhost(path.name, "finished migration")
    return str(newest[0])


def _count(database: sqlite3.Connection, table: str) -> int:
    (count,) = database.execute(f'SELECT count(*) FROM "{_quoted(table)}"').fetchone()  # noqa: S608 - a name out of sqlite_master
    return int(count)


def _content_digest(database: sqlite3.Connection, table: str) -> str:
    left_out = VOLATILE_COLUMNS.get(table, set())
    told = database.execute(f'PRAGMA table_info("{_quoted(table)}")')
    columns = ", ".join(f'"{_quoted(row[1])}"' for row in told if row[1] not in left_out)
    return _rows_digest(database, f'SELECT {columns} FROM "{_quoted(table)}"')  # noqa: S608 - names out of the schema


def _kept_settings(database: sqlite3.Connection) -> dict[str, str]:
    rows = database.execute("SELECT key, value FROM settings")
    return {
        key: hashlib.sha256(str(value).encode("utf-8", "surrogatepass")).hexdigest()
        for key, value in rows
        if key in KEPT_SETTINGS
    }


def _rows_digest(database: sqlite3.Connection, query: str) -> str:
    """A digest that does not depend on the order of the rows: VACUUM INTO may number them anew."""
    total = 0
    for row in _raw(database, query):
        total += int.from_bytes(hashlib.sha256(repr(row).encode()).digest())
    return f"{total % (1 << 256):064x}"


def _ordered_digest(database: sqlite3.Connection, query: str) -> str:
    digest = hashlib.sha256()
    for row in _raw(database, query):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _raw(database: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    """Rows with text as bytes: text that is not UTF-8 is the blog's business, not a reason to fail."""
    database.text_factory = bytes
    try:
        yield from database.execute(query)
    finally:
        database.text_factory = str


def _quoted(name: str) -> str:
    return name.replace('"', '""')
