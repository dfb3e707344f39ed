"""Late writes into a newer database: what the old slot took at the last moment, merged into a copy of production's.

What was written late is told by two copies of the old database, the one that was caught up with (`base`) and the one
that stayed behind (`late`). Its values are taken from the same two copies as the new version's own migrations made
them, so that every column is one the new version knows. Nothing is guessed: what production has changed too, what
is taken there or lacks what it belongs to, and what was removed, is left out and listed; and rows that belong
together are carried together or not at all.
"""

import asyncio
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from release.errors import ReleaseError
from release.ghost.database import VOLATILE_TABLES
from release.ghost.differences import (
    PART_OF,
    Key,
    Row,
    Told,
    What,
    attach,
    columns_of,
    compared_columns,
    key_of,
    rows_between,
    tables_of,
    told,
)
from release.ghost.errors import CorruptDatabase

# Left alone without a word: Ghost's own bookkeeping, and signs that are good for minutes.
NEVER_CARRIED = frozenset({*VOLATILE_TABLES, "actions", "outbox"})
# What was mailed, or waits to be: whether it went out cannot be told from a copy, and nobody gets a mail twice.
MAIL = ("emails", "email_", "automated_email")
# What a row belongs to, where Ghost's schema declares no foreign key for it.
REFERENCES = {
    "post_id": "posts",
    "page_id": "posts",
    "tag_id": "tags",
    "author_id": "users",
    "user_id": "users",
    "member_id": "members",
    "newsletter_id": "newsletters",
    "label_id": "labels",
    "product_id": "products",
    "role_id": "roles",
    "integration_id": "integrations",
}
# Columns that say who did it, without being a reason to leave a row out.
WHO = ("created_by", "updated_by", "published_by", "actor_id")


class MergeBroken(ReleaseError):
    problem = "The late writes could not be merged: the merged copy fails SQLite's check ({0})."
    remedy = (
        "Nothing was changed and the copy was thrown away. They are kept in their backup; carry them by hand."
    )


@dataclass(frozen=True)
class LeftOut:
    """Something that is not carried, told as people would, and why."""

    what: Told
    why: str


@dataclass(frozen=True)
class CarriedOver:
    """What a merge did: carried, left out and why, and what production had already. `rows` counts the rows written."""

    carried: tuple[Told, ...]
    left_out: tuple[LeftOut, ...]
    already: tuple[Told, ...]
    rows: int


@dataclass(frozen=True)
class LateCopies:
    """The late writes: two copies of the old database, and the same two as the new version migrated them.

    Where both slots run one version, the last two are the first two.
    """

    base: Path
    late: Path
    new_base: Path
    new_late: Path


async def carry_over(copies: LateCopies, live: Path, target: Path) -> CarriedOver:
    """The late rows that are safe are in `target`, in one transaction; nothing else of it has changed.

    `live` is production as it was when it went live: what differs from it in `target` has been written since.
    Done again it carries nothing more. Raises MergeBroken or CorruptDatabase, and then `target` is as it was.
    """

    def merge() -> CarriedOver:
        try:
            with closing(sqlite3.connect(target.resolve().as_uri(), uri=True)) as database:
                database.isolation_level = None
                database.execute("PRAGMA foreign_keys = OFF")  # checked at the end, when everything is there
                for name in ("base", "late", "new_base", "new_late"):
                    attach(database, name, getattr(copies, name))
                attach(database, "live", live)
                return _Merge(database).run()
        except sqlite3.DatabaseError as error:
            raise CorruptDatabase(target.name, str(error)) from error

    return await asyncio.to_thread(merge)


async def align_people(copy: Path, target: Path) -> None:
    """Staff in a migrated copy have the ids they have in `target`; known by their addresses, which are unique.

    Ghost 6.0 gives the owner an id by chance, so each migration of one database gives another.
    """

    def align() -> None:
        try:
            with closing(sqlite3.connect(copy.resolve().as_uri(), uri=True)) as database, database:
                attach(database, "target", target)
                moved = database.execute(
                    "SELECT c.id, t.id FROM main.users c JOIN target.users t ON c.email = t.email WHERE c.id <> t.id"
                ).fetchall()
                for table in tables_of(database, "main") if moved else ():
                    found = references_of(database, "main", table)
                    who = {column for column in columns_of(database, "main", table) if column in WHO}
                    columns = {column for column, (parent, _) in found.items() if parent == "users"} | who
                    columns |= {"id"} if table == "users" else set()
                    for column in columns:
                        database.executemany(
                            f'UPDATE main."{table}" SET "{column}" = ? WHERE "{column}" = ?',  # noqa: S608 - names of the schema
                            [(theirs, ours) for ours, theirs in moved],
                        )
        except sqlite3.DatabaseError as error:
            raise CorruptDatabase(copy.name, str(error)) from error

    await asyncio.to_thread(align)


def references_of(database: sqlite3.Connection, copy: str, table: str) -> dict[str, tuple[str, str]]:
    """Column -> the table and column it points to: by the schema, else by Ghost's names."""
    known = tables_of(database, copy)
    found = {
        column: (REFERENCES[column], "id")
        for column in columns_of(database, copy, table)
        if REFERENCES.get(column) in known
    }
    for row in database.execute(f'PRAGMA {copy}.foreign_key_list("{table}")'):
        found[row[3]] = (row[2], row[4] or "id")
    return found


class _NotSafe(Exception):
    """A row that is not carried: a turn of the merge, told to people, and no failure."""


class _Merge:
    """One merge into `main`, with base, late, new_base, new_late and live attached."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._tables = {copy: tables_of(database, copy) for copy in ("main", "new_late", "live")}
        self._keys: dict[str, tuple[str, ...]] = {}

    def run(self) -> CarriedOver:
        before = self._broken_references()
        late = tuple(row for row in rows_between(self._db, "base", "late") if row.table not in NEVER_CARRIED)
        words = {(row.table, row.key): one for row, one in told(self._db, late, "base", "late")}
        carried: list[Told] = []
        already: list[Told] = []
        left_out = self._removed(late, words)
        written = 0
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for together in self._together(row for row in late if row.what is not What.REMOVED):
                shown = _once(words[row.table, row.key] for row in together)
                self._db.execute("SAVEPOINT together")
                try:
                    count = sum([self._apply(row) for row in together])
                    self._check_parents(together)
                    (carried if count else already).extend(shown)
                    written += count
                except _NotSafe as reason:
                    self._db.execute("ROLLBACK TO together")
                    left_out += [LeftOut(one, str(reason)) for one in shown]
                self._db.execute("RELEASE together")
            self._check_whole(before)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return CarriedOver(tuple(carried), tuple(left_out), tuple(already), written)

    def _removed(self, late: tuple[Row, ...], words: dict[tuple[str, Key], Told | None]) -> list[LeftOut]:
        """What was removed on the old slot and is still in production: told, never repeated."""
        found: list[LeftOut] = []
        for row in late:
            one = words[row.table, row.key]
            if row.what is not What.REMOVED or one is None or row.table not in self._tables["main"]:
                continue
            if self._one("main", row):
                of_it = row.table in PART_OF
                why = f"what was taken off it there ({row.table})" if of_it else "it was removed there, and"
                found.append(LeftOut(one, f"{why} is still in production"))
        return found

    # -- one row ----------------------------------------------------------------------------------

    def _apply(self, row: Row) -> int:
        """1 if it had to be written, 0 if production has it already. Raises _NotSafe."""
        self._check_table(row.table)
        if row.table.startswith(MAIL):
            raise _NotSafe("it was mailed or waits to be, and nobody should get it twice")
        if not self._one("new_late", row):
            raise _NotSafe("the new version does not keep it")
        if row.table == "posts" and self._waits_to_be_mailed(row):
            raise _NotSafe("it is scheduled with a newsletter, and nobody should get that twice")
        try:
            return self._insert(row) if row.what is What.ADDED else self._update(row)
        except sqlite3.IntegrityError as error:
            taken = re.fullmatch(r"UNIQUE constraint failed: (.*)", str(error))
            why = f"{taken[1]} is taken in production" if taken else f"production refuses it ({error})"
            raise _NotSafe(why) from error

    def _check_table(self, table: str) -> None:
        if table not in self._tables["main"] or table not in self._tables["new_late"]:
            raise _NotSafe(f"the new version has no {table}")
        ours, theirs = (set(columns_of(self._db, copy, table)) for copy in ("new_late", "main"))
        if ours != theirs or key_of(self._db, "new_late", table) != self._key(table):
            raise _NotSafe(f"production's {table} has other columns")

    def _insert(self, row: Row) -> int:
        if self._one("main", row):
            if self._same(row, compared_columns(self._db, row.table, "main", "new_late"), "new_late"):
                return 0
            raise _NotSafe("production has another one under its id")
        columns = ", ".join(f'"{name}"' for name in columns_of(self._db, "main", row.table))
        self._db.execute(
            f'INSERT INTO main."{row.table}" ({columns}) SELECT {columns} FROM new_late."{row.table}" r'  # noqa: S608 - names of the schema
            f" WHERE {self._is('r', row.table)}",
            row.key,
        )
        return 1

    def _update(self, row: Row) -> int:
        if not self._one("main", row):
            raise _NotSafe("it was removed from production")
        compared = compared_columns(self._db, row.table, "main", "new_late", "new_base")
        known = columns_of(self._db, "late", row.table)
        changed = tuple(
            name
            for name in compared
            if not self._same(row, (name,), "new_base", "new_late")
            # A column that only the new version has may hold something made by chance or by the clock.
            and (name in known or self._same(row, (name,), "new_base"))
        )
        if not changed:
            raise _NotSafe("the new version does not keep what was changed")
        if self._same(row, changed, "new_late"):
            return 0
        if row.table not in self._tables["live"] or not self._same(row, compared, "live"):
            raise _NotSafe("it was changed in production too")
        if not self._same(row, changed, "new_base"):
            raise _NotSafe(f"the new version keeps its {', '.join(changed)} differently")
        written = [*changed, *(["updated_at"] if "updated_at" in self._columns(row.table) else [])]
        values = ", ".join(
            f'"{name}" = (SELECT r."{name}" FROM new_late."{row.table}" r WHERE {self._is("r", row.table)})'  # noqa: S608 - as above
            for name in written
        )
        self._db.execute(
            f'UPDATE main."{row.table}" SET {values} WHERE {self._is("", row.table)}',  # noqa: S608 - as above
            row.key * (len(written) + 1),
        )
        return 1

    def _waits_to_be_mailed(self, row: Row) -> bool:
        if "newsletter_id" not in self._columns("posts"):
            return False
        found = self._db.execute(
            "SELECT 1 FROM new_late.posts WHERE id = ? AND status = 'scheduled' AND newsletter_id IS NOT NULL",
            row.key,
        )
        return found.fetchone() is not None

    # -- what belongs together --------------------------------------------------------------------

    def _together(self, rows: Iterable[Row]) -> list[list[Row]]:
        """Rows in groups: those that point to each other, directly or not, are in one."""
        group = {(row.table, row.key): [row] for row in rows}
        for row in [one for found in list(group.values()) for one in found]:
            for parent in self._parents(row, "late"):
                ours, theirs = group[row.table, row.key], group.get((parent[0], (parent[2],)))
                if theirs is not None and theirs is not ours:
                    theirs += ours
                    for one in ours:
                        group[one.table, one.key] = theirs
        return list({id(found): found for found in group.values()}.values())

    def _parents(self, row: Row, copy: str) -> list[tuple[str, str, str | int]]:
        """The table, column and value of everything a row points to."""
        found: list[tuple[str, str, str | int]] = []
        for column, (parent, to) in references_of(self._db, copy, row.table).items():
            value = self._db.execute(
                f'SELECT r."{column}" FROM {copy}."{row.table}" r WHERE {self._is("r", row.table)}',  # noqa: S608 - as above
                row.key,
            ).fetchone()
            if value is not None and value[0] is not None:
                found.append((parent, to, value[0]))
        return found

    def _check_parents(self, rows: list[Row]) -> None:
        """_NotSafe where production has not what a row belongs to."""
        for row in rows:
            for parent, to, value in self._parents(row, "new_late"):
                if not self._has("main", parent, to, value):
                    raise _NotSafe(f"what it belongs to (in {parent}) is not in production")

    def _check_whole(self, before: set[tuple[object, ...]]) -> None:
        broken = self._broken_references() - before
        if broken:
            raise MergeBroken(f"references of {', '.join(sorted({str(one[0]) for one in broken}))}")
        (verdict,) = self._db.execute("PRAGMA main.integrity_check(1)").fetchone()
        if verdict != "ok":
            raise MergeBroken(str(verdict).splitlines()[-1])

    def _broken_references(self) -> set[tuple[object, ...]]:
        return set(map(tuple, self._db.execute("PRAGMA main.foreign_key_check")))

    # -- the schema -------------------------------------------------------------------------------

    def _key(self, table: str) -> tuple[str, ...]:
        if table not in self._keys:
            self._keys[table] = key_of(self._db, "main", table)
        return self._keys[table]

    def _columns(self, table: str) -> tuple[str, ...]:
        return columns_of(self._db, "main", table)

    def _is(self, row: str, table: str) -> str:
        """The condition for one row by its key; the key's values are bound."""
        at = f"{row}." if row else ""
        keys = self._key(table) or key_of(self._db, "late", table)
        return " AND ".join(f'{at}"{name}" = ?' for name in keys)

    def _one(self, copy: str, row: Row) -> bool:
        query = f'SELECT 1 FROM {copy}."{row.table}" r WHERE {self._is("r", row.table)}'  # noqa: S608 - as above
        return self._db.execute(query, row.key).fetchone() is not None

    def _has(self, copy: str, table: str, column: str, value: str | int) -> bool:
        query = f'SELECT 1 FROM {copy}."{table}" WHERE "{column}" = ?'  # noqa: S608 - as above
        return self._db.execute(query, (value,)).fetchone() is not None

    def _same(self, row: Row, columns: tuple[str, ...], one: str, other: str = "main") -> bool:
        """Whether two copies hold the same in these columns of the row; not where either lacks it."""
        same = " AND ".join(f'a."{name}" IS b."{name}"' for name in columns) or "1"
        query = (
            f'SELECT 1 FROM {one}."{row.table}" a, {other}."{row.table}" b'  # noqa: S608 - as above
            f" WHERE {self._is('a', row.table)} AND {self._is('b', row.table)} AND {same}"
        )
        return self._db.execute(query, row.key * 2).fetchone() is not None


def _once(shown: Iterable[Told | None]) -> list[Told]:
    """What people would say of some rows, each thing once and by its own row rather than by a part of it."""
    found: dict[tuple[str, Key], list[Told]] = defaultdict(list)
    for one in shown:
        if one is not None:
            found[one.kind, one.key].append(one)
    return [min(several, key=lambda one: one.what is What.CHANGED) for several in found.values()]
