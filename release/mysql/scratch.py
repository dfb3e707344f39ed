"""Databases emptied, filled and dropped. The scratch one is known by a table of the bot's; no other is ever dropped."""

import re
from pathlib import Path

from pymysql import Connection as Session
from pymysql.cursors import Cursor

from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection, session, speaking
from release.mysql.errors import NotAScratch
from release.mysql.picture import OURS, quoted
from release.mysql.programs import load

MARK = f"{OURS}_scratch"
_WORD = re.compile(r"\w+")


async def fill_scratch(real: Connection, scratch: Connection, dump: Path, config: MySqlConfig) -> None:
    """The scratch database holds what the dump does and nothing else. Raises NotAScratch where it is somebody's."""

    def prepare() -> None:
        with session(real) as asking:
            charset, collation = _one(
                asking,
                "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata"
                " WHERE schema_name = %s",
                real.database,
            )
            if not _tables(asking, scratch.database):
                how = f"CHARACTER SET {_checked(charset)} COLLATE {_checked(collation)}"
                asking.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {quoted([scratch.database])} {how}")
        _refuse_others(scratch)
        _empty(scratch)
        with session(scratch) as ours:
            ours.cursor().execute(f"CREATE TABLE IF NOT EXISTS {MARK} (id int PRIMARY KEY)")

    await speaking(scratch, "making the scratch database", prepare)
    await load(scratch, dump, config)


async def drop_scratch(scratch: Connection) -> None:
    """The scratch database is gone; where it is not the bot's, it stays."""

    def drop() -> None:
        with session(scratch.of("")) as asking:
            if MARK in _tables(asking, scratch.database):
                asking.cursor().execute(f"DROP DATABASE {quoted([scratch.database])}")

    await speaking(scratch, "dropping the scratch database", drop)


async def try_scratch(real: Connection, scratch: Connection) -> None:
    """The bot may make, fill and drop the scratch database; nothing is left of the try. For a look before a release."""

    def attempt() -> None:
        with session(real) as asking:
            if _tables(asking, scratch.database):
                return
            asking.cursor().execute(f"CREATE DATABASE IF NOT EXISTS {quoted([scratch.database])}")
        with session(scratch) as ours:
            ours.cursor().execute(f"CREATE TABLE {MARK} (id int PRIMARY KEY)")
            ours.cursor().execute(f"DROP DATABASE {quoted([scratch.database])}")

    await speaking(scratch, "trying the scratch database", attempt)
    await speaking(scratch, "looking into it", lambda: _refuse_others(scratch.of(""), scratch.database))


async def put_back(real: Connection, dump: Path, config: MySqlConfig) -> None:
    """The database holds what the dump does and nothing else. Readers see errors until it is filled again."""
    await speaking(real, "emptying it", lambda: _empty(real))
    await load(real, dump, config)


def _refuse_others(scratch: Connection, name: str | None = None) -> None:
    name = name or scratch.database
    with session(scratch) as asking:
        tables = _tables(asking, name)
    if tables and MARK not in tables:
        raise NotAScratch(name)


def _empty(connection: Connection) -> None:
    """No table and no view is left, but for the bot's own mark."""
    with session(connection) as asking:
        cursor = asking.cursor()
        cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
        for kind, word in (("VIEW", "VIEW"), ("BASE TABLE", "TABLE")):
            cursor.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = %s",
                (connection.database, kind),
            )
            names = [str(name) for (name,) in cursor.fetchall() if str(name) != MARK]
            if names:
                cursor.execute(f"DROP {word} {quoted(names)}")


def _tables(asking: "Session[Cursor]", database: str) -> set[str]:
    with asking.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (database,)
        )
        return {str(name) for (name,) in cursor.fetchall()}


def _one(asking: "Session[Cursor]", query: str, *told: str) -> tuple[str, str]:
    with asking.cursor() as cursor:
        cursor.execute(query, told)
        found = cursor.fetchone() or ("utf8mb4", "utf8mb4_general_ci")
    return str(found[0]), str(found[1])


def _checked(word: str) -> str:
    """A name of the server's own, which goes into a statement as it is."""
    if not _WORD.fullmatch(word):
        raise ValueError(f"no name of a character set: {word}")
    return word
