"""Only one migration of a database at a time, whoever starts it: a lock in the database itself where its kind has one.

It is held on a connection of the bot for as long as the command runs; when the bot dies, so does the connection, and
the database gives the lock back.
"""

import asyncio
import hashlib
import logging
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import psycopg
import pymysql

from release.masking import masked, masked_start
from release.migrations.config import DatabaseKind
from release.migrations.connection import Connection
from release.migrations.errors import LockLost, MigrationGoingOn, TargetUnreachable

log = logging.getLogger(__name__)
T = TypeVar("T")
Told = Callable[[str], Awaitable[None]]

# "ghostbot" and "migrate", four letters each: the two halves of the advisory lock, told in docs/deploy.md.
CLASS, OBJECT = 0x67686F73, 0x6D696772
CONNECT_SECONDS = 15
LOOK_SECONDS = 1.0
SIGN_OF_LIFE_SECONDS = 10.0
END_SECONDS = 10.0
SESSION = "ghostbot migrates"
"""What the sessions of a migration's command are called in PostgreSQL, where its driver takes PGAPPNAME."""


class Lock(ABC):
    """One database's lock, on a connection that is open."""

    @abstractmethod
    async def try_to_take(self) -> bool:
        """Whether it is held afterwards."""

    @abstractmethod
    async def holder(self) -> str:
        """Who holds it, as far as the database tells."""

    @abstractmethod
    async def is_alive(self) -> None:
        """Raises the driver's error where the connection is gone, and with it the lock."""

    @abstractmethod
    async def end_left_behind(self) -> None:
        """No session of a command that has ended goes on in the database. Raises TimeoutError, or the driver's error.

        Only for who holds the lock: nobody else's command runs then.
        """

    @abstractmethod
    async def close(self) -> None:
        """The lock is free."""


@asynccontextmanager
async def one_at_a_time(
    target: Connection, site: str, name: str, patience: float, told: Told
) -> AsyncIterator[Lock | None]:
    """The database's lock is held inside the block; None for a kind of database that the bot knows no lock of.

    `name` says to others who holds it. Raises MigrationGoingOn after `patience` seconds. What the command of a bot that
    was killed has left in the database is ended first.
    """
    lock = await _open(target, site, name)
    if lock is None:
        yield None
        return
    async with taken(lock, site, patience, told):
        yield lock


@asynccontextmanager
async def taken(lock: Lock, site: str, patience: float, told: Told) -> AsyncIterator[Lock]:
    """The lock is held inside the block, and its connection closed afterwards. Raises MigrationGoingOn."""
    try:
        await _take(lock, site, patience, told)
        if why := await _ended(lock):
            await told(f"what an earlier command left in the database could not be ended: {why}")
        yield lock
    finally:
        await asyncio.shield(_closed(lock))


async def while_held(
    lock: Lock | None, work: Coroutine[Any, Any, T], look_every: float = SIGN_OF_LIFE_SECONDS
) -> T:
    """What `work` returns; it is stopped, and LockLost raised, when the lock is lost on the way.

    What `work` leaves in the database is ended at once: it would keep its locks, and visitors would wait for them.
    The connection is asked for a sign of life every `look_every` seconds.
    """
    if lock is None:
        return await work
    working, watching = asyncio.create_task(work), asyncio.create_task(_watched(lock, look_every))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await watching
        return await working
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
        await asyncio.shield(_ended(lock))


async def _watched(lock: Lock, look_every: float) -> None:
    """Never ends while the connection is well; asking now and then also keeps it from being closed as idle."""
    while True:
        await asyncio.sleep(look_every)
        try:
            await lock.is_alive()
        except (psycopg.Error, pymysql.MySQLError, OSError) as error:
            raise LockLost(_why(error)) from error


async def _take(lock: Lock, site: str, patience: float, told: Told) -> None:
    deadline = time.monotonic() + patience
    try:
        while not await lock.try_to_take():
            holder = await lock.holder()
            if time.monotonic() > deadline:
                raise MigrationGoingOn(f"{patience:.0f}", holder)
            await told(f"waits for another migration of this database ({holder})")
            await asyncio.sleep(LOOK_SECONDS)
    except (psycopg.Error, pymysql.MySQLError, OSError) as error:
        raise TargetUnreachable(site, _why(error)) from error


async def _ended(lock: Lock) -> str | None:
    """What commands left behind is ended; why not, or None. It may keep tables of production locked, so it is told."""
    try:
        await lock.end_left_behind()
    except (psycopg.Error, pymysql.MySQLError, OSError) as error:
        why = _why(error)
        log.warning("what a migration left in its database may go on", extra={"problem": why})
        return why
    return None


async def _closed(lock: Lock) -> None:
    with suppress(psycopg.Error, pymysql.MySQLError, OSError):
        await lock.close()


async def _open(target: Connection, site: str, name: str) -> Lock | None:
    try:
        if target.kind is DatabaseKind.POSTGRESQL:
            return await PostgresLock.open(target, name)
        if target.kind is DatabaseKind.MYSQL:
            return await MysqlLock.open(target)
    except (psycopg.Error, pymysql.MySQLError, OSError, ValueError) as error:
        raise TargetUnreachable(site, Hidden(target).of(error)) from error
    return None


class Hidden:
    """A driver's complaint, without what the connection string holds."""

    def __init__(self, target: Connection) -> None:
        self._target = target

    def of(self, error: BaseException) -> str:
        text = _why(error)
        for secret in self._target.secrets:
            text = text.replace(secret, "[hidden]")
        return text


def _why(error: BaseException) -> str:
    text = str(error.args[1] if isinstance(error, pymysql.MySQLError) and len(error.args) > 1 else error)
    lines = text.strip().splitlines()
    return masked_start(lines[0], 200) if lines else type(error).__name__


class PostgresLock(Lock):
    """A session's advisory lock: of one database, and gone with the session."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:  # Any: rows of whatever is asked
        self._connection = connection

    @classmethod
    async def open(cls, target: Connection, name: str) -> "PostgresLock":
        where: dict[str, Any] = {  # Any: the driver's keywords
            "host": target.host,
            "port": target.port or None,
            "user": target.user or None,
            "password": target.password or None,
            "dbname": target.database or None,
            "sslmode": _POSTGRES_SSL.get(target.ssl.replace("-", "")),
        }
        told = {key: value for key, value in where.items() if value is not None}
        connecting = psycopg.AsyncConnection.connect(
            **told, application_name=name, connect_timeout=CONNECT_SECONDS, autocommit=True
        )
        return cls(await connecting)

    async def try_to_take(self) -> bool:
        return bool(await self._ask("SELECT pg_try_advisory_lock(%s, %s)", CLASS, OBJECT))

    async def holder(self) -> str:
        found = await self._ask(
            "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s AND l.database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())",
            CLASS,
            OBJECT,
        )
        return masked(str(found or "a session without a name"))[:80]

    async def is_alive(self) -> None:
        await self._connection.execute("SELECT 1")

    async def end_left_behind(self) -> None:
        """The server goes on with what a killed client had asked for: it looks for the client only when it answers."""
        mine = "FROM pg_stat_activity WHERE application_name = %s AND usename = current_user"
        await self._ask(f"SELECT count(pg_terminate_backend(pid)) {mine}", SESSION)
        deadline = time.monotonic() + END_SECONDS
        while left := await self._ask(f"SELECT count(*) {mine}", SESSION):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{left} of its sessions are still there after {END_SECONDS:.0f} seconds")
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        await self._connection.close()

    async def _ask(self, query: str, *told: object) -> Any:  # Any: a value of the database's
        found = await (await self._connection.execute(query.encode(), told)).fetchone()
        return found[0] if found else None


_POSTGRES_SSL = {
    "disable": "disable",
    "allow": "allow",
    "prefer": "prefer",
    "require": "require",
    "true": "require",
    "required": "require",
    "verifyca": "verify-ca",
    "verifyfull": "verify-full",
}


class MysqlLock(Lock):
    """GET_LOCK of MySQL and MariaDB: of the whole server, so its name tells the database."""

    def __init__(
        self, connection: "pymysql.Connection[Any]", database: str
    ) -> None:  # Any: the cursor's type
        self._connection = connection
        self._name = f"ghostbot migrates {hashlib.sha256(database.encode()).hexdigest()[:32]}"

    @classmethod
    async def open(cls, target: Connection) -> "MysqlLock":
        context = _mysql_ssl(target.ssl)

        def connect() -> "pymysql.Connection[Any]":  # Any: as above
            return pymysql.connect(
                host=target.host,
                port=int(target.port or 3306),
                user=target.user,
                password=target.password,
                database=target.database,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=60,
                autocommit=True,
                ssl=context,
            )

        return cls(await asyncio.to_thread(connect), target.database)

    async def try_to_take(self) -> bool:
        return bool(await self._ask("SELECT GET_LOCK(%s, 0)", self._name) == 1)

    async def holder(self) -> str:
        return f"its connection {await self._ask('SELECT IS_USED_LOCK(%s)', self._name) or 'is gone'}"

    async def is_alive(self) -> None:
        await self._ask("SELECT IS_USED_LOCK(%s)", self._name)

    async def end_left_behind(self) -> None:
        """The server does it: it ends a statement whose client is gone, or finishes one that alters a table."""

    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)

    async def _ask(self, query: str, *told: str) -> Any:  # Any: a value of the database's
        def ask() -> Any:  # Any: as above
            with self._connection.cursor() as cursor:
                cursor.execute(query, told)
                found = cursor.fetchone()
            return found[0] if found else None

        return await asyncio.to_thread(ask)


def _mysql_ssl(mode: str) -> ssl.SSLContext | None:
    """As MySQL's clients understand the modes: required encrypts, and only verify looks at the certificate."""
    if mode in ("", "0", "false", "none", "disabled", "disable", "preferred", "prefer"):
        return None
    context = ssl.create_default_context()
    if "verify" not in mode:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
