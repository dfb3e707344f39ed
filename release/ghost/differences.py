"""What was written between two copies of one blog's database: rows added, changed and removed, by title.

Both copies come from the same version of Ghost. Rows are matched by their ids; what nobody wrote on
purpose (sessions, counters, when somebody was last seen) is left out, as in `database.py`.
"""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from release.ghost.database import VOLATILE_COLUMNS, VOLATILE_TABLES
from release.ghost.errors import CorruptDatabase

# What people write, with the column that names a row for people. None: named by number only, since the
# rows are people and their addresses do not belong in a channel.
NAMED: dict[str, str | None] = {
    "posts": "title",
    "members": None,
    "comments": None,
    "tags": "name",
    "users": None,
    "newsletters": "name",
    "products": "name",
    "members_stripe_customers_subscriptions": None,
    "settings": "key",
    "snippets": "name",
    "labels": "name",
}
WORDS = {
    "posts": ("post", "posts"),
    "pages": ("page", "pages"),
    "members": ("member", "members"),
    "comments": ("comment", "comments"),
    "tags": ("tag", "tags"),
    "users": ("staff user", "staff users"),
    "newsletters": ("newsletter", "newsletters"),
    "products": ("tier", "tiers"),
    "members_stripe_customers_subscriptions": ("subscription", "subscriptions"),
    "settings": ("setting", "settings"),
    "snippets": ("snippet", "snippets"),
    "labels": ("label", "labels"),
}
# Settings that Ghost writes by itself.
NOT_ITS_OWN = {
    "settings": "key NOT LIKE 'last\\_%' ESCAPE '\\' AND key NOT IN ('version_notifications', 'db_hash')"
}
NAMES_SHOWN = 10


@dataclass(frozen=True)
class Difference:
    """What became of the rows of one kind: counts, and the names of those added or changed, for people."""

    kind: str
    added: int
    changed: int
    removed: int
    names: tuple[str, ...] = ()


async def differences(before: Path, after: Path) -> tuple[Difference, ...]:
    """What people wrote in `after` that was not in `before`; empty when nothing. CorruptDatabase if unreadable."""

    def read() -> tuple[Difference, ...]:
        try:
            with closing(sqlite3.connect(":memory:", uri=True)) as database:
                for name, path in (("old", before), ("new", after)):
                    database.execute("ATTACH ? AS " + name, (f"{path.resolve().as_uri()}?mode=ro",))
                kinds = ((table, table, NOT_ITS_OWN.get(table, "1")) for table in NAMED if table != "posts")
                posts = (("posts", "posts", "type = 'post'"), ("pages", "posts", "type = 'page'"))
                found = [_difference(database, *one) for one in (*posts, *kinds)]
                return tuple(one for one in found if one is not None)
        except sqlite3.DatabaseError as error:
            raise CorruptDatabase(after.name, str(error)) from error

    return await asyncio.to_thread(read)


def in_words(found: tuple[Difference, ...]) -> str:
    """ "2 posts changed, 5 members added"; "nothing" where nothing was written."""
    parts = []
    for one in found:
        for count, what in ((one.added, "added"), (one.changed, "changed"), (one.removed, "removed")):
            if count:
                parts.append(f"{count} {WORDS[one.kind][count != 1]} {what}")
    return ", ".join(parts) or "nothing"


def named(found: tuple[Difference, ...]) -> str:
    """The titles of what was added or changed, for one line; empty where nothing has a name."""
    return "; ".join(name for one in found for name in one.names)


def _difference(database: sqlite3.Connection, kind: str, table: str, which: str) -> Difference | None:
    columns = _shared_columns(database, table)
    if "id" not in columns:
        return None
    compared = ", ".join(f'"{name}"' for name in columns)
    new, old = (f"SELECT {compared} FROM {copy}.{table} WHERE {which}" for copy in ("new", "old"))  # noqa: S608 - names of this file and of the schema
    added = _ids(database, f"SELECT id FROM ({new}) WHERE id NOT IN (SELECT id FROM ({old}))")  # noqa: S608
    removed = _ids(database, f"SELECT id FROM ({old}) WHERE id NOT IN (SELECT id FROM ({new}))")  # noqa: S608
    # EXCEPT compares whole rows and takes NULL for equal to NULL.
    touched = _ids(database, f"SELECT id FROM ({new} EXCEPT {old})")  # noqa: S608
    changed = [one for one in touched if one not in set(added)]
    if not (added or changed or removed):
        return None
    return Difference(
        kind, len(added), len(changed), len(removed), _names(database, table, (*added, *changed))
    )


def _shared_columns(database: sqlite3.Connection, table: str) -> list[str]:
    """Columns both copies have, without those that Ghost sets when somebody merely looks."""
    if table in VOLATILE_TABLES:
        return []
    left_out = VOLATILE_COLUMNS.get(table, set()) | {"updated_at"}
    new, old = (
        [row[1] for row in database.execute(f"PRAGMA {copy}.table_info({table})")] for copy in ("new", "old")
    )
    return [name for name in new if name in old and name not in left_out]


def _ids(database: sqlite3.Connection, query: str) -> list[str]:
    return [row[0] for row in database.execute(query)]


def _names(database: sqlite3.Connection, table: str, ids: tuple[str, ...]) -> tuple[str, ...]:
    column = NAMED.get(table)
    if column is None:
        return ()
    shown = ids[:NAMES_SHOWN]
    marks = ", ".join("?" for _ in shown)
    rows = database.execute(f"SELECT {column} FROM new.{table} WHERE id IN ({marks})", shown)  # noqa: S608 - as above
    more = (f"and {len(ids) - NAMES_SHOWN} more",) if len(ids) > NAMES_SHOWN else ()
    return (*sorted(str(row[0]) for row in rows), *more)
