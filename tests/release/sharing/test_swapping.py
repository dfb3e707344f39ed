"""Before and after a shared database is migrated, on a real MariaDB: staging, the swap, and the ways back."""

import asyncio
from dataclasses import replace

import pytest

from bot.render.result import production_stands
from demo.tiny.seed import Seeded
from release.closing import CLOSED, renew
from release.fitting import DATABASE, only_for
from release.ghost.build import GUARD_FILE
from release.model import Kind, StagingBefore, State, Step, StepState, SwapDone
from release.mysql.connection import NAME, connection_of
from release.mysql.dumped import dump_database, dump_of
from release.mysql.pointing import point_staging_at
from release.mysql.scratch import fill_scratch
from release.site import PRODUCTION
from release.steps.common import NotTheSame
from release.steps.sharing import CannotRefuseWrites
from release.swap import NotWellInProduction
from release.unfinished import note_unfinished, unfinished_by
from tests.ghost.small_mysql import asked, tell
from tests.release.conftest import NEW, OLD
from tests.release.sharing.conftest import Shop
from tests.release.test_routing import routed
from tests.sandbox.appservice_fixtures import eventually

pytestmark = pytest.mark.mariadb

GONE_THROUGH = (Step.MIGRATE, Step.POINT, Step.DEPLOY)


async def test_a_release_that_stops_before_the_migration_leaves_what_was_written_since(shop: Shop) -> None:
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    tell(shop.real, "INSERT INTO tags VALUES ('t1', 'written after the dump')")
    await shop.steps.put_back(shop.release.id)
    assert asked(shop.real, "SELECT name FROM tags") == (("written after the dump",),)
    assert await shop.takes_writes()


async def test_production_that_cannot_refuse_writes_is_migrated_only_if_the_site_says_so(shop: Shop) -> None:
    (shop.cloud.wwwroot() / GUARD_FILE).unlink()
    with pytest.raises(CannotRefuseWrites) as refused:
        await shop.steps.close_writes(shop.release.id)
    assert "open_writes = true in [sites.blog.mysql]" in refused.value.advice
    config = shop.cloud.site.config
    assert config.mysql is not None
    shop.cloud.site.config = replace(config, mysql=replace(config.mysql, open_writes=True))
    await shop.steps.close_writes(shop.release.id)
    assert "not put there by a release that can" in str((await shop.facts()).facts.writes_stay_open)


async def test_staging_is_pointed_at_the_scratch_database_and_production_is_left_alone(shop: Shop) -> None:
    before = dict(shop.cloud.settings(PRODUCTION))
    shop.cloud.settings("staging")["database__debug"] = "true"
    for expected in (True, False):
        assert await point_staging_at(shop.cloud.site, "scratch") is expected
    assert shop.cloud.settings(PRODUCTION) == before
    staging = shop.cloud.settings("staging")
    assert staging[NAME] == "scratch"
    assert staging["database__connection__user"] == shop.real.user
    assert "database__debug" not in staging
    sticky = await shop.cloud.site.app.sticky_settings()
    assert {name for name in before if name.startswith("database__")} <= sticky
    assert "url" in sticky
    assert (await connection_of(shop.cloud.site)).database == shop.real.database


async def test_nobody_is_routed_to_staging_when_it_is_stopped_for_the_scratch_database(shop: Shop) -> None:
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    routed(shop.cloud)
    await shop.steps.point(shop.release.id)
    asked = await shop.cloud.http.get(f"{shop.cloud.told['control']}/requests", params={"host": "arm"})
    paths = [f"{one['method']} {one['path']}" for one in asked.json()["requests"]]
    cleared = next(n for n, path in enumerate(paths) if path.startswith("PATCH") and "/config/web" in path)
    stopped = next(n for n, path in enumerate(paths) if "/slots/staging/stop" in path)
    assert cleared < stopped
    release = await shop.facts()
    assert release.facts.routing_cleared is not None
    assert "traffic routing cleared (12.5 % to staging)" in release.step(Step.POINT).detail

    await shop.desk.records.move(shop.release.id, State.LIVE)
    rollback = await shop.desk.records.create(
        Kind.ROLLBACK_SHARED, "blog", "ann", "C1", version=OLD, before=NEW, undoes=shop.release.id
    )
    routed(shop.cloud)
    await shop.steps.rehearse_back(rollback.id)
    assert await shop.cloud.site.app.routed() == {}
    told = (await shop.desk.records.release(rollback.id)).step(Step.REHEARSE_BACK).detail
    assert "traffic routing cleared" in told


async def is_migrated(shop: Shop, new: Seeded) -> None:
    """The real database is, production refuses writes, and the new version waits on staging for its swap."""
    await shop.cloud.install(new, "staging")
    shop.cloud.settings("staging").update(shop.real.as_ghosts)
    await shop.cloud.is_well("staging")
    await shop.migrates()


async def is_swapping(shop: Shop) -> bool:
    return "swap started" in [event["event"] for event in (await shop.cloud.shows())["events"]]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_good_swap_is_no_failure_where_a_slot_cannot_be_closed_once_more(
    shop: Shop, new: Seeded, killed: bool
) -> None:
    await is_migrated(shop, new)
    putting = asyncio.create_task(shop.steps.put_live(shop.release.id))
    await eventually(lambda: is_swapping(shop), "the swap is under way")
    # After a swap Azure starts the SCM site of what was swapped out anew, which can take longer than patience does.
    slot = "blog" if killed else "blog/staging"
    await shop.cloud.answers(host="scm", slot=slot, method="PUT", path=CLOSED, status=503, count=999)
    if killed:
        putting.cancel()
        await asyncio.gather(putting, return_exceptions=True)
        putting = asyncio.create_task(shop.steps.put_live(shop.release.id))
    assert (await putting).after == NEW
    assert await shop.cloud.site.version(PRODUCTION) == NEW
    assert await shop.takes_writes()
    live = (await shop.facts()).facts
    assert live.swap is not None
    assert live.writes_closed_seconds is not None


async def test_a_swap_back_that_fails_says_which_version_runs_on_which_database(
    shop: Shop, new: Seeded
) -> None:
    before = await shop.holds()
    await is_migrated(shop, new)
    shop.cloud.site.config = replace(shop.cloud.site.config, swap_limit=5)
    putting = asyncio.create_task(shop.steps.put_live(shop.release.id))
    await eventually(lambda: is_swapping(shop), "the swap is under way")
    await shop.cloud.answers(host="site", slot="blog", path="^/sitemap.xml", status=500, count=2)
    await shop.cloud.answers(host="arm", method="POST", path="slotsswap", status=409, count=999)
    with pytest.raises(NotWellInProduction, match="Azure did not swap"):
        await putting
    for _ in range(2):
        await shop.steps.put_back(shop.release.id)
        told = str((await shop.facts()).facts.put_back)
        assert told.startswith(
            f"Production holds {NEW} on the database from before this release, which {OLD} needs"
        )
    assert await shop.holds() == before
    assert await shop.cloud.site.version(PRODUCTION) == NEW


async def test_what_says_that_only_another_version_may_start_never_outlives_its_release(shop: Shop) -> None:
    """A bot that died between the swap and its end, or could not remove the note, leaves no version locked out."""
    site = shop.cloud.site
    notes = {slot: shop.cloud.wwwroot(slot) / DATABASE for slot in (PRODUCTION, "staging")}
    await shop.desk.records.note(shop.release.id, swap=SwapDone(OLD, NEW, 8.1, 120.0))
    await only_for(site, NEW)
    await renew(site, site.staging)
    await shop.steps.put_live(shop.release.id)
    assert not any(note.exists() for note in notes.values())
    assert await shop.takes_writes()

    for _ in range(2):
        await only_for(site, NEW)
        await shop.steps.point(shop.release.id)
        assert [note.exists() for note in notes.values()] == [True, False], (
            "production's own database is another"
        )


async def test_a_rollback_is_rehearsed_although_staging_was_told_to_wait(shop: Shop) -> None:
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    await shop.desk.records.move(shop.release.id, State.LIVE)
    rollback = await shop.desk.records.create(
        Kind.ROLLBACK_SHARED, "blog", "ann", "C1", version=OLD, before=NEW, undoes=shop.release.id
    )
    await only_for(shop.cloud.site, NEW)
    await shop.steps.rehearse_back(rollback.id)
    assert not (shop.cloud.wwwroot("staging") / DATABASE).exists()
    assert (shop.cloud.wwwroot() / DATABASE).exists()


@pytest.mark.parametrize("got_to", GONE_THROUGH)
async def test_an_upgrade_that_nobody_wants_leaves_no_scratch_database_and_nothing_running_on_it(
    shop: Shop, got_to: Step
) -> None:
    await shop.cloud.site.app.start("staging")
    backup = await dump_database(shop.cloud.site, shop.real, shop.store)
    scratch = shop.real.of(f"{shop.real.database}_ghostbot")
    await fill_scratch(shop.real, scratch, await dump_of(shop.store, backup), shop.mysql)
    before = StagingBefore(running=True, version=OLD, mark=None, way_back=None)
    await shop.desk.records.note(shop.release.id, staging_before=before)
    for step in GONE_THROUGH[: 1 + GONE_THROUGH.index(got_to)]:
        await shop.desk.records.step(shop.release.id, step, StepState.DONE)
    if got_to is Step.DEPLOY:
        await note_unfinished(shop.cloud.site, shop.release.id)
    for _ in range(2):
        await shop.desk.stages.undoing.undo(shop.release.id)
        left = (await shop.facts()).facts.staging_left
        assert left is not None
        assert left.undone, left.words
        assert f"{scratch.database} is dropped" in left.words
        databases = {name for (name,) in asked(shop.real, "SHOW DATABASES")}
        assert scratch.database not in databases
        assert shop.real.database in databases
        running = (await shop.cloud.site.app.slot("staging")).running
        assert running is (got_to is Step.MIGRATE)
    closed = await unfinished_by(shop.cloud.site) is not None
    assert closed is (got_to is Step.DEPLOY), "a way back that was not deployed over can still be swapped in"


async def test_after_a_swap_by_hand_nothing_is_stopped_or_dropped(
    shop: Shop, old: Seeded, new: Seeded
) -> None:
    backup = await dump_database(shop.cloud.site, shop.real, shop.store)
    scratch = shop.real.of(f"{shop.real.database}_ghostbot")
    await fill_scratch(shop.real, scratch, await dump_of(shop.store, backup), shop.mysql)
    before = StagingBefore(running=True, version=OLD, mark=None, way_back=None)
    await shop.desk.records.note(shop.release.id, staging_before=before)
    for step in GONE_THROUGH:
        await shop.desk.records.step(shop.release.id, step, StepState.DONE)
    await asyncio.gather(shop.cloud.install(new, PRODUCTION), shop.cloud.install(old, "staging"))
    await shop.desk.stages.undoing.undo(shop.release.id)
    left = (await shop.facts()).facts.staging_left
    assert left is not None
    assert (left.undone, left.running) == (False, True)
    assert f"somebody swapped by hand: production runs {NEW}" in left.words
    assert (await shop.cloud.site.app.slot("staging")).running
    assert await unfinished_by(shop.cloud.site) is None
    assert scratch.database in {name for (name,) in asked(shop.real, "SHOW DATABASES")}


async def somebody_swaps_by_hand(shop: Shop, old: Seeded, new: Seeded) -> None:
    await asyncio.gather(shop.cloud.install(new, PRODUCTION), shop.cloud.install(old, "staging"))


async def test_after_a_swap_by_hand_the_database_is_not_migrated_and_production_takes_writes(
    shop: Shop, old: Seeded, new: Seeded
) -> None:
    before = await shop.holds()
    await shop.steps.close_writes(shop.release.id)
    await shop.steps.dump(shop.release.id)
    await somebody_swaps_by_hand(shop, old, new)
    for step in (
        shop.steps.close_writes,
        shop.steps.dump,
        shop.steps.migrate_shared,
        shop.steps.test_production,
        shop.steps.last_look,
    ):
        with pytest.raises(NotTheSame, match=f"is what was staged \\({NEW}\\) now; it was {OLD}"):
            await step(shop.release.id)
    for _ in range(2):
        await shop.steps.put_back(shop.release.id)
    told = production_stands(await shop.facts())
    assert told.startswith(f"Production holds {NEW}, which somebody put there by hand meanwhile")
    assert "it had not begun to change the database" in told
    assert await shop.holds() == before
    assert await shop.takes_writes()


async def test_after_a_swap_by_hand_the_migrated_database_stays_as_what_is_live_needs_it(
    shop: Shop, old: Seeded, new: Seeded
) -> None:
    await is_migrated(shop, new)
    migrated = await shop.holds()
    await somebody_swaps_by_hand(shop, old, new)
    with pytest.raises(NotTheSame):
        await shop.steps.put_live(shop.release.id)
    assert not await is_swapping(shop)
    await shop.steps.put_back(shop.release.id)
    assert f"the database is the one for {NEW}" in production_stands(await shop.facts())
    assert await shop.holds() == migrated
    assert await shop.takes_writes()
    assert not any((shop.cloud.wwwroot(slot) / DATABASE).exists() for slot in (PRODUCTION, "staging"))
