"""Production after it went live: kept when it stays well, taken back when it turns sick, decided once by people."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.render.result import production_stands
from bot.render.watch import left_on_new
from release.errors import BeingWatched, NotWatched
from release.model import (
    Facts,
    Kind,
    PageCompared,
    Release,
    State,
    Step,
    StepState,
    SwapDone,
    WatchDecided,
    WatchEnd,
)
from release.records import Records
from release.site import PRODUCTION
from release.steps.observing import SickAndTakenBack, SickWithoutAWayBack, SwappedByHand
from release.watching import ASKS, Streak, Watched, pages_to_watch
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_releases import Desk
from tests.release.test_undoing import swaps_by_hand
from tests.sandbox.appservice_fixtures import eventually

MINUTE = timedelta(minutes=1)


class Live(Desk):
    """A blog that was swapped from OLD to NEW a moment ago; `blog` watches it for `observe`."""

    def __init__(self, cloud: Cloud, records: Records, folder: Path, **config: Any) -> None:
        cloud.site = cloud.site_with(**{"observe": MINUTE, "start_limit": 2.0, **config})
        super().__init__(cloud, records, folder)

    async def goes_live(self) -> Release:
        """As the steps before leave it. Slots: production runs OLD and staging NEW until they are swapped here."""
        release = await self.records.create(Kind.SWAP, "blog", "ann", "C1", version=NEW, before=OLD)
        await self.records.move(release.id, State.PROMOTING)
        await self.records.begin_step(release.id, Step.SWAP)
        await self.cloud.site.app.swap(None, self._keep_nothing, 20)
        await self.records.step(release.id, Step.SWAP, StepState.DONE, "0.6 s")
        await self.records.note(
            release.id, swap=SwapDone(OLD, NEW, 0.6, 9.0), swap_token='{"last_swap_at": null, "ended": true}'
        )
        await asyncio.gather(self.cloud.is_well(), self.cloud.is_well("staging"))
        return await self.records.release(release.id)

    async def _keep_nothing(self, _token: str | None) -> None:
        """The token is noted at the end."""

    async def turns_sick(self, **answer: Any) -> None:
        await self.cloud.answers(
            host="site", slot="blog", path="^/$", count=9999, **(answer or {"status": 500})
        )

    async def swaps(self) -> int:
        return await self.cloud.asked("slotsswap")


@pytest.fixture
async def live(staged: Cloud, records: Records, tmp_path: Path) -> AsyncIterator[Live]:
    yield Live(staged, records, tmp_path)
    records.close()


async def test_what_stays_well_is_kept_at_the_end_of_its_time(live: Live) -> None:
    release = await live.goes_live()
    await live.records.note(release.id, watched_until=datetime.now(UTC) + timedelta(seconds=0.5))
    assert await live.stages.observing.observe(release.id) is State.LIVE
    kept = (await live.records.release(release.id)).facts.watch
    assert kept is not None
    assert (kept.end, kept.by) == (WatchEnd.KEPT, None)
    assert await live.stages.observing.observe(release.id) is State.LIVE  # twice is the same as once


async def test_sick_for_long_enough_the_old_version_comes_back(live: Live) -> None:
    release = await live.goes_live()
    await live.turns_sick()
    with pytest.raises(SickAndTakenBack, match=r"front page \(/\) answers 500"):
        await back_as_soon_as_staging_is_asked(live, release)
    assert await live.cloud.site.version(PRODUCTION) == OLD
    told = await live.records.release(release.id)
    assert told.facts.condemned
    assert told.facts.swap is not None
    assert told.facts.swap.swapped_back
    assert await live.swaps() == 2
    # Killed right now, it is the same end once more.
    with pytest.raises(SickAndTakenBack):
        await live.stages.observing.observe(release.id)
    assert await live.swaps() == 2


async def test_what_cannot_be_kept_after_the_swap_back_is_told_with_where_it_still_is(live: Live) -> None:
    release = await live.goes_live()
    asked_for = WatchDecided(WatchEnd.TAKEN_BACK, datetime.now(UTC), "ben")
    await live.records.note(release.id, watch=asked_for)
    await live.cloud.answers(host="scm", slot="blog/staging", path="triggeredwebjobs", status=404, count=99)
    assert await live.stages.observing.observe(release.id) is State.ROLLED_BACK
    told = left_on_new(await live.records.release(release.id))
    assert f"What was written on {NEW} up to the swap back is not kept as a backup: " in told
    assert "It is still in the database on staging: download site/wwwroot/content/data/ghost.db" in told
    assert "Kept as backup b-" in told, "what was kept before the swap back"

    await live.cloud.behaves_again()
    assert await live.stages.observing.observe(release.id) is State.ROLLED_BACK  # as after a kill
    assert "not kept" not in left_on_new(await live.records.release(release.id))


async def back_as_soon_as_staging_is_asked(live: Live, release: Release) -> None:
    """The fault goes with the address, so it ends when Azure has been asked to swap back."""
    observing = asyncio.create_task(live.stages.observing.observe(release.id))

    async def asked() -> bool:
        return await live.swaps() == 2 or observing.done()

    await eventually(asked, "a swap back is asked for")
    await live.cloud.behaves_again()
    await observing


async def test_updated_while_it_swaps_back_the_work_begun_anew_ends_as_people_decided(live: Live) -> None:
    release = await live.goes_live()
    observing = asyncio.create_task(live.stages.observing.observe(release.id))

    async def watched() -> bool:
        return (await live.records.release(release.id)).is_watched

    await eventually(watched, "it is watched")
    await live.cloud.answers(host="arm", method="POST", path="slotsswap", hang=2, after=True)
    await live.releases.end_watch(release.id, WatchEnd.TAKEN_BACK, "ben")

    async def condemned() -> bool:
        return (await live.records.release(release.id)).facts.condemned is not None

    await eventually(condemned, "it is being swapped back")
    observing.cancel()
    await asyncio.gather(observing, return_exceptions=True)
    await live.stages.promoting.put_live(release.id)
    await live.stages.promoting.account_for_late_writes(release.id)
    assert await live.stages.observing.observe(release.id) is State.ROLLED_BACK
    assert await live.cloud.site.version(PRODUCTION) == OLD
    assert await live.swaps() == 2
    told = await live.records.release(release.id)
    assert told.step(Step.LATE_WRITES).state is StepState.PENDING
    assert told.facts.swap is not None
    assert told.facts.swap.swapped_back


async def test_without_a_way_back_nothing_is_swapped_and_it_is_told(live: Live) -> None:
    release = await live.goes_live()
    await live.turns_sick()
    await live.cloud.answers(host="site", slot="blog/staging", status=503, count=9999)
    with pytest.raises(SickWithoutAWayBack, match="not well either"):
        await live.stages.observing.observe(release.id)
    await live.cloud.behaves_again()
    assert await live.cloud.site.version(PRODUCTION) == NEW
    assert await live.swaps() == 1


async def test_well_for_a_moment_only_it_is_not_swapped_back_to_what_is_unfit(live: Live) -> None:
    release = await live.goes_live()
    await live.turns_sick()
    # The old version is gone from the way back, which takes a moment to be seen.
    await live.cloud.answers(
        host="scm", slot="blog/staging", path="package.json", status=404, hang=2, count=9999
    )
    observing = asyncio.create_task(live.stages.observing.observe(release.id))

    async def noticed() -> bool:
        return (await live.records.release(release.id)).facts.sick is not None

    await eventually(noticed, "it is noticed")
    await live.cloud.behaves_again()
    await live.turns_sick(status=500, skip=1)
    await live.cloud.answers(host="scm", slot="blog/staging", path="package.json", status=404, count=9999)
    with pytest.raises(SickWithoutAWayBack):
        await observing
    assert await live.swaps() == 1
    await live.cloud.behaves_again()
    assert await live.cloud.site.version(PRODUCTION) == NEW


async def test_well_again_by_the_time_all_is_ready_it_stays(live: Live) -> None:
    release = await live.goes_live()
    await live.turns_sick()
    observing = asyncio.create_task(live.stages.observing.observe(release.id))

    async def noticed() -> bool:
        return (await live.records.release(release.id)).facts.sick is not None

    await eventually(noticed, "it is noticed")
    await live.cloud.behaves_again()

    async def well() -> bool:
        sick = (await live.records.release(release.id)).facts.sick
        return sick is not None and sick.well_again_at is not None

    await eventually(well, "it is well again")
    await live.releases.end_watch(release.id, WatchEnd.KEPT, "ben")
    assert await observing is State.LIVE
    assert await live.swaps() == 1


@pytest.mark.parametrize("fault", [{"status": 503, "count": 2}, {"drop": True, "count": 2}, {"hang": 0.7}])
async def test_a_blip_is_no_sickness(live: Live, fault: dict[str, object]) -> None:
    release = await live.goes_live()
    await live.cloud.answers(host="site", slot="blog", path="^/$", **fault)
    await live.records.note(release.id, watched_until=datetime.now(UTC) + timedelta(seconds=1))
    assert await live.stages.observing.observe(release.id) is State.LIVE
    assert (await live.records.release(release.id)).facts.sick is None


async def test_people_decide_once(live: Live) -> None:
    release = await live.goes_live()
    observing = asyncio.create_task(live.stages.observing.observe(release.id))

    async def watched() -> bool:
        return (await live.records.release(release.id)).is_watched

    await eventually(watched, "it is watched")
    with pytest.raises(BeingWatched):
        await live.releases.roll_back(None, "ann", "C1")
    with pytest.raises(BeingWatched):
        await live.releases.cancel(None, "ann")
    decisions = await asyncio.gather(
        live.releases.end_watch(release.id, WatchEnd.TAKEN_BACK, "ben"),
        live.releases.end_watch(release.id, WatchEnd.KEPT, "cleo"),
    )
    assert decisions[0] == decisions[1]
    assert await observing is (State.LIVE if decisions[0].end is WatchEnd.KEPT else State.ROLLED_BACK)
    assert await live.cloud.site.version(PRODUCTION) == (NEW if decisions[0].end is WatchEnd.KEPT else OLD)


async def test_swapped_back_on_demand_at_once_even_while_answers_hang(live: Live) -> None:
    release = await live.goes_live()
    await live.cloud.answers(host="site", slot="blog", path="^/$", hang=9, count=3)
    observing = asyncio.create_task(live.stages.observing.observe(release.id))

    async def watched() -> bool:
        return (await live.records.release(release.id)).is_watched

    await eventually(watched, "it is watched")
    await live.releases.end_watch(release.id, WatchEnd.TAKEN_BACK, "ben")
    began = time.monotonic()

    async def asked() -> bool:
        return await live.swaps() == 2

    await eventually(asked, "the swap back is asked for")
    assert time.monotonic() - began < 9
    await live.cloud.behaves_again()
    assert await observing is State.ROLLED_BACK
    assert await live.cloud.site.version(PRODUCTION) == OLD


@pytest.mark.parametrize("by", [None, "ben"])
async def test_swapped_back_by_hand_while_it_is_watched_it_is_not_told_as_live(
    live: Live, by: str | None
) -> None:
    """The old version is well, too: nothing but production's files tells."""
    release = await live.goes_live()
    await swaps_by_hand(live.cloud)
    now = datetime.now(UTC)
    await live.records.note(
        release.id, watched_until=now, watch=WatchDecided(WatchEnd.KEPT, now, by) if by else None
    )
    with pytest.raises(SwappedByHand, match=f"{NEW} was live, but production holds {OLD} now") as caught:
        await live.stages.observing.observe(release.id)
    await live.stages.ending.end(release.id, State.FAILED, str(caught.value), caught.value.advice)
    told = await live.records.release(release.id)
    assert production_stands(told).startswith(f"Production runs {OLD} now: somebody swapped")
    assert "Kept as backup b-" in left_on_new(told), "people may have written on it"
    assert await live.swaps() == 2, "the second was the one by hand"


async def test_a_production_whose_files_cannot_be_looked_at_is_kept(live: Live) -> None:
    release = await live.goes_live()
    await live.cloud.answers(host="scm", slot="blog", status=503, count=9999)
    await live.records.note(release.id, watched_until=datetime.now(UTC))
    assert await live.stages.observing.observe(release.id) is State.LIVE


async def test_the_end_is_counted_from_the_swap_and_stays_through_a_restart(
    live: Live, records: Records
) -> None:
    release = await live.goes_live()
    swapped = release.step(Step.SWAP).ended_at
    assert swapped is not None
    for _ in range(2):
        observing = asyncio.create_task(live.stages.observing.observe(release.id))

        async def watched() -> bool:
            return (await records.release(release.id)).is_watched

        await eventually(watched, "it is watched")
        observing.cancel()
        await asyncio.gather(observing, return_exceptions=True)
        assert (await records.release(release.id)).facts.watched_until == swapped + MINUTE


async def test_what_is_over_is_not_decided_any_more(live: Live, records: Records) -> None:
    other = await records.create(Kind.BACKUP, "blog", "ann", "C1")
    with pytest.raises(NotWatched):
        await live.releases.end_watch(other.id, WatchEnd.KEPT, "ben")
    await records.decide_watch(other.id, WatchDecided(WatchEnd.KEPT, datetime.now(UTC), "cleo"))
    assert (await live.releases.end_watch(other.id, WatchEnd.TAKEN_BACK, "ben")).by == "cleo"


async def test_not_watching_is_a_setting(staged: Cloud, records: Records, tmp_path: Path) -> None:
    desk = Live(staged, records, tmp_path, observe=timedelta())
    release = await records.create(Kind.SWAP, "blog", "ann", "C1", version=NEW, before=OLD)
    assert await desk.stages.observing.observe(release.id) is State.LIVE
    assert (await records.release(release.id)).step(Step.OBSERVE).state is StepState.SKIPPED
    records.close()


def test_sick_is_what_fails_every_time_for_long_enough() -> None:
    streak = Streak(15)
    for second in range(0, 3 * ASKS, 3):
        streak.saw("503", second)
        assert not streak.is_sick(now=second)
    assert streak.is_sick(now=15)
    streak.saw(None)
    assert not streak.is_sick(now=99)
    streak.saw("nothing within 10 s", 100)
    assert not streak.is_sick(now=130), "one look that took long is one look"


@pytest.mark.parametrize(
    ("answer", "ghosts_own", "wrong"),
    [
        ("200", True, False),
        ("302", True, False),  # somebody made the blog private
        ("403", True, True),  # how a stopped site looks
        ("404", False, False),  # somebody unpublished the post
        ("502", False, True),
        ("nothing within 10 s", False, True),
    ],
)
def test_what_people_may_change_meanwhile_is_no_sickness(answer: str, ghosts_own: bool, wrong: bool) -> None:
    assert Watched("/x/", "a page", frozenset({"200"}), ghosts_own).wrong(answer) is wrong
    assert not Watched("/x/", "a page", frozenset({answer}), ghosts_own).wrong(answer)


def test_the_front_page_and_a_few_more_are_watched() -> None:
    def page(path: str, answer: str = "200") -> PageCompared:
        return PageCompared(path, "a page", "200", answer, answer, 1, ok=True)

    moment = datetime.now(UTC)
    release = Release("r", Kind.UPGRADE, "blog", State.PROMOTING, "ann", "C1", moment, moment)
    assert [watched.path for watched in pages_to_watch(release)] == ["/"]
    many = tuple(page(f"/{number}/") for number in range(20))
    watched = pages_to_watch(replace(release, facts=Facts(pages=(*many, page("/", "302")))))
    assert watched[0].path == "/"
    assert not watched[0].wrong("302")
    assert len(watched) == 6
