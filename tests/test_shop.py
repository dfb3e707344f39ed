"""The shop that the stories of shared databases are told with is as good and as bad as they say."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from demo.shop.load import Load, NotHere, load_on
from demo.shop.versions import (
    BREAKS_THE_OLDER,
    FAILS_HALF_WAY,
    NEWER,
    OLDER,
    ShopVersion,
    dbmate_program,
    site_zip,
)
from demo.world import end_group
from release.ghost.npm import carried_node
from release.ghost.running import free_port
from tests.logins import Kind
from tests.shop import BOTH, ShopDatabase, a_shop_database

START_SECONDS = 60


@pytest.fixture(params=BOTH)
async def database(request: pytest.FixtureRequest) -> AsyncIterator[ShopDatabase]:
    with a_shop_database(request.param, await dbmate_program()) as database:
        yield database


async def test_the_older_code_runs_on_the_newer_schema_too_and_not_on_the_one_that_renames(
    database: ShopDatabase, tmp_path: Path
) -> None:
    await migrated(database, OLDER, tmp_path)
    async with (
        running(database, OLDER, tmp_path / "older") as older,
        running(database, NEWER, tmp_path / "newer") as newer,
    ):
        assert await health(older) == 200
        assert await health(newer) == 500  # it wants a column that is not there yet
        async with load_on(older, per_second=20) as load:
            await has_ordered(load, 5)
            await migrated(database, NEWER, tmp_path)
            await has_ordered(load, len(load.ordered) + 5)
        assert not load.failures
        assert not load.lost(database.orders())
        assert await health(older) == await health(newer) == 200
        await migrated(database, BREAKS_THE_OLDER, tmp_path)
        assert await health(older) == 500


async def test_a_migration_that_fails_half_way_is_told_and_leaves_what_the_database_leaves(
    database: ShopDatabase, tmp_path: Path
) -> None:
    await migrated(database, NEWER, tmp_path)
    code, said = await database.migrate(FAILS_HALF_WAY, tmp_path / "failing")
    assert code != 0
    assert "uplicate" in said
    # PostgreSQL takes back what a failed migration has changed; MariaDB cannot.
    assert ("colour" in database.columns("products")) == (database.login.kind is Kind.MYSQL)


async def test_an_order_that_was_acknowledged_and_is_gone_is_missed(
    database: ShopDatabase, tmp_path: Path
) -> None:
    await migrated(database, OLDER, tmp_path)
    async with running(database, OLDER, tmp_path / "older") as url, load_on(url, per_second=20) as load:
        await has_ordered(load, 3)
    kept = database.orders()
    assert not load.lost(kept)
    assert load.lost(kept[1:]) == kept[:1]
    assert load.lost([*kept, kept[0]]) == kept[:1]


async def test_failures_of_the_shop_are_counted(tmp_path: Path) -> None:
    async with load_on(f"http://127.0.0.1:{free_port()}", per_second=50) as load:
        async with asyncio.timeout(START_SECONDS):
            while len(load.failures) < 3:  # noqa: ASYNC110 - the load tells nobody
                await asyncio.sleep(0.02)
    assert load.requests == len(load.failures)


async def test_the_load_stays_on_this_machine() -> None:
    with pytest.raises(NotHere):
        async with load_on("http://shop.example.com"):
            pass


async def migrated(database: ShopDatabase, shop: ShopVersion, folder: Path) -> None:
    code, said = await database.migrate(shop, folder / f"migrations-{shop.version}")
    assert code == 0, said


async def health(url: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/health")).status_code


async def has_ordered(load: Load, many: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while len(load.ordered) < many:
            assert not load.failures
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(database: ShopDatabase, shop: ShopVersion, folder: Path) -> AsyncIterator[str]:
    """The version as a process, started from its zip as App Service would."""
    folder.mkdir()
    packed = await site_zip(shop, database.tool, folder / "site.zip")
    await asyncio.to_thread(shutil.unpack_archive, packed, folder / "site")
    port = free_port()
    prefix = "POSTGRESQLCONNSTR_" if database.login.kind is Kind.POSTGRES else "MYSQLCONNSTR_"
    process = await asyncio.create_subprocess_exec(
        str(carried_node().node),
        "server.js",
        cwd=folder / "site",
        env={"PORT": str(port), f"{prefix}shop": database.connection_string},
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            assert b"listens" in await process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        await end_group(process, signal.SIGTERM)
