"""What was written between two copies of one blog's database: rows added, changed and removed, by title.

Both copies come from the same version of Ghost. Rows are matched by their keys; what nobody wrote on
purpose (sessions, counters, when somebody was last seen) is left out, as in `database.py`.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from release.ghost.database import VOLATILE_COLUMNS, VOLATILE_TABLES
from release.ghost.errors import CorruptDatabase

# What people write, with the column that names a row for people. None: named by number only, since the
# rows are people and their addresses do not belong in a channel; nor do the values of settings, which may be secret.
NAMED: dict[str, str | None] = {
    "posts": "title",
    "members": None,
    "comments": None,
    "tags": "name",
    "users": None,
    "newsletters": "name",
    "members_newsletters": None,
    "products": "name",
    "offers": "name",
    "members_stripe_customers_subscriptions": None,
    "settings": "key",
    "snippets": "name",
    "labels": "name",
    "integrations": "name",
    "recommendations": "title",
}
WORDS = {
    "posts": ("post", "posts"),
    "pages": ("page", "pages"),
    "members": ("member", "members"),
    "comments": ("comment", "comments"),
    "tags": ("tag", "tags"),
    "users": ("staff user", "staff users"),
    "newsletters": ("newsletter", "newsletters"),
    "members_newsletters": ("newsletter subscription", "newsletter subscriptions"),
    "products": ("tier", "tiers"),
    "offers": ("offer", "offers"),
    "members_stripe_customers_subscriptions": ("subscription", "subscriptions"),
    "settings": ("setting", "settings"),
    "snippets": ("snippet", "snippets"),
    "labels": ("label", "labels"),
    "integrations": ("integration", "integrations"),
    "recommendations": ("recommendation", "recommendations"),
}
# Rows that say something about another one: who tags a post has changed that post, whatever table it is in.
PART_OF = {
    "posts_meta": ("posts", "post_id"),
    "posts_tags": ("posts", "post_id"),
    "posts_authors": ("posts", "post_id"),
    "posts_products": ("posts", "post_id"),
    "members_labels": ("members", "member_id"),
    "members_products": ("members", "member_id"),
    "roles_users": ("users", "user_id"),
}
# Rows of one person or post that are told by themselves, unless it is new altogether.
BELONGS_TO = {"members_newsletters": ("members", "member_id")}
# What Ghost writes beside something that people write: kept and carried with it, never told.
BY_PRODUCTS = ("actions", "redirects", "post_revisions", "mobiledoc_revisions", "collections_posts", "outbox")
# Settings that Ghost writes by itself.
NOT_ITS_OWN = {
    "settings": "{row}.key NOT LIKE 'last\\_%' ESCAPE '\\' "
    "AND {row}.key NOT IN ('version_notifications', 'db_hash')"
}
NAMES_SHOWN = 10

Key = tuple[str | int, ...]


class What(StrEnum):
    """What became of a row."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class Row:
    """One row that is not the same in both copies, by its primary key."""

    table: str
    key: Key
    what: What


@dataclass(frozen=True)
class Told:
    """What a person would say of a row: what kind of thing it is of (a key of WORDS, else a table) and its name."""

    kind: str
    name: str
    what: What
    key: Key

    @property
    def words(self) -> str:
        """ "post added: In the last moment"."""
        return f"{word_for(self.kind, 1)} {self.what}" + (f": {self.name}" if self.name else "")


@dataclass(frozen=True)
class Difference:
    """What became of the rows of one kind: counts, and the names of those added or changed, for people."""

    kind: str
    added: int
    changed: int
    removed: int
    names: tuple[str, ...] = ()
    listed: tuple[Told, ...] = ()


async def differences(before: Path, after: Path) -> tuple[Difference, ...]:
    """What people wrote in `after` that was not in `before`; empty when nothing. CorruptDatabase if unreadable."""

    def read() -> tuple[Difference, ...]:
        try:
            with closing(sqlite3.connect(":memory:", uri=True)) as database:
                for name, path in (("old", before), ("new", after)):
                    attach(database, name, path)
                return _by_kind(told(database, rows_between(database, "old", "new"), "old", "new"))
        except sqlite3.DatabaseError as error:
            raise CorruptDatabase(after.name, str(error)) from error

    return await asyncio.to_thread(read)


def in_words(found: tuple[Difference, ...]) -> str:
    """ "2 posts changed, 5 members added"; "nothing" where nothing was written."""
    parts = []
    for one in found:
        for count, what in ((one.added, "added"), (one.changed, "changed"), (one.removed, "removed")):
            if count:
                parts.append(f"{count} {word_for(one.kind, count)} {what}")
    return ", ".join(parts) or "nothing"


def named(found: tuple[Difference, ...]) -> str:
    """The titles of what was added or changed, then of what was removed, in one line; empty where there is none."""
    removed = [row.name for one in found for row in one.listed if row.what is What.REMOVED and row.name]
    shown = [f"removed: {', '.join(removed[:NAMES_SHOWN])}"] if removed else []
    return "; ".join([*(name for one in found for name in one.names), *shown])


def word_for(kind: str, count: int) -> str:
    """The word for so many of a kind; what has no word of its own is told by its table."""
    return WORDS[kind][count != 1] if kind in WORDS else f"row{'s' if count != 1 else ''} of {kind}"


def attach(database: sqlite3.Connection, name: str, path: Path) -> None:
    """The copy at `path` can be read as `name` afterwards, and not written."""
    database.execute("ATTACH ? AS " + name, (f"{path.resolve().as_uri()}?mode=ro",))


def rows_between(database: sqlite3.Connection, old: str, new: str) -> tuple[Row, ...]:
    """Every row that is not the same in two attached copies, of all tables with a key that both have."""
    found: list[Row] = []
    for table in sorted(tables_of(database, old) & tables_of(database, new)):
        key = key_of(database, new, table)
        if table not in VOLATILE_TABLES and key:
            found += _rows(database, table, key, old, new)
    return tuple(found)


def tables_of(database: sqlite3.Connection, copy: str) -> set[str]:
    """Its tables, without SQLite's own."""
    rows = database.execute(f"SELECT name FROM {copy}.sqlite_master WHERE type = 'table'")  # noqa: S608 - a name of ours
    return {name for (name,) in rows if not name.startswith("sqlite_")}


def key_of(database: sqlite3.Connection, copy: str, table: str) -> tuple[str, ...]:
    """The columns of a table's primary key; empty where it has none."""
    told = database.execute(f'PRAGMA {copy}.table_info("{table}")').fetchall()
    return tuple(row[1] for row in sorted(told, key=lambda row: int(row[5])) if row[5])


def columns_of(database: sqlite3.Connection, copy: str, table: str) -> tuple[str, ...]:
    """All columns of a table, in its order."""
    return tuple(row[1] for row in database.execute(f'PRAGMA {copy}.table_info("{table}")'))


def compared_columns(database: sqlite3.Connection, table: str, *copies: str) -> tuple[str, ...]:
    """Columns that all copies have, without those that Ghost sets when somebody merely looks."""
    left_out = VOLATILE_COLUMNS.get(table, set()) | {"updated_at"}
    first, *others = (columns_of(database, copy, table) for copy in copies)
    return tuple(name for name in first if name not in left_out and all(name in other for other in others))


def told(
    database: sqlite3.Connection, rows: tuple[Row, ...], old: str, new: str
) -> tuple[tuple[Row, Told | None], ...]:
    """For each row what a person would say of it; None for what is a part of something new, or nobody wrote."""
    new_rows = {(row.table, row.key) for row in rows if row.what is not What.CHANGED}
    return tuple((row, _told(database, row, new_rows, old, new)) for row in rows)


def _rows(
    database: sqlite3.Connection, table: str, key: tuple[str, ...], old: str, new: str
) -> Iterator[Row]:
    keys = ", ".join(f'n."{name}"' for name in key)
    same_key = " AND ".join(f'n."{name}" = o."{name}"' for name in key)
    which = NOT_ITS_OWN.get(table, "1").format(row="n")
    same = " AND ".join(f'n."{c}" IS o."{c}"' for c in compared_columns(database, table, new, old)) or "1"
    lacks = 'FROM {0}."{2}" n WHERE {3} AND NOT EXISTS (SELECT 1 FROM {1}."{2}" o WHERE {4})'
    differs = 'FROM {0}."{2}" n JOIN {1}."{2}" o ON {4} WHERE {3} AND NOT ({5})'
    queries = (
        (What.ADDED, lacks.format(new, old, table, which, same_key)),
        (What.CHANGED, differs.format(new, old, table, which, same_key, same)),
        (What.REMOVED, lacks.format(old, new, table, which, same_key)),
    )
    for what, rest in queries:
        for found in database.execute(f"SELECT {keys} {rest} ORDER BY {keys}").fetchall():
            yield Row(table, tuple(found), what)


def _told(
    database: sqlite3.Connection, row: Row, new_rows: set[tuple[str, Key]], old: str, new: str
) -> Told | None:
    copy = old if row.what is What.REMOVED else new
    if row.table in BY_PRODUCTS or row.table.endswith("_events") or row.table.startswith("email"):
        return None
    above = PART_OF.get(row.table) or BELONGS_TO.get(row.table)
    if above is not None:
        table, column = above
        (parent,) = _read(database, copy, row.table, row.key, column)
        if (table, (parent,)) in new_rows:
            return None
        if row.table in PART_OF:
            return Told(*_kind_and_name(database, copy, table, (parent,)), What.CHANGED, (parent,))
    return Told(*_kind_and_name(database, copy, row.table, row.key), row.what, row.key)


def _kind_and_name(database: sqlite3.Connection, copy: str, table: str, key: Key) -> tuple[str, str]:
    if table == "posts":
        found = _read(database, copy, table, key, "title", "type")
        return ("pages" if found[1] == "page" else "posts"), str(found[0] or "")
    column = NAMED.get(table)
    return table, str(_read(database, copy, table, key, column)[0]) if column else ""


def _read(
    database: sqlite3.Connection, copy: str, table: str, key: Key, *columns: str
) -> tuple[str | int, ...]:
    names = ", ".join(f'"{name}"' for name in columns)
    which = " AND ".join(f'"{name}" = ?' for name in key_of(database, copy, table))
    found = database.execute(f'SELECT {names} FROM {copy}."{table}" WHERE {which}', key).fetchone()  # noqa: S608 - as above
    return tuple(found) if found is not None else ("",) * len(columns)


def _by_kind(found: tuple[tuple[Row, Told | None], ...]) -> tuple[Difference, ...]:
    once = {(one.kind, one.key): one for _, one in reversed(found) if one is not None}
    # A row of its own says more than a part of it.
    once |= {(one.kind, one.key): one for row, one in found if one is not None and row.table not in PART_OF}
    kinds = sorted({one.kind for one in once.values()}, key=lambda kind: ([*WORDS, kind].index(kind), kind))
    return tuple(_difference(kind, [one for one in once.values() if one.kind == kind]) for kind in kinds)


def _difference(kind: str, rows: list[Told]) -> Difference:
    order = list(What)
    rows = sorted(rows, key=lambda one: (order.index(one.what), one.name, str(one.key)))
    count = Counter(one.what for one in rows)
    names = [one.name for one in rows if one.what is not What.REMOVED and one.name]
    more = (f"and {len(names) - NAMES_SHOWN} more",) if len(names) > NAMES_SHOWN else ()
    return Difference(
        kind,
        count[What.ADDED],
        count[What.CHANGED],
        count[What.REMOVED],
        (*sorted(names[:NAMES_SHOWN]), *more),
        tuple(rows),
    )
