"""The lock of a database and what is left in it, on real servers, when somebody dies or is stopped meanwhile."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo.shop.versions import NEVER_ENDS, OLDER, dbmate_program, migrations_zip
from release.artefacts.split import pack_again
from release.migrations.command import Bench
from release.migrations.config import MigrationConfig
from release.migrations.connection import Connection, connection
from release.migrations.errors import LockLost, MigrationGoingOn, MigrationTooSlow, TargetUnreachable
from release.migrations.lock import one_at_a_time, while_held
from tests.logins import Kind
from tests.mariadb import MariaDb, a_mariadb
from tests.postgres import Postgres, a_postgres
from tests.shop import BOTH, ShopDatabase, shop_on_mariadb, shop_on_postgres

SECONDS = 60


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_postgres() as postgres:
        yield postgres


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    with a_mariadb() as mariadb:
        yield mariadb


@pytest.fixture(params=BOTH)
async def database(request: pytest.FixtureRequest) -> ShopDatabase:
    if request.param is Kind.POSTGRES:
        return shop_on_postgres(request.getfixturevalue("postgres"))
    return shop_on_mariadb(request.getfixturevalue("mariadb"), await dbmate_program())


async def test_a_pipeline_that_does_as_the_docs_say_keeps_the_bot_away(database: ShopDatabase) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    taken = re.search(
        r"`(SELECT pg_advisory_lock.*?)`"
        if database.login.kind is Kind.POSTGRES
        else r"`(SELECT GET_LOCK.*?)` \|",
        docs,
    )
    assert taken is not None
    with database.session() as pipeline:
        pipeline(taken.group(1))
        with pytest.raises(MigrationGoingOn):
            await held_for_a_moment(target(database), 0.2)
    await held_for_a_moment(target(database), SECONDS)


async def test_a_bot_that_is_killed_holds_no_lock(database: ShopDatabase) -> None:
    bot = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDS_IT),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TARGET": database.connection_string},
    )
    assert bot.stdout is not None
    assert await bot.stdout.readline() == b"held\n"
    bot.kill()
    await bot.wait()
    async with one_at_a_time(target(database), "b", "ghostbot r-b", SECONDS, nobody) as lock:
        assert lock is not None


HOLDS_IT = """
import asyncio, os
from release.migrations.connection import connection
from release.migrations.lock import one_at_a_time

async def nobody(words):
    pass

async def hold():
    async with one_at_a_time(connection(os.environ["TARGET"]), "a", "ghostbot r-a", 60, nobody):
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(hold())
"""


async def test_a_migration_is_stopped_when_its_lock_is_lost(database: ShopDatabase) -> None:
    async with one_at_a_time(target(database), "a", "ghostbot r-a", SECONDS, nobody) as lock:
        asyncio.get_running_loop().call_later(0.5, end_all_other_sessions, database)
        with pytest.raises(LockLost):
            await while_held(lock, asyncio.sleep(600), look_every=0.2)


def end_all_other_sessions(database: ShopDatabase) -> None:
    """As a fail-over of the server would."""
    if database.login.kind is Kind.POSTGRES:
        mine = "WHERE pid <> pg_backend_pid() AND usename = current_user"
        database.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity {mine}")  # noqa: S608 - ours
        return
    for (session,) in database.rows(
        "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
    ):
        database.rows(f"KILL {session}")


async def test_a_database_that_is_not_there_is_told_without_its_password(database: ShopDatabase) -> None:
    wrong = replace(target(database), password="not-the-password")
    with pytest.raises(TargetUnreachable) as told:
        await held_for_a_moment(wrong, SECONDS)
    assert "not-the-password" not in str(told.value)


async def test_a_migration_that_was_stopped_leaves_production_no_locked_table(
    database: ShopDatabase, tmp_path: Path
) -> None:
    """A server goes on with what a killed client had asked for, and keeps its locks for as long."""
    code, said = await database.migrate(OLDER, tmp_path / "before")
    assert code == 0, said
    bench = await bench_of(database, tmp_path, seconds=6)
    async with one_at_a_time(bench.target, "a", "ghostbot r-a", SECONDS, nobody) as lock:
        with pytest.raises(MigrationTooSlow):
            await while_held(lock, bench.migrate(nobody))
    began = time.monotonic()
    assert await asyncio.to_thread(database.rows, "SELECT count(*) FROM products") == [(3,)]
    assert time.monotonic() - began < 30


async def bench_of(database: ShopDatabase, folder: Path, seconds: float) -> Bench:
    config = MigrationConfig(command=database.up, format=database.format, seconds=seconds)
    built = migrations_zip(NEVER_ENDS, database.tool, folder / "built.zip")
    packed = await pack_again(built, "built", folder / "bundle.zip")
    return Bench(
        config, target(database), folder / "work", packed.path, folder / "logs" / "r-a.log", "r-a.log"
    )


async def held_for_a_moment(of: Connection, patience: float) -> None:
    async with one_at_a_time(of, "b", "ghostbot r-b", patience, nobody):
        pass


def target(database: ShopDatabase) -> Connection:
    return connection(database.connection_string, database.app_service_type)


async def nobody(_words: str) -> None:
    """Nobody listens."""
