"""The way back: looked at before anything is started, priced, refused where it would do harm."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.tiny.seed import Seeded
from release.backup import back_up
from release.errors import Cancelled
from release.model import Release, State, Step, StepState
from release.records import Records
from release.site import PRODUCTION
from release.slot_database import LOOKS, NewerThanItsGhost, SlotDatabaseUnreadable, read_database
from release.steps.rolling_back import NO_FIRST_COPY, ProductionIsAnother
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_releases import Desk
from tests.sandbox.appservice_fixtures import eventually

DATABASE = "content/data/ghost.db"


@pytest.fixture
async def desk(
    cloud: Cloud, old: Seeded, new: Seeded, records: Records, tmp_path: Path
) -> AsyncIterator[Desk]:
    """Production holds NEW, staging the old one that it took out; nothing runs."""
    await asyncio.gather(cloud.lay_out(new, PRODUCTION), cloud.lay_out(old, "staging"))
    yield Desk(cloud, records, tmp_path)
    records.close()


async def runs(desk: Desk) -> None:
    await asyncio.gather(
        *(desk.cloud.service.cloud.sites["blog"].slots[slot].restart() for slot in (PRODUCTION, "staging"))
    )
    await asyncio.gather(desk.cloud.is_well(), desk.cloud.is_well("staging"))


async def a_rollback(desk: Desk) -> Release:
    await desk.live()
    return await desk.releases.roll_back(None, "ann", "C1")


async def test_an_old_ghost_on_a_newer_database_is_never_started(
    desk: Desk, new: Seeded, tmp_path: Path
) -> None:
    kept = await back_up(desk.cloud.site, tmp_path / "backups", "staging")
    await desk.records.keep_backup(kept)
    shutil.copy(new.database, desk.cloud.wwwroot("staging") / DATABASE)
    await desk.cloud.site.app.stop("staging")
    rollback = await a_rollback(desk)
    for _ in range(2):
        with pytest.raises(
            NewerThanItsGhost, match=r"holds Ghost 5\.118\.1, and its database .* Ghost 6\.4\."
        ) as caught:
            await desk.stages.rolling_back.ready_to_roll_back(rollback.id)
    assert f"/ghost restore {kept.id} blog" in caught.value.advice
    assert await desk.cloud.asked("/start") == 0
    told = (await desk.records.release(rollback.id)).step(Step.PREFLIGHT)
    assert (told.state, "An older Ghost damages" in told.detail) == (StepState.FAILED, True)
    assert not list((tmp_path / "work").rglob("*.db"))


async def test_a_swap_of_an_old_ghost_on_a_newer_database_is_refused(
    laid_out: Cloud, new: Seeded, old: Seeded, records: Records, tmp_path: Path
) -> None:
    desk = Desk(laid_out, records, tmp_path)
    await laid_out.lay_out(new, PRODUCTION)
    await laid_out.lay_out(old, "staging")
    shutil.copy(new.database, laid_out.wwwroot("staging") / DATABASE)
    swap = await desk.releases.swap(None, "ann", "C1")
    with pytest.raises(NewerThanItsGhost) as caught:
        await desk.stages.staging.preflight(swap.id)
    assert "/ghost restore for a backup" in caught.value.advice
    assert await laid_out.asked("/start") == 0
    records.close()


async def test_a_database_that_cannot_be_read_is_no_way_back(desk: Desk) -> None:
    (desk.cloud.wwwroot("staging") / DATABASE).write_bytes(
        b"not a database at all, and long enough to be looked at"
    )
    rollback = await a_rollback(desk)
    with pytest.raises(SlotDatabaseUnreadable) as caught:
        await desk.stages.rolling_back.ready_to_roll_back(rollback.id)
    assert f"No backup of Ghost {OLD} is kept" in caught.value.advice


async def test_a_copy_that_arrives_broken_is_fetched_again(desk: Desk, tmp_path: Path) -> None:
    await desk.cloud.answers(
        host="scm", slot="blog/staging", method="GET", path="ghost.db$", status=200, body=""
    )
    found = await read_database(desk.cloud.site, "staging", tmp_path / "copy.db")
    assert found.version == "5.118"
    assert await desk.cloud.asked("ghost.db", "GET") == 2 < LOOKS


async def test_people_are_asked_at_a_price_and_nothing_has_changed_by_then(desk: Desk) -> None:
    await runs(desk)
    first = await back_up(desk.cloud.site, desk.folder / "backups")
    live = await desk.live()
    await desk.records.note(live.id, live_backup=first)
    rollback = await desk.releases.roll_back(None, "ann", "C1")
    assert desk.started == [(rollback.id, State.STAGING)]
    stages = desk.stages
    for _ in range(2):
        await stages.rolling_back.ready_to_roll_back(rollback.id)
        await stages.rolling_back.keep_what_a_rollback_leaves(rollback.id)
    await stages.staging.ask(rollback.id)
    asked = await desk.records.release(rollback.id)
    assert asked.state is State.AWAITING_APPROVAL
    assert asked.facts.left_behind is not None
    assert (asked.facts.left_behind.words, asked.facts.price_unknown) == ("nothing", None)
    assert asked.facts.live_since == (await desk.records.release(live.id)).ended_at
    assert await desk.cloud.site.version(PRODUCTION) == NEW
    assert await desk.cloud.asked("slotsswap") == 0

    for _ in range(2):
        await stages.rolling_back.recheck(rollback.id)
        await stages.rolling_back.keep_last_writes(rollback.id)
        await stages.promoting.put_live(rollback.id)
        await stages.rolling_back.tell_final_price(rollback.id)
    assert await desk.cloud.site.version(PRODUCTION) == OLD
    assert await desk.cloud.asked("slotsswap") == 1
    assert (await desk.records.release(rollback.id)).facts.backup != asked.facts.backup


async def test_without_a_backup_it_still_asks_and_says_that_the_price_is_not_known(desk: Desk) -> None:
    rollback = await a_rollback(desk)
    await desk.cloud.does(PRODUCTION, "webjob", job="BackupDb-Manual", outcome="fail")
    await desk.stages.rolling_back.keep_what_a_rollback_leaves(rollback.id)
    facts = (await desk.records.release(rollback.id)).facts
    assert facts.backup is None
    assert "no backup could be made" in str(facts.price_unknown)
    await desk.cloud.does(PRODUCTION, "webjob", job="BackupDb-Manual", outcome=None)
    await desk.stages.rolling_back.keep_last_writes(rollback.id)
    facts = (await desk.records.release(rollback.id)).facts
    assert facts.backup is not None
    assert facts.price_unknown == NO_FIRST_COPY


async def test_a_late_look_that_fails_is_tried_again_since_nobody_waits(desk: Desk) -> None:
    rollback = await a_rollback(desk)
    await desk.cloud.does("staging", "webjob", job="BackupDb-Manual", outcome="fail")
    looking = asyncio.create_task(desk.stages.rolling_back.tell_final_price(rollback.id))

    async def tries_again() -> bool:
        release = await desk.records.release(rollback.id)
        return "tries again" in str(release.step(Step.LATE_WRITES).detail)

    await eventually(tries_again, "the look is tried again")
    await desk.cloud.does("staging", "webjob", job="BackupDb-Manual", outcome=None)
    await looking
    assert (await desk.records.release(rollback.id)).facts.backup is not None


async def test_a_rollback_of_what_is_no_longer_there_is_refused(desk: Desk, old: Seeded) -> None:
    rollback = await a_rollback(desk)
    await desk.cloud.lay_out(old, PRODUCTION)
    with pytest.raises(ProductionIsAnother, match=OLD):
        await desk.stages.rolling_back.ready_to_roll_back(rollback.id)


async def test_a_rollback_is_cancelled_before_its_question(desk: Desk) -> None:
    rollback = await a_rollback(desk)
    await desk.releases.cancel(None, "ben")
    with pytest.raises(Cancelled):
        await desk.stages.staging.ask(rollback.id)
