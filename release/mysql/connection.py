"""Where a site's database is: looked up in the slot's app settings when it is needed, and stored nowhere."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pymysql
from pymysql.cursors import Cursor

from release.masking import masked_start
from release.mysql.config import MySqlConfig
from release.mysql.errors import NotOnMySql, ServerRefused
from release.site import PRODUCTION, Site

T = TypeVar("T")

CLIENTS = ("mysql", "mysql2")
PREFIX = "database__"
NAME = "database__connection__database"
CONNECT_SECONDS = 15
# A migration of a big table is one statement.
ANSWER_SECONDS = 3600
# App Service resolves these for the site; the bot sees only where the secret is kept.
REFERENCE = "@Microsoft.KeyVault("


@dataclass(frozen=True)
class Encryption:
    """How the connection is encrypted; `authorities` are certificates (PEM) that the server's is checked against."""

    authorities: str | None = None
    checked: bool = True


@dataclass(frozen=True)
class Connection:
    """One database of a server, and who asks. Never shown: its `repr` is the address alone."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    encryption: Encryption | None = None

    def __repr__(self) -> str:
        return f"Connection({self.address!r})"

    @property
    def address(self) -> str:
        """For people and logs."""
        return f"{self.database} on {self.host}:{self.port}"

    def of(self, database: str) -> "Connection":
        """Another database of the same server."""
        return replace(self, database=database)

    @property
    def as_ghosts(self) -> dict[str, str]:
        """The same, as a Ghost that the bot itself starts is told it, in its environment."""
        told = {
            "database__client": "mysql",
            "database__connection__host": self.host,
            "database__connection__port": str(self.port),
            "database__connection__user": self.user,
            "database__connection__password": self.password,
            NAME: self.database,
        }
        if self.encryption is not None:
            how: dict[str, Any] = {"rejectUnauthorized": self.encryption.checked}  # Any: JSON
            if self.encryption.authorities:
                how["ca"] = self.encryption.authorities
            told["database__connection__ssl"] = json.dumps(how)
        return told


async def connection_of(site: Site, slot: str = PRODUCTION) -> Connection:
    """The database that the slot's settings name, as the bot signs in to it. Raises NotOnMySql."""
    return told_by(await site.app.settings(slot), site.app.called(slot), site.config.mysql or MySqlConfig())


def told_by(settings: Mapping[str, str], called: str, config: MySqlConfig) -> Connection:
    """The connection in a slot's app settings, with the operator's own user where one is configured."""
    if settings.get("database__client") not in CLIENTS:
        raise NotOnMySql(called, f"database__client is {settings.get('database__client', 'not set')}.")

    def value(name: str, default: str | None = None) -> str:
        found = settings.get(f"database__connection__{name}", default)
        if not found:
            raise NotOnMySql(called, f"database__connection__{name} is not set.")
        if found.startswith(REFERENCE):
            raise NotOnMySql(
                called,
                f"database__connection__{name} is a reference to a Key Vault, which only the site can read. Give the "
                "bot a user and a password of its own in [sites.NAME.mysql].",
            )
        return found

    try:
        port = int(value("port", "3306"))
    except ValueError as error:
        raise NotOnMySql(called, "database__connection__port is no number.") from error
    return Connection(
        host=value("host"),
        port=port,
        user=config.user or value("user"),
        password=config.password if config.password is not None else value("password"),
        database=value("database"),
        encryption=_encryption(settings.get("database__connection__ssl", "")),
    )


def scratch_of(site: Site, real: Connection, purpose: str = "") -> Connection:
    """The database that the bot may do anything with; never the real one."""
    config = site.config.mysql or MySqlConfig()
    name = (config.scratch or f"{real.database}_ghostbot") + purpose
    if name == real.database:
        raise NotOnMySql(site.name, f"scratch_database is {name}, which is production's own.")
    return real.of(name)


def _encryption(told: str) -> Encryption | None:
    """Ghost hands `database__connection__ssl` to its driver: true, or an object as Node's TLS takes it."""
    try:
        how = json.loads(told or "null")
    except ValueError:
        return Encryption()  # the name of a known provider
    if not how:
        return None
    if not isinstance(how, dict):
        return Encryption()
    return Encryption(how.get("ca"), checked=how.get("rejectUnauthorized", True) is not False)


def encrypted(encryption: Encryption | None) -> ssl.SSLContext | None:
    if encryption is None:
        return None
    context = ssl.create_default_context(cadata=encryption.authorities)
    if not encryption.checked:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def opened(connection: Connection, cursor: type[Cursor] = Cursor) -> "pymysql.Connection[Cursor]":
    """A session on the database, each statement of it for itself; for code that runs in a thread."""
    return pymysql.connect(
        host=connection.host,
        port=connection.port,
        user=connection.user,
        password=connection.password,
        database=connection.database or None,
        charset="utf8mb4",
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        write_timeout=ANSWER_SECONDS,
        autocommit=True,
        ssl=encrypted(connection.encryption),
        cursorclass=cursor,
    )


@contextmanager
def session(connection: Connection, cursor: type[Cursor] = Cursor) -> Iterator["pymysql.Connection[Cursor]"]:
    """A session that is closed at the end of the block."""
    asking = opened(connection, cursor)
    try:
        yield asking
    finally:
        asking.close()


async def speaking(connection: Connection, what: str, work: Callable[[], T]) -> T:
    """What `work` returns, done in a thread; what the driver complains about is ServerRefused, `what` was asked."""
    try:
        return await asyncio.to_thread(work)
    except (pymysql.MySQLError, OSError) as error:
        raise ServerRefused(connection.address, what, _why(error)) from error


def _why(error: Exception) -> str:
    text = str(error.args[1] if isinstance(error, pymysql.MySQLError) and len(error.args) > 1 else error)
    lines = text.strip().splitlines()
    return masked_start(lines[0], 300) if lines else type(error).__name__
