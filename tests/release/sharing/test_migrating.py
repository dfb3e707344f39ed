"""The migration of a shared database, on a real MariaDB: whatever stops it, production is as it was before."""

import asyncio
from dataclasses import replace

import pytest

from release.errors import ReleaseError
from release.fitting import DATABASE, HELD
from release.migrations.errors import LockLost, MigrationGoingOn
from release.migrations.lock import while_held
from release.mysql.lock import alone
from release.site import PRODUCTION
from release.steps.sharing_live import NotMigrated, OldVersionCannotRead, RestartedMeanwhile
from tests.ghost.small_mysql import asked, tell
from tests.release.conftest import NEW, OLD
from tests.release.sharing.conftest import Shop
from tests.sandbox.appservice_fixtures import eventually

pytestmark = pytest.mark.mariadb

HALF_WAY = ("ALTER TABLE posts ADD COLUMN newer int", "UPDATE migrations_lock SET locked = 1")


async def test_a_migration_of_the_real_database_goes_well_and_may_run_twice(shop: Shop) -> None:
    before = (await shop.holds())[0]
    for _ in range(2):
        await shop.steps.close_writes(shop.release.id)
        await shop.steps.dump(shop.release.id)
        assert not await shop.takes_writes()
    await shop.steps.migrate_shared(shop.release.id)
    shop.migrator_says()
    await shop.steps.migrate_shared(shop.release.id)
    after = (await shop.holds())[0]
    assert after["posts"] == before["posts"]
    assert after["automations"] == 0
    await shop.steps.test_production(shop.release.id)
    facts = (await shop.facts()).facts
    assert facts.migration is not None
    assert (facts.migration.from_version, facts.migration.to_version) == ("5.100", "6.4")
    assert facts.way_back is not None
    assert facts.way_back.rows == before, "the second run kept the dump of the first"


@pytest.mark.parametrize(
    ("statements", "fails"),
    [
        pytest.param(HALF_WAY, True, id="it fails half-way"),
        pytest.param(("DELETE FROM posts WHERE id = 'p2'",), False, id="it loses rows"),
        pytest.param(
            ("UPDATE settings SET value = 'Other' WHERE `key` = 'title'",), False, id="it loses the title"
        ),
    ],
)
async def test_a_migration_that_fails_on_the_real_database_is_undone_and_production_opens(
    shop: Shop, statements: tuple[str, ...], fails: bool
) -> None:
    before = await shop.holds()
    shop.migrator_says(*statements, fails=fails)
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    with pytest.raises(NotMigrated):
        await shop.steps.migrate_shared(shop.release.id)
    for _ in range(2):
        await shop.steps.put_back(shop.release.id)
        assert await shop.holds() == before
        assert await shop.takes_writes()
    release = await shop.facts()
    assert "is as it was before this release: from b-" in str(release.facts.put_back) or (
        "nothing of it was changed" in str(release.facts.put_back)
    )
    assert await shop.cloud.site.version(PRODUCTION) == OLD


async def test_a_bot_killed_in_the_migration_begins_it_again_from_the_dump(shop: Shop) -> None:
    before = await shop.holds()
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    shop.migrator_says(*HALF_WAY, "UPDATE posts SET title = 'half'", fails=True)
    with pytest.raises(NotMigrated):
        await shop.steps.migrate_shared(shop.release.id)
    shop.migrator_says("ALTER TABLE posts ADD COLUMN newer int")
    # All of it anew, as another version of the bot does: the dump is the one from before the first change.
    first = (await shop.facts()).facts.way_back
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    assert (await shop.facts()).facts.way_back == first
    await shop.steps.migrate_shared(shop.release.id)
    assert asked(shop.real, "SELECT title FROM posts WHERE id = 'p1'") == (("It's a \\ post",),)
    await shop.steps.put_back(shop.release.id)
    assert await shop.holds() == before


async def test_an_old_version_that_cannot_read_the_new_schema_stops_the_release_or_is_accepted(
    shop: Shop,
) -> None:
    before = await shop.holds()
    await shop.migrates()
    await shop.cloud.answers(host="site", slot="blog", path="/rss/", status=400, count=50)
    with pytest.raises(OldVersionCannotRead, match="400"):
        await shop.steps.test_production(shop.release.id)
    config = shop.cloud.site.config
    assert config.mysql is not None
    shop.cloud.site.config = replace(config, mysql=replace(config.mysql, readers_may_see_errors=True))
    await shop.steps.test_production(shop.release.id)
    await shop.steps.put_back(shop.release.id)
    assert await shop.holds() == before


async def test_an_old_version_that_is_restarted_on_the_migrated_database_waits_until_it_is_its_own_again(
    shop: Shop,
) -> None:
    before = await shop.holds()
    await shop.migrates()
    await shop.cloud.does(PRODUCTION, "kill-process")

    async def waits() -> bool:
        answer = await shop.cloud.http.get(shop.cloud.address())
        return answer.status_code == 503 and answer.headers.get(HELD) == NEW

    await eventually(waits, "the old version waits")
    answer = await shop.cloud.http.get(shop.cloud.address())
    assert "being updated" in answer.text
    assert int(answer.headers["Retry-After"]) > 0
    with pytest.raises(RestartedMeanwhile, match="restarted"):
        await shop.steps.test_production(shop.release.id)
    await shop.steps.put_back(shop.release.id)
    await shop.cloud.is_well()
    assert await shop.holds() == before
    assert await shop.takes_writes()
    for slot in (PRODUCTION, "staging"):
        assert not (shop.cloud.wwwroot(slot) / DATABASE).exists()


async def test_only_one_migration_of_a_database_goes_on_at_a_time(shop: Shop) -> None:
    told: list[str] = []

    async def tell_it(text: str) -> None:
        told.append(text)

    async with alone(shop.real, tell_it):
        with pytest.raises(MigrationGoingOn):
            async with alone(shop.real, tell_it, patience=1):
                raise AssertionError("both had it")
    async with alone(shop.real, tell_it, patience=1):
        pass
    assert len(told) >= 1
    assert all(
        one.startswith("waits for another migration of this database (its connection ") for one in told
    )


async def quietly(_words: str) -> None:
    """Nobody listens."""


async def test_a_migration_of_the_real_database_is_stopped_when_its_lock_is_lost(shop: Shop) -> None:
    async with alone(shop.real, quietly) as lock:
        working = asyncio.create_task(while_held(lock, asyncio.sleep(600), look_every=0.1))
        others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
        for (session,) in await asyncio.to_thread(asked, shop.real, others):
            await asyncio.to_thread(tell, shop.real, f"KILL {session}")
        with pytest.raises(LockLost):
            await working


async def test_a_restore_of_a_damaged_dump_is_told_and_leaves_production_closed(shop: Shop) -> None:
    await shop.migrates()
    kept = (await shop.facts()).facts.way_back
    assert kept is not None
    (shop.desk.folder / "backups" / kept.path).with_suffix(".sql.gz").write_bytes(b"something else")
    try:
        await shop.steps.put_back(shop.release.id)
    except ReleaseError as error:
        raise AssertionError("it is told, and raises nothing over the first failure") from error
    assert "could NOT be put back" in str((await shop.facts()).facts.put_back)
    assert not await shop.takes_writes()
