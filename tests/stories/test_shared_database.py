"""A web app whose slots share a real database, migrated in place by a real tool, while people order in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from demo.shop.load import load_on
from demo.shop.versions import BREAKS_THE_OLDER, FAILS_HALF_WAY, NEVER_ENDS, NEWER, OLDER, dbmate_program
from release.model import State
from tests.logins import Kind
from tests.shop import ShopDatabase, a_shop_database
from tests.stories.secrets import files_with, process_lists_watched
from tests.stories.shop import Shop, goes_on, options
from tests.stories.team import a_team

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

PER_SECOND = 8
STUCK_SECONDS = 20


@pytest.mark.postgres
async def test_a_shop_on_postgresql_goes_live_and_back_and_nobody_who_orders_notices(
    tmp_path: Path, cache: Path
) -> None:
    with a_shop_database(Kind.POSTGRES, await dbmate_program()) as database:
        async with a_shop(tmp_path, cache, database, options(database, tmp_path / "artefacts")) as shop:
            async with process_lists_watched(database.login.password) as shown:
                await goes_live_and_back(shop)
                await breaks_production_and_is_undone(shop)
            assert not shown
            await tells_no_secret(shop)


@pytest.mark.mariadb
async def test_a_shop_on_mariadb_is_migrated_after_the_approval_only(tmp_path: Path, cache: Path) -> None:
    with a_shop_database(Kind.MYSQL, await dbmate_program()) as database:
        told = options(
            database,
            tmp_path / "artefacts",
            approve="before migration",
            migration={"bundle_beside": "{name}-migrations.zip"},
        )
        async with a_shop(tmp_path, cache, database, told) as shop:
            async with process_lists_watched(database.login.password) as shown:
                await goes_live_after_its_migration_was_approved(shop)
                await fails_half_way(shop)
            assert not shown
            await tells_no_secret(shop)


@pytest.mark.postgres
async def test_two_sites_of_one_database_take_turns_and_no_stuck_migration_keeps_people_out(
    tmp_path: Path, cache: Path
) -> None:
    with a_shop_database(Kind.POSTGRES, await dbmate_program()) as database:
        told = options(
            database, tmp_path / "artefacts", "before migration", migration={"seconds": STUCK_SECONDS}
        )
        (tmp_path / "artefacts").mkdir()
        async with a_team(tmp_path / "world", cache, ("shop", "till"), told) as team:
            shop, till = (Shop(team, name, database, tmp_path / "artefacts") for name in ("shop", "till"))
            await shop.opens(tmp_path / "migrations")
            await till.opens(tmp_path / "migrations")
            await shop.has_built(NEVER_ENDS)
            await shop.has_built(NEWER)
            async with load_on(await team.world.url("till"), PER_SECOND) as load:
                await goes_on(load)
                await shop.asks(NEVER_ENDS)
                await till.asks(NEWER)
                stuck, card = await shop.card(), await till.card()
                await team.clicks("ben", stuck, "Approve")
                first = await sleeps_in(database)
                await team.world.kill_bot()
                await team.world.start_bot()
                await sleeps_in(database, after=first)
                await team.clicks("ben", card, "Approve")
                await team.sees("ann", "waits for another migration of this database", seconds=60)
                failed = await team.reaches("shop", State.FAILED, seconds=120)
                await team.reaches("till", State.LIVE, seconds=120)
                await goes_on(load)
            assert f"had not ended after {STUCK_SECONDS} s" in (failed.reason or "")
            assert not load.failures
            assert load.versions == [OLDER.version, NEWER.version]
            assert not load.lost(database.orders())
            assert "weight" not in database.columns("products")
            assert "stock" in database.columns("products")


async def sleeps_in(database: ShopDatabase, after: int = 0) -> int:
    """Wait until a migration hangs in the database, another than `after`; returns its session."""
    async with asyncio.timeout(120):
        while True:
            asked = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
            found = [pid for (pid,) in await asyncio.to_thread(database.rows, asked) if pid != after]
            if found:
                return int(found[0])
            await asyncio.sleep(0.1)


async def goes_live_and_back(shop: Shop) -> None:
    team, database = shop.team, shop.database
    await shop.has_built(NEWER)
    async with load_on(await team.world.url(shop.site), PER_SECOND) as load:
        await goes_on(load)
        await shop.asks(NEWER)
        card = await shop.card()
        assert "0002 (head), products have a stock" in card["plain"]
        assert await shop.version("staging") == NEWER.version
        assert "stock" in database.columns("products")  # production runs on the newer schema from here on
        assert await shop.version() == OLDER.version
        await goes_on(load)
        await team.clicks("ben", card, "Approve")
        live = await team.reaches(shop.site, State.LIVE, seconds=120)
        assert live.facts.probe is not None
        assert live.facts.probe.failed == 0
        assert await shop.version() == NEWER.version
        await goes_on(load)
        await team.rolls_back(shop.site)
        await team.reaches(shop.site, State.ROLLED_BACK, seconds=120, after=live)
        assert await shop.version() == OLDER.version
        assert "stock" in database.columns("products")  # the database stays as it is
        await goes_on(load)
    assert not load.failures
    assert load.versions == [OLDER.version, NEWER.version, OLDER.version]
    assert not load.lost(database.orders())


async def breaks_production_and_is_undone(shop: Shop) -> None:
    team = shop.team
    before, swaps = await team.last(shop.site), await team.world.swaps(shop.site)
    await shop.has_built(BREAKS_THE_OLDER)
    await shop.asks(BREAKS_THE_OLDER)
    failed = await team.reaches(shop.site, State.FAILED, seconds=120, after=before)
    loud = await team.sees("ben", "PRODUCTION IS NOT WELL", button="Undo the migration")
    assert await shop.health() == 500
    assert await shop.version() == OLDER.version
    await team.clicks("ben", loud, "Undo the migration")
    await team.reaches(shop.site, State.MIGRATED_DOWN, seconds=120, after=failed)
    assert await shop.health() == 200
    assert "price" in shop.database.columns("products")
    assert await team.world.swaps(shop.site) == swaps


async def goes_live_after_its_migration_was_approved(shop: Shop) -> None:
    team, database = shop.team, shop.database
    digest = await shop.has_built(NEWER, bundle=False)
    async with load_on(await team.world.url(shop.site), PER_SECOND) as load:
        await goes_on(load)
        await shop.asks(NEWER, f"sha256:{digest}")
        card = await shop.card()
        assert "20260201000000_products_have_a_stock.sql" in card["plain"]
        assert "stock" not in database.columns("products")
        await team.clicks("ben", card, "Approve")
        live = await team.reaches(shop.site, State.LIVE, seconds=120)
        assert "stock" in database.columns("products")
        await goes_on(load)
        await team.rolls_back(shop.site)
        await team.reaches(shop.site, State.ROLLED_BACK, seconds=120, after=live)
        await goes_on(load)
    assert not load.failures
    assert load.versions == [OLDER.version, NEWER.version, OLDER.version]
    assert not load.lost(database.orders())


async def fails_half_way(shop: Shop) -> None:
    team = shop.team
    before, swaps = await team.last(shop.site), await team.world.swaps(shop.site)
    await shop.has_built(FAILS_HALF_WAY, bundle=False)
    async with load_on(await team.world.url(shop.site), PER_SECOND) as load:
        await shop.asks(FAILS_HALF_WAY)
        await team.clicks("ben", await shop.card(after=before), "Approve")
        failed = await team.reaches(shop.site, State.FAILED, seconds=120, after=before)
        await goes_on(load)
    assert "Duplicate entry" in (failed.reason or "")
    assert not load.failures
    assert await shop.version() == OLDER.version
    assert await team.world.swaps(shop.site) == swaps


async def tells_no_secret(shop: Shop) -> None:
    """Neither Slack nor anything on the bot's disk has the password: log, records, outputs of migrations."""
    team, password = shop.team, shop.database.login.password
    for person in ("ann", "ben"):
        assert password not in await team.told(person)
    assert not files_with(password, team.world.data_folder)
    assert password.encode() not in (team.world.folder / "bot.log").read_bytes()


@asynccontextmanager
async def a_shop(
    folder: Path, cache: Path, database: ShopDatabase, told: dict[str, object]
) -> AsyncIterator[Shop]:
    """A team with one shop, open in production."""
    (folder / "artefacts").mkdir()
    async with a_team(folder / "world", cache, ("shop",), told) as team:
        shop = Shop(team, "shop", database, folder / "artefacts")
        await shop.opens(folder / "first-migrations")
        yield shop
