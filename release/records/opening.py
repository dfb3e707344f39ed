"""Opens the database, with its tables as this version knows them."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    column,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError, OperationalError

from release.errors import ReleaseError
from release.masking import masked
from release.records.base import writing
from release.records.records import Records
from release.records.tables import SCHEMA

_MIGRATING = 7_460_518_246_021  # the advisory lock of whoever migrates these tables on PostgreSQL
# A replica that is frozen inside a transaction keeps its locks; PostgreSQL ends it after this long.
IDLE_IN_TRANSACTION_SECONDS = 10


class DatabaseUnreachable(ReleaseError):
    problem = "The database {0} cannot be used: {1}"
    remedy = "Check database_url, and that PostgreSQL runs and lets the bot in from here."


class DatabaseFileUnusable(ReleaseError):
    problem = "The bot's database {0} cannot be used: {1}."
    remedy = (
        "It must be a SQLite file that belongs to the bot's user, on a disk with room "
        "(in the image: chown 10001:10001). If it is damaged, put back a copy of it: see docs/operations.md."
    )


def open_records(url: str) -> "Records":
    """Open the database at `url`, creating or migrating its tables first.

    A SQLite file is made readable for its owner only: it names people and sites.
    Raises DatabaseTooNew when a newer ghostbot has migrated it already, DatabaseUnreachable if it is a PostgreSQL
    that does not answer, DatabaseFileUnusable if it is a file that cannot be opened, read or written.
    """
    engine = create_engine(driven(url), pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        path = Path(str(engine.url.database))
        event.listen(engine, "connect", _patient_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            if path.is_file():
                path.chmod(0o600)  # also one that was there before
            _migrate(engine)
        except OSError as error:
            raise DatabaseFileUnusable(str(path), os.strerror(error.errno or 0)) from error
        except DBAPIError as error:
            raise DatabaseFileUnusable(str(path), _first_line(error)) from error
    else:
        event.listen(engine, "connect", _impatient_postgres)
        try:
            _migrate(engine)
        except OperationalError as error:
            raise unreachable(url, error) from error
    return Records(engine)


def driven(url: str) -> str:
    """The address with the driver named: SQLAlchemy's choice for `postgresql://` differs between versions."""
    found = make_url(url)
    if found.get_backend_name() == "postgresql":
        found = found.set(drivername="postgresql+psycopg")
    return found.render_as_string(hide_password=False)


def unreachable(url: str, error: DBAPIError) -> DatabaseUnreachable:
    """What a person may read of it: where, without the password, and the first line of why."""
    return DatabaseUnreachable(make_url(url).render_as_string(), masked(_first_line(error)) or "no answer")


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


def _impatient_postgres(connection: Any, _record: object) -> None:  # Any: the driver's own connection
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
    connection.commit()


def _patient_sqlite(connection: Any, _record: object) -> None:  # Any: the driver's own connection
    # The driver begins no transactions of its own (it would not for CREATE TABLE); `_begin_sqlite` does.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 30000")
    # WAL has a corruption bug with several connections up to SQLite 3.51.2 (facts/dbos.md).
    connection.execute("PRAGMA journal_mode = DELETE")


def _begin_sqlite(connection: Connection) -> None:
    """A write takes its turn before it reads: what it decides by is still so when it writes."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    # In one transaction: a bot killed in the middle finds the old schema, not half of the new one.
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":  # replicas that start at once take turns
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        if _revision(connection) != _newest():
            from release.records.migrating import migrate  # noqa: PLC0415 - alembic is loaded only for this

            migrate(connection)


def _revision(connection: Connection) -> str | None:
    """The schema that the tables have now, as alembic has noted it."""
    if not inspect(connection).has_table(SCHEMA):
        return None
    return connection.execute(select(column("version_num")).select_from(table(SCHEMA))).scalar()


def _newest() -> str:
    """The schema of this version: its migrations are named by their number."""
    folder = Path(__file__).parent / "migrations" / "versions"
    return max(path.name.partition("_")[0] for path in folder.glob("[0-9]*_*.py"))
