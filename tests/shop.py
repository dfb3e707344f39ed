"""A shop's database in a test: a real server, the tool that migrates it, and what is in it."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from demo.shop.versions import ShopVersion, Tool, migrations
from tests.logins import Kind, Login
from tests.mariadb import MariaDb, a_mariadb
from tests.postgres import Postgres, a_postgres

BOTH = [
    pytest.param(Kind.POSTGRES, marks=pytest.mark.postgres, id="postgres"),
    pytest.param(Kind.MYSQL, marks=pytest.mark.mariadb, id="mariadb"),
]
"""For a fixture that is either."""
ANSWER_SECONDS = 30
NAME = "shop"
"""What the connection string is called on the slots."""


@dataclass(frozen=True)
class ShopDatabase:
    """An empty database, and how its tool is called: words as the settings want them, for a folder of migrations."""

    login: Login
    tool: Tool
    up: tuple[str, ...]
    pending: tuple[str, ...]
    pending_pattern: str
    down: tuple[str, ...]

    @property
    def connection_string(self) -> str:
        """As the slots have it: an address for the one, .NET's form for the other."""
        return self.login.url if self.login.kind is Kind.POSTGRES else self.login.connection_string

    @property
    def app_service_type(self) -> str:
        return "PostgreSQL" if self.login.kind is Kind.POSTGRES else "MySql"

    @property
    def format(self) -> str:
        """How the tool wants the connection string."""
        if self.login.kind is Kind.POSTGRES:
            return "{connection_string}"
        return "mysql://{user}:{password}@{host}:{port}/{database}"

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with self.session() as ask:
            return ask(statement)

    @contextmanager
    def session(self) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        """One connection for the length of the block; each statement stands for itself."""
        login = self.login
        if login.kind is Kind.POSTGRES:
            patience = f"-c statement_timeout={ANSWER_SECONDS}s"
            with psycopg.connect(login.url, autocommit=True, options=patience) as connection:
                yield lambda statement: connection.execute(statement.encode()).fetchall()
            return
        with connected(login) as in_mysql, in_mysql.cursor() as cursor:

            def ask(statement: str) -> list[tuple[Any, ...]]:
                cursor.execute(statement)
                return list(cursor.fetchall())

            yield ask

    def orders(self) -> list[str]:
        return [token for (token,) in self.rows("SELECT token FROM orders")]

    def columns(self, table: str) -> list[str]:
        found = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"  # noqa: S608 - ours
        return [str(name) for (name,) in self.rows(found)]

    async def migrate(self, shop: ShopVersion, folder: Path) -> tuple[int, str]:
        """Its exit code, and what it said, as somebody at a terminal runs the version's migrations."""
        for path, content in migrations(shop, self.tool).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        process = await asyncio.create_subprocess_exec(
            *self.up,
            cwd=folder,
            env={"DATABASE_URL": self.login.url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return await process.wait(), said.decode()


def connected(login: Login) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """To MariaDB; closed at the end of a block."""
    return pymysql.connect(
        host="127.0.0.1",
        port=login.port,
        user=login.user,
        password=login.password,
        database=login.database,
        autocommit=True,
        read_timeout=ANSWER_SECONDS,
    )


def shop_on_postgres(postgres: Postgres) -> ShopDatabase:
    """An empty database, and alembic from this very installation."""
    alembic = str(Path(sys.executable).with_name("alembic"))
    return ShopDatabase(
        postgres.new_login(),
        Tool.ALEMBIC,
        up=(alembic, "upgrade", "head"),
        pending=(alembic, "history", "--rev-range", "current:head", "--indicate-current"),
        pending_pattern=r"^(?!.*\(current\)).* -> (.*)$",
        down=(alembic, "downgrade", "-{count}"),
    )


def shop_on_mariadb(mariadb: MariaDb, dbmate: Path) -> ShopDatabase:
    """An empty database, and dbmate from npm."""
    words = (str(dbmate), "--migrations-dir", ".", "--no-dump-schema")
    return ShopDatabase(
        mariadb.new_login(),
        Tool.DBMATE,
        up=(*words, "migrate"),
        pending=(*words, "status"),
        pending_pattern=r"^\[ \] (.*)$",
        down=(*words, "rollback"),
    )


@contextmanager
def a_shop_database(kind: Kind, dbmate: Path) -> Iterator[ShopDatabase]:
    """One of a server of its own, for the length of the block."""
    if kind is Kind.POSTGRES:
        with a_postgres() as postgres:
            yield shop_on_postgres(postgres)
    else:
        with a_mariadb() as mariadb:
            yield shop_on_mariadb(mariadb, dbmate)
