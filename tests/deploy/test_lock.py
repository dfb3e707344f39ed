"""Only one migration of a database at a time: real servers, real locks."""

import asyncio
import os
import signal
from collections.abc import Iterator

import psycopg
import pytest

from release.migrations.config import DatabaseKind
from release.migrations.connection import Connection, connection
from release.migrations.errors import LockLost, MigrationGoingOn, TargetUnreachable
from release.migrations.lock import SESSION, one_at_a_time, while_held
from tests.logins import Login
from tests.mariadb import MariaDb, a_mariadb
from tests.postgres import Postgres, a_postgres

MAY_GO_ON = "what a migration left in its database may go on"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    with a_mariadb() as server:
        yield server


async def quietly(_text: str) -> None:
    """Progress nobody reads here."""


async def keeps_others_away(target: Connection, other_database: Connection) -> None:
    """While one migrates, another site on this database waits, one on another database does not."""
    told: list[str] = []

    async def tell(text: str) -> None:
        told.append(text)

    order: list[str] = []

    async def second() -> None:
        async with one_at_a_time(target, "shop2", "ghostbot r-2", 30, tell):
            order.append("second")

    async with one_at_a_time(target, "shop1", "ghostbot r-1", 5, quietly) as lock:
        assert lock is not None
        waiting = asyncio.create_task(second())
        async with one_at_a_time(other_database, "shop3", "ghostbot r-3", 5, quietly):
            pass
        with pytest.raises(MigrationGoingOn):
            async with one_at_a_time(target, "shop4", "ghostbot r-4", 0, quietly):
                pass
        async with asyncio.timeout(20):
            while not told:  # noqa: ASYNC110 - it is told by the other task
                await asyncio.sleep(0.02)
        order.append("first")
    await waiting
    assert order == ["first", "second"]
    assert "another migration" in told[0]


def connected(login: Login) -> Connection:
    return connection(login.url)


@pytest.mark.postgres
async def test_postgresql_keeps_others_away(postgres: Postgres) -> None:
    target = connected(postgres.new_login())
    assert target.kind is DatabaseKind.POSTGRESQL
    await keeps_others_away(target, connected(postgres.new_login()))


@pytest.mark.mariadb
async def test_mariadb_keeps_others_away(mariadb: MariaDb) -> None:
    target = connected(mariadb.new_login())
    assert target.kind is DatabaseKind.MYSQL
    await keeps_others_away(target, connected(mariadb.new_login()))


@pytest.mark.postgres
async def test_a_lock_that_is_lost_stops_the_migration(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    login = postgres.new_login()
    target, ended = connected(login), asyncio.Event()

    async def migrates() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def loses_it() -> None:
        async with one_at_a_time(target, "shop", "ghostbot r-1", 5, quietly) as lock:
            working = asyncio.create_task(while_held(lock, migrates(), look_every=0.1))
            await asyncio.sleep(0)
            await asyncio.to_thread(_end_sessions, postgres)
            await working

    with pytest.raises(LockLost):
        await loses_it()
    assert ended.is_set()
    assert MAY_GO_ON in caplog.messages, "the connection that would end them is gone, too"
    async with one_at_a_time(target, "shop", "ghostbot r-2", 10, quietly) as lock:
        assert lock is not None


@pytest.mark.postgres
async def test_what_cannot_be_ended_in_the_database_is_told_and_logged(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    login, told = postgres.new_login(), []

    async def tell(text: str) -> None:
        told.append(text)

    with psycopg.connect(login.url, application_name=SESSION) as left:
        os.kill(left.info.backend_pid, signal.SIGSTOP)
        try:
            async with one_at_a_time(connected(login), "shop", "ghostbot r-1", 5, tell):
                pass
        finally:
            os.kill(left.info.backend_pid, signal.SIGCONT)
    assert ["could not be ended: 1 of its sessions are still there" in text for text in told] == [True]
    assert MAY_GO_ON in caplog.messages


def _end_sessions(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ghostbot r-%'"
        )


async def test_a_database_out_of_reach_is_told_without_its_password() -> None:
    for text in ("postgres://ann:hunter22@127.0.0.1:9/shop", "mysql://ann:hunter22@127.0.0.1:9/shop"):
        with pytest.raises(TargetUnreachable) as caught:
            async with one_at_a_time(connection(text), "shop", "ghostbot r-1", 1, quietly):
                pass
        assert "hunter22" not in str(caught.value)


async def test_of_other_databases_no_lock_is_known_and_nothing_waits() -> None:
    async with one_at_a_time(connection("Data Source=x"), "shop", "ghostbot r-1", 1, quietly) as lock:
        assert lock is None
        assert await while_held(lock, asyncio.sleep(0, "done")) == "done"
