"""A MySQL database as an SQLite file: the same tables, columns, keys and rows, to be looked at and compared.

So there is one inspection, one comparison and one account of what was written, whichever database a blog is on
(`ghost/database.py`, `ghost/differences.py`). It is no backup: what a restore loads is the dump.
"""

import contextlib
import datetime
import decimal
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymysql import Connection as Session
from pymysql.cursors import Cursor, SSCursor

from release.mysql.connection import Connection, session, speaking

ROWS_AT_ONCE = 500
# The bot's own, of no interest to anybody.
OURS = "ghostbot"
# By MySQL's word for the type; all else is kept as text.
_NUMBERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "bit", "year"}
_FRACTIONS = {"float", "double"}
_BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}


async def take_picture(connection: Connection, to: Path) -> None:
    """`to` holds every table of the database as it was at one moment; the file is for the bot alone."""
    await speaking(connection, "reading its tables", lambda: _take(connection, to))


def _take(connection: Connection, to: Path) -> None:
    to.unlink(missing_ok=True)
    to.touch(mode=0o600)
    with (
        session(connection) as schema,
        session(connection, SSCursor) as rows,
        contextlib.closing(sqlite3.connect(to)) as picture,
    ):
        with rows.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        picture.execute("PRAGMA synchronous = OFF")
        for table in _tables(schema, connection.database):
            _copy(schema, rows, picture, connection.database, table)
        picture.commit()


def _tables(schema: "Session[Cursor]", database: str) -> list[str]:
    found = _asked(
        schema,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE'"
        " ORDER BY table_name",
        database,
    )
    return [str(name) for (name,) in found if not str(name).startswith(OURS)]


def _copy(
    schema: "Session[Cursor]", rows: "Session[Cursor]", picture: sqlite3.Connection, database: str, table: str
) -> None:
    columns = _asked(
        schema,
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " ORDER BY ordinal_position",
        database,
        table,
    )
    keys = _asked(
        schema,
        "SELECT column_name FROM information_schema.key_column_usage WHERE table_schema = %s AND table_name = %s"
        " AND constraint_name = 'PRIMARY' ORDER BY ordinal_position",
        database,
        table,
    )
    told = [f"{_lite(str(name))} {_type(str(kind))}" for name, kind in columns]
    if keys:
        told.append(f"PRIMARY KEY ({', '.join(_lite(str(name)) for (name,) in keys)})")
    picture.execute(f"CREATE TABLE {_lite(table)} ({', '.join(told)})")
    places = ", ".join("?" * len(columns))
    names = ", ".join(_my(str(name)) for name, _ in columns)
    with rows.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {_my(table)}")  # noqa: S608 - names out of the schema, quoted
        while found := cursor.fetchmany(ROWS_AT_ONCE):
            picture.executemany(
                f"INSERT INTO {_lite(table)} VALUES ({places})",  # noqa: S608 - as above
                [tuple(_value(one) for one in row) for row in found],
            )


def _asked(
    schema: "Session[Cursor]", query: str, *told: str
) -> Sequence[tuple[Any, ...]]:  # Any: the server's values
    with schema.cursor() as cursor:
        cursor.execute(query, told)
        return cursor.fetchall()


def _type(kind: str) -> str:
    kind = kind.lower()
    for kinds, lite in ((_NUMBERS, "INTEGER"), (_FRACTIONS, "REAL"), (_BYTES, "BLOB")):
        if kind in kinds:
            return lite
    return "TEXT"


def _value(value: Any) -> Any:  # Any: whatever the column holds
    """As Ghost writes it into SQLite: times as text without a zone, which is UTC."""
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, datetime.date | datetime.timedelta | decimal.Decimal):
        return str(value)
    return value


def _lite(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _my(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def quoted(names: Sequence[str]) -> str:
    """Names of tables for a statement of MySQL's."""
    return ", ".join(_my(name) for name in names)
