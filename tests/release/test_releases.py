"""What people can ask for, and how a release ends: deciding, cancelling, the old slot, the way back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.backups import BackupStore
from release.chores import Chores
from release.errors import (
    Cancelled,
    NothingToCancel,
    NothingToRollBack,
    SiteBusy,
    SiteNeeded,
    TooLateToCancel,
    UnknownSite,
)
from release.ghost.cache import Cache
from release.ghost.npm import Npm, Registry
from release.ghost.releases import Releases as PublishedGhosts
from release.journal import Journal
from release.model import Kind, Release, State, Step, Verdict
from release.packages import Packages
from release.records import Records
from release.releases import NoSuchApproval, Releases
from release.site import PRODUCTION
from release.steps import Folders, Parts, Stages
from tests.release.conftest import NEW, OLD, Cloud

DAY = timedelta(days=1)


class Desk:
    """People's side of the releases of one blog, and what was handed to the engine."""

    def __init__(self, cloud: Cloud, records: Records, folder: Path) -> None:
        npm = Npm(Cache(folder / "cache"), Registry("http://127.0.0.1:9"))
        self.npm = npm
        ghosts = PublishedGhosts(npm)
        sites = {"blog": cloud.site}
        self.cloud = cloud
        self.folder = folder
        self.records = records
        self.started: list[tuple[str, State]] = []
        self.releases = Releases(sites, records, ghosts, self._start)
        store = BackupStore(folder / "backups")
        folders = Folders(folder / "backups", folder / "work")
        self.parts = Parts(sites, records, npm, ghosts, folders, store, Packages(npm, records, None))
        self.stages = Stages(self.parts)
        self.chores = Chores(sites, records, store, folder / "work")

    async def _start(self, release: Release) -> None:
        self.started.append((release.id, release.state))

    async def live(self) -> Release:
        """A release from OLD to NEW that went live; the slots hold them the other way round already."""
        release = await self.records.create(Kind.UPGRADE, "blog", "ann", "C1", version=NEW, before=OLD)
        await self.records.move(release.id, State.LIVE)
        return await self.records.release(release.id)


@pytest.fixture
async def desk(cloud: Cloud, records: Records, tmp_path: Path) -> AsyncIterator[Desk]:
    yield Desk(cloud, records, tmp_path)
    records.close()


async def test_a_site_is_named_or_the_only_one(desk: Desk, records: Records) -> None:
    assert (await desk.releases.back_up(None, "ann", "C1")).site == "blog"
    with pytest.raises(UnknownSite, match="shop"):
        await desk.releases.back_up("shop", "ann", "C1")
    with pytest.raises(SiteBusy, match="ann"):
        await desk.releases.swap("blog", "ben", "C1")
    two = Releases({"a": desk.cloud.site, "b": desk.cloud.site}, records, desk.releases._ghosts, desk._start)
    with pytest.raises(SiteNeeded) as caught:
        await two.back_up(None, "ann", "C1")
    assert "a, b" in caught.value.advice


async def test_two_clicks_start_one_promotion(desk: Desk, records: Records) -> None:
    release = await desk.releases.swap(None, "ann", "C1")
    approval = await records.ask(release.id, DAY)
    clicks = await asyncio.gather(
        *(desk.releases.decide(approval.id, Verdict.APPROVED, who) for who in ("ben", "cleo"))
    )
    assert sum(click.won for click in clicks) == 1
    assert desk.started == [(release.id, State.STAGING), (release.id, State.PROMOTING)]
    with pytest.raises(NoSuchApproval):
        await desk.releases.decide("nonsense", Verdict.APPROVED, "ben")


async def test_what_was_decided_but_not_begun_is_begun_by_the_next_bot(desk: Desk, records: Records) -> None:
    release = await desk.releases.swap(None, "ann", "C1")
    approval = await records.ask(release.id, DAY)
    await desk.releases.go_on()
    assert len(desk.started) == 1  # it waits for people
    await records.decide(approval.id, Verdict.APPROVED, "ben")  # and then the bot died
    await desk.releases.go_on()
    assert desk.started[-1] == (release.id, State.PROMOTING)


async def test_a_release_is_cancelled_where_it_stands(desk: Desk, records: Records) -> None:
    with pytest.raises(NothingToCancel):
        await desk.releases.cancel(None, "ann")
    working = await desk.releases.swap(None, "ann", "C1")
    assert (await desk.releases.cancel(None, "ben")).cancel_asked_by == "ben"
    with pytest.raises(Cancelled, match="ben"):
        await desk.stages.staging.ask(working.id)
    await desk.stages.ending.end(working.id, State.CANCELLED, "cancelled", "again")

    waiting = await desk.releases.swap(None, "ann", "C1")
    await records.ask(waiting.id, DAY)
    assert (await desk.releases.cancel(None, "ben")).state is State.CANCELLED

    swapping = await desk.releases.swap(None, "ann", "C1")
    async with Journal(records, swapping.id).step(Step.SWAP):
        with pytest.raises(TooLateToCancel):
            await desk.releases.cancel(None, "ben")


async def test_a_question_nobody_answers_frees_the_site(desk: Desk, records: Records) -> None:
    release = await desk.releases.swap(None, "ann", "C1")
    await records.ask(release.id, -DAY)
    await desk.releases.expire_approvals()
    assert (await records.release(release.id)).state is State.EXPIRED
    await desk.releases.swap(None, "ann", "C1")


async def test_only_what_went_live_and_was_not_undone_is_rolled_back(desk: Desk, records: Records) -> None:
    with pytest.raises(NothingToRollBack):
        await desk.releases.roll_back(None, "ann", "C1")
    live = await desk.live()
    back = await desk.releases.roll_back(None, "ann", "C1")
    assert (back.version, back.from_version, back.undoes) == (OLD, NEW, live.id)
    await desk.stages.ending.end(back.id, State.ROLLED_BACK, None, None)
    await desk.stages.ending.end(back.id, State.ROLLED_BACK, None, None)
    assert (await records.release(live.id)).undone_by == back.id
    with pytest.raises(NothingToRollBack):
        await desk.releases.roll_back(None, "ann", "C1")


async def test_a_release_that_failed_and_yet_is_live_can_be_rolled_back(
    laid_out: Cloud, records: Records, tmp_path: Path
) -> None:
    """Production runs OLD here: as after a release from NEW to OLD that could not be verified."""
    desk = Desk(laid_out, records, tmp_path)
    failed = await records.create(Kind.SWAP, "blog", "ann", "C1", version=OLD, before=NEW)
    async with Journal(records, failed.id).step(Step.SWAP):
        pass
    await records.move(failed.id, State.FAILED, reason="it could not be verified", remedy="look")
    back = await desk.releases.roll_back(None, "ann", "C1")
    assert (back.version, back.from_version, back.undoes) == (NEW, OLD, failed.id)
    await records.move(back.id, State.FAILED, reason="for the test", remedy="")

    never = await records.create(Kind.SWAP, "blog", "ann", "C1", version=NEW, before=OLD)
    async with Journal(records, never.id).step(Step.SWAP):
        pass
    await records.move(never.id, State.FAILED, reason="Azure did not swap", remedy="again")
    back = await desk.releases.roll_back(None, "ann", "C1")
    assert back.undoes == failed.id, "the newest one is not what production runs"
    records.close()


async def test_a_preview_that_somebody_left_behind_stays_theirs(desk: Desk, records: Records) -> None:
    await desk.cloud.site.app.preview()
    theirs = await desk.releases.swap(None, "ann", "C1")
    await desk.stages.ending.end(theirs.id, State.FAILED, "a preview is in the way", "end it")
    assert (await desk.cloud.site.app.slot(PRODUCTION)).target_swap_slot == "staging"

    ours = await desk.releases.swap(None, "ann", "C1")
    async with Journal(records, ours.id).step(Step.PREVIEW):
        pass
    await desk.stages.ending.end(ours.id, State.FAILED, "something else", "again")
    assert (await desk.cloud.site.app.slot(PRODUCTION)).target_swap_slot is None


async def test_a_status_that_cannot_be_read_is_said_and_not_raised(desk: Desk) -> None:
    await desk.cloud.answers(host="scm", slot="blog", status=403, count=99)
    (status,) = await desk.releases.status(None)
    assert status.production.version is None
    assert status.production.trouble
    assert status.staging.version is None


async def test_many_who_ask_at_once_are_answered_from_one_look_at_azure(desk: Desk) -> None:
    await desk.releases.status(None)
    before = await desk.cloud.asked("/Microsoft.Web/", "GET")
    await desk.releases.status(None)
    of_one = await desk.cloud.asked("/Microsoft.Web/", "GET") - before
    answers = await asyncio.gather(*(desk.releases.status(None) for _ in range(20)))
    assert len(set(answers)) == 1
    assert await desk.cloud.asked("/Microsoft.Web/", "GET") - before == 2 * of_one
    await desk.releases.status(None)
    assert await desk.cloud.asked("/Microsoft.Web/", "GET") - before == 3 * of_one


async def test_the_old_slot_stops_after_its_grace_unless_a_release_needs_it(
    laid_out: Cloud, records: Records, tmp_path: Path
) -> None:
    """Production runs OLD and staging NEW here: as after a rollback from NEW."""
    desk = Desk(laid_out, records, tmp_path)
    release = await records.create(Kind.ROLLBACK, "blog", "ann", "C1", version=OLD, before=NEW)
    await records.note(release.id, old_slot_stops_at=datetime.now(UTC) - DAY)
    await desk.chores.stop_old_slots()
    assert (await laid_out.site.app.slot("staging")).running  # the release itself is still open

    await records.move(release.id, State.ROLLED_BACK)
    await desk.chores.stop_old_slots()
    assert not (await laid_out.site.app.slot("staging")).running
    stops = await laid_out.asked("/stop")
    await desk.chores.stop_old_slots()
    assert await laid_out.asked("/stop") == stops
    records.close()


async def test_an_old_version_that_is_not_there_any_more_is_not_told_as_stopped(
    laid_out: Cloud, records: Records, tmp_path: Path
) -> None:
    """Production runs OLD and staging NEW here: something else than what ran before this release."""
    desk = Desk(laid_out, records, tmp_path)
    release = await records.create(Kind.UPGRADE, "blog", "ann", "C1", version=OLD, before="5.0.0")
    await records.note(release.id, old_slot_stops_at=datetime.now(UTC) - DAY)
    await records.move(release.id, State.LIVE)
    for _ in range(2):
        await desk.chores.stop_old_slots()
        facts = (await records.release(release.id)).facts
        assert facts.old_version_gone_at is not None
        assert (facts.old_slot_stopped_at, facts.old_slot_stops_at) == (None, None)
    assert (await laid_out.site.app.slot("staging")).running
    records.close()


@pytest.mark.parametrize(("before", "is_gone"), [("5.0.0", True), (NEW, False)])
async def test_a_candidate_nobody_wanted_takes_the_way_back_along_if_it_took_its_place(
    laid_out: Cloud, records: Records, tmp_path: Path, before: str, is_gone: bool
) -> None:
    desk = Desk(laid_out, records, tmp_path)
    live = await records.create(Kind.UPGRADE, "blog", "ann", "C1", version=OLD, before=before)
    await records.note(live.id, old_slot_stopped_at=datetime.now(UTC))
    await records.move(live.id, State.LIVE)
    unwanted = await records.create(Kind.UPGRADE, "blog", "ann", "C1", version=NEW, before=OLD)
    await desk.stages.ending.end(unwanted.id, State.REJECTED, None, None)
    assert (await records.release(live.id)).facts.old_version_gone_at is None, "nothing was deployed"
    again = await records.create(Kind.UPGRADE, "blog", "ann", "C1", version=NEW, before=OLD)
    async with Journal(records, again.id).step(Step.DEPLOY):
        pass
    for _ in range(2):
        await desk.stages.ending.end(again.id, State.REJECTED, None, None)
        assert ((await records.release(live.id)).facts.old_version_gone_at is not None) is is_gone
    records.close()


async def test_who_goes_live_supersedes_the_one_before_behind_any_number_of_backups(
    desk: Desk, records: Records
) -> None:
    before = await desk.live()
    for _ in range(25):
        backup = await records.create(Kind.BACKUP, "blog", "ann", "C1")
        await records.move(backup.id, State.BACKED_UP)
    after = await desk.releases.swap(None, "ann", "C1")
    for _ in range(2):  # twice is the same as once
        await desk.stages.ending.end(after.id, State.LIVE, None, None)
        assert (await records.release(before.id)).facts.superseded_by == after.id
        assert (await records.release(after.id)).facts.superseded_by is None
