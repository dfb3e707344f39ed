"""A release that is live is watched for a while: kept when it stays well, taken back by itself when it turns sick."""

import asyncio
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from release.errors import ReleaseError
from release.journal import Words
from release.model import Release, State, Step, StepState, TurnedSick, WatchDecided, WatchEnd
from release.silence import keep_silent
from release.site import PRODUCTION, Site
from release.smoke import Expected, smoke_test
from release.staging import read_mark, start_and_warm
from release.steps.common import KEEP_SECONDS, Steps
from release.steps.promoting import SwapMemory
from release.swap import Held, change_of, held_by_production, lawful, settled, take_back
from release.watching import ASKS, Streak, pages_to_watch, what_is_wrong

log = logging.getLogger(__name__)

LOOK_FOR_DECISIONS = 0.5
"""Seconds between two looks at whether somebody has decided."""
READY_SECONDS = 120.0
"""How long the old slot may take to be well again while production is sick: a Ghost boots in less."""


class SickAndTakenBack(ReleaseError):
    problem = "{0} turned sick in production {1} after the swap, at {2}: {3}. It was swapped back by itself."
    remedy = "Production runs {4} again. What was wrong is on staging to look at; then start again."


class NoWayBack(ReleaseError):
    problem = "{0} stays in production: the old version on staging is not well, so nothing was swapped: {1}"
    remedy = "Look at both slots with /ghost status. When the old one is well, /ghost rollback."


class SwappedByHand(ReleaseError):
    problem = "{0} was live, but production holds {1} now: somebody swapped or deployed by hand while it was watched."
    remedy = "The bot swapped nothing back. Look at both slots with /ghost status {2} before you start again."


class SickWithoutAWayBack(ReleaseError):
    problem = (
        "{0} is in production and turned sick at {1}: {2}. The old version on staging is not well either, "
        "so nothing was swapped: {3}"
    )
    remedy = (
        "Look at production now: /ghost status, and its log stream. /ghost rollback tries the way back again."
    )


class Observing(Steps):
    """The last step of a release that went live."""

    async def observe(self, release_id: str) -> State:
        """Production stayed well until the end of its time, or runs the old version again because somebody wanted it.

        Raises SickAndTakenBack, SickWithoutAWayBack or SwappedByHand. After a restart it goes on until the same end.
        """
        release, site, journal = await self._of(release_id)
        if site.config.observe <= timedelta() and release.facts.watch is None:
            await self._records.step(release_id, Step.OBSERVE, StepState.SKIPPED, "observe_minutes is 0")
            return State.LIVE
        async with journal.step(Step.OBSERVE) as words:
            until = release.facts.watched_until or _end(release, site)
            await self._records.note(release_id, watched_until=until)
            decided = release.facts.watch or await self._watched(release, site, words, until)
            if decided.end is WatchEnd.KEPT:
                if decided.by is not None:
                    await self._still_live(release, site)
                words.text = "well all the time" if decided.by is None else "kept, as somebody decided"
                return State.LIVE
            await self._take_back(release, site, decided)
            if decided.by is None:
                raise _taken_back(release, decided)
            words.text = f"swapped back as somebody asked, {release.from_version} is live again"
        return State.ROLLED_BACK

    async def _watched(self, release: Release, site: Site, words: Words, until: datetime) -> WatchDecided:
        """Ask production until one decision stands: a person's, or the bot's own."""
        looking = asyncio.create_task(self._until_it_shows(release, site, words, until))
        asking = asyncio.create_task(self._until_somebody_decides(release.id))
        try:
            await asyncio.wait({looking, asking}, return_when=asyncio.FIRST_COMPLETED)
            return await (asking if asking.done() else looking)
        finally:
            for task in (looking, asking):
                task.cancel()
            await asyncio.gather(looking, asking, return_exceptions=True)

    async def _until_somebody_decides(self, release_id: str) -> WatchDecided:
        while True:
            decided = (await self._records.release(release_id)).facts.watch
            if decided is not None:
                return decided
            await asyncio.sleep(LOOK_FOR_DECISIONS)

    async def _until_it_shows(
        self, release: Release, site: Site, words: Words, until: datetime
    ) -> WatchDecided:
        pages = pages_to_watch(release, site.shape.pages.front)
        pause = site.config.sick_seconds / ASKS
        streak, looks = Streak(site.config.sick_seconds), 0
        while True:
            began, looks = time.monotonic(), looks + 1
            wrong = await what_is_wrong(site, pages)
            streak.saw(wrong, began)
            if streak.is_sick():
                decided = await self._sick(release, site, words, streak.why)
                if decided is not None:
                    return decided
                streak = Streak(site.config.sick_seconds)
            elif wrong is None and datetime.now(UTC) >= until:
                await self._still_live(release, site)
                kept = WatchDecided(WatchEnd.KEPT, datetime.now(UTC))
                return await self._records.decide_watch(release.id, kept)
            await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))

    async def _still_live(self, release: Release, site: Site) -> None:
        """Nobody swapped production back by hand, as far as that can be seen. Raises SwappedByHand."""
        change = change_of(release)
        try:
            if await settled(site, change, Held.AFTER) is None:
                return
            held, current = await held_by_production(site, change)
        except ReleaseError as error:
            log.warning("files not seen", extra={"release": release.id, "problem": str(error)})
            return
        if held is Held.AFTER:
            return
        await self._records.note(release.id, production_now=current)
        if held is Held.BEFORE:
            await self._keep_left_behind(release, site)
        raise SwappedByHand(release.version or "", current, site.name)

    async def _sick(self, release: Release, site: Site, words: Words, why: str) -> WatchDecided | None:
        """The decision to take it back, unless production is well again by the time all is ready for that."""
        seen = TurnedSick(why, datetime.now(UTC))
        log.warning("production turned sick", extra={"release": release.id, "problem": why})
        await self._records.note(release.id, sick=seen)
        await words.say(f"production is not well: {why}; looking at the way back")
        version = release.version or ""
        try:
            await self._look_at_the_way_back(release, site)
        except ReleaseError as error:
            if not await self._is_well_again(release, site, seen, words):
                raise SickWithoutAWayBack(version, _clock(seen.since), why, str(error)) from error
            # Should it turn sick once more, the way back is looked at once more: nothing unfit is swapped in.
            return None
        await words.say(f"production is not well: {why}; keeping what was written")
        await self._keep_what_is_left(release, site)
        if await self._is_well_again(release, site, seen, words):
            return None
        back = WatchDecided(WatchEnd.TAKEN_BACK, datetime.now(UTC), why=why)
        return await self._records.decide_watch(release.id, back)

    async def _is_well_again(self, release: Release, site: Site, seen: TurnedSick, words: Words) -> bool:
        """Whether production is well by now; then it is told, and goes on being watched."""
        if await what_is_wrong(site, pages_to_watch(release, site.shape.pages.front)) is not None:
            return False
        await self._records.note(release.id, sick=replace(seen, well_again_at=datetime.now(UTC)))
        await words.say("production is well again, and goes on being watched")
        return True

    async def _look_at_the_way_back(self, release: Release, site: Site) -> None:
        """The old slot still holds the old version, runs, and is well; a stopped one is started."""
        version, since = release.from_version or "", release.facts.caught_up_at
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._still_the_old_one(release, site)
                await start_and_warm(site, site.staging)
                # What came out on the new version meanwhile is not published and mailed once more.
                await keep_silent(site, since or release.step(Step.SWAP).started_at or datetime.now(UTC))
                # Production is sick, so it is no measure: what the old version answered there before is.
                was_well = Expected(version, lawful=lawful(release, "production"))
                await smoke_test(site, site.staging, was_well, compare=False)
        except TimeoutError as error:
            raise ReleaseError(
                f"{site.app.called(site.staging)} is not ready after {READY_SECONDS:.0f} s."
            ) from error

    async def _still_the_old_one(self, release: Release, site: Site) -> None:
        """Nobody deployed over the way back: the version, and where that does not tell, the mark it bore."""
        found = await site.version(site.staging)
        bore = release.facts.production_mark
        if found == release.from_version and bore is not None:
            mark = await read_mark(site, site.staging)
            found = found if (mark.release if mark else "") == bore else f"another {found}"
        if found != release.from_version:
            raise ReleaseError(f"{site.app.called(site.staging)} holds {found}, not {release.from_version}.")

    async def _keep_what_is_left(self, release: Release, site: Site) -> None:
        """Production's database is kept where that is quickly done, and what was written on the new version is told."""
        if (await self._records.release(release.id)).facts.left_on_new is None:
            seconds = min(KEEP_SECONDS, site.config.backup_limit)
            await self._keep_left(release, site, PRODUCTION, seconds)

    async def _take_back(self, release: Release, site: Site, decided: WatchDecided) -> None:
        """The old version is in production again. Safe to repeat: what was condemned and asked for is remembered."""
        memory = SwapMemory(self._records, await self._records.release(release.id))
        if memory.condemned is None:
            if decided.by is not None:
                try:
                    await self._look_at_the_way_back(release, site)
                except ReleaseError as error:
                    raise NoWayBack(release.version or "", str(error)) from error
                await self._keep_what_is_left(release, site)
            await memory.condemn(decided.why or f"{decided.by} asked for it")
        await take_back(site, change_of(release), memory)
        # Until Azure switched, people wrote on the newer version; a kill can make that long.
        await self._keep_left_behind(release, site)
        if release.facts.swap is not None:
            await self._records.note(release.id, swap=replace(release.facts.swap, swapped_back=True))


def _end(release: Release, site: Site) -> datetime:
    """Counted from the swap, however long it took to look for late writes."""
    return (release.step(Step.SWAP).ended_at or datetime.now(UTC)) + site.config.observe


def _taken_back(release: Release, decided: WatchDecided) -> SickAndTakenBack:
    swapped = release.step(Step.SWAP).ended_at or decided.at
    seconds = (decided.at - swapped).total_seconds()
    after = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    before, version = release.from_version or "", release.version or ""
    return SickAndTakenBack(version, after, _clock(decided.at), decided.why, before)


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%H:%M:%S} UTC"
