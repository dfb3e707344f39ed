"""The approved candidate into production: the last look, the swap, and what came late."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from release.backup import back_up
from release.closing import StaysOpen, close_writes, open_again, staying_closed
from release.content import late_files
from release.errors import Cancelled, ReleaseError
from release.journal import Journal, Words
from release.late import NO_FILES, keep_late_files, late_writes
from release.model import (
    BackupTaken,
    Candidate,
    ContentSynced,
    Kind,
    LateWrites,
    PackageBuilt,
    ProbeSeen,
    Release,
    Step,
    SwapDone,
    WatchEnd,
)
from release.records import Records
from release.scheduled import (
    Due,
    ScheduledMeanwhile,
    StillScheduled,
    due_within,
    in_words,
    look_again_at,
)
from release.site import Site
from release.smoke import Expected, smoke_test
from release.staging import leave_mark, put_database, recheck, start_and_warm
from release.steps.common import PAST, looked_at, mark_of, shipped_themes
from release.steps.merging import Merging
from release.swap import SwappedBack, change_of, is_past_the_swap, put_live
from release.unfinished import note_unfinished, unfinished_by

log = logging.getLogger(__name__)

# Those that hold what production holds. A restore and a rollback go back to something else on purpose.
CATCH_UP = (Kind.UPGRADE, Kind.CARRY_OVER)

# How often a swap is put off because something was scheduled at the very last moment.
QUIET_TRIES = 3


class Promoting(Merging):
    """From the decision to a verified production."""

    async def recheck(self, release_id: str) -> None:
        """Staging and production are still what they were when people were asked."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RECHECK) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            production = await self._still_before(release, site)
            await self._still_staged(release, site)
            cleared = await self._clear_routing(release_id, site)
            words.text = f"still {release.version} on {site.staging}, {production} in production"
            words.text = "; ".join(part for part in (words.text, cleared) if part)

    async def _still_staged(self, release: Release, site: Site) -> None:
        """Staging holds what the release put there. Raises NotTheCandidate."""
        # A bot that was updated while it caught up leaves a note, and `catch_up` makes all of that again.
        if release.facts.candidate is not None and await unfinished_by(site) != release.id:
            await recheck(site, mark_of(release.id, release.facts.candidate))

    async def catch_up(self, release_id: str) -> None:
        """What production wrote since the backup is on staging too, and nothing comes due while it is swapped.

        The content of the databases is compared, not their times; files by listing. Raises StillScheduled.
        """
        release, site, journal = await self._of(release_id)
        candidate_of(release)
        async with journal.step(Step.CATCH_UP) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            waited: list[Due] = []
            found: list[str] = []
            while True:
                backup = await self._quiet_backup(release_id, site, words, waited)
                # That may have taken hours: what somebody swapped out by hand meanwhile is on staging now.
                await self._still_before(release, site)
                found.append(await self._catch_up_with(release_id, site, backup, words))
                # Migrating takes its time: what was far away before may be near now.
                if not await self._due(site, backup):
                    break
            words.text = "; ".join((*(f"waited for {one}" for one in waited), found[-1]))

    async def _quiet_backup(
        self, release_id: str, site: Site, words: Words, waited: list[Due]
    ) -> BackupTaken:
        """A backup of production with nothing in it that comes due during a swap; waits for that, within limits."""
        while True:
            backup = await back_up(site, self._folders.backups)
            await self._records.keep_backup(backup)
            due = await self._due(site, backup)
            if not due:
                return backup
            release = await self._records.release(release_id)
            began = release.step(Step.CATCH_UP).started_at or backup.taken_at
            again = look_again_at(due, datetime.now(UTC))
            if again > began + site.config.scheduled_limit:
                minutes = site.config.scheduled_limit.total_seconds() / 60
                raise StillScheduled(f"{minutes:g}", in_words(due))
            waited += [one for one in due[:1] if one not in waited]
            await words.say(f"waits for {in_words(due)}, then catches up")
            await self._wait(release_id, again)

    async def _due(self, site: Site, backup: BackupTaken) -> tuple[Due, ...]:
        return await due_within(
            await self._store.read(backup), datetime.now(UTC), site.config.scheduled_margin
        )

    async def _wait(self, release_id: str, until: datetime) -> None:
        """Until that time, or until somebody wants to cancel. Raises Cancelled."""
        while datetime.now(UTC) < until:
            release = await self._records.release(release_id)
            if release.cancel_asked_by is not None:
                raise Cancelled(release_id, release.cancel_asked_by)
            await asyncio.sleep(1)

    async def _catch_up_with(self, release_id: str, site: Site, backup: BackupTaken, words: Words) -> str:
        """Staging holds what this backup of production does, and its files; says what that took."""
        release = await self._records.release(release_id)
        candidate, before, built = candidate_of(release)
        synced, _ = await self._sync(release, site, await self._folder_of(release_id, built))
        changed = changed_tables(before, backup)
        if not changed and await unfinished_by(site) != release_id:
            await self._records.note(release_id, caught_up_at=backup.taken_at)
            return f"nothing written since the backup{_copied(synced)}"
        named = ", ".join(changed[:5]) or "what was left half done"
        await words.say(f"production changed ({named}): making it again")
        await self._store.keep(backup)
        package = await self._same_package(site, built, words)
        done, after = await self._made_from(release, backup, package)
        # It took its time, and what is overwritten now must not be what somebody swapped out or deployed by hand.
        await self._still_before(release, site)
        await self._still_staged(release, site)
        # Until it has its mark again nobody swaps it, and whoever goes on after a restart begins with the database.
        await note_unfinished(site, release_id, candidate.deployment)
        await put_database(site, Path(done.path))
        candidate = replace(candidate, database_digest=done.digest)
        await self._records.note(release_id, candidate=candidate, backup=backup, caught_up_at=backup.taken_at)
        await leave_mark(site, mark_of(release_id, candidate))
        await start_and_warm(site, site.staging)
        expected = Expected(candidate.version, after.rows.get("posts"), after.rows.get("members"))
        await smoke_test(site, site.staging, expected)
        return f"caught up with {named}{_copied(synced)}"

    async def last_look(self, release_id: str) -> None:
        """What production wrote since it was caught up with is on staging too, right before the swap.

        With `close_writes` nothing more is written from here on: production refuses it until it is swapped out.
        Where that cannot be, the release goes on with the window open and says why.
        """
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.LAST_LOOK) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            if not site.config.close_writes:
                words.text = await self._look_again(release_id, site, words)
                return
            try:
                await words.say("closing production for writes")
                since = await close_writes(site)
                async with staying_closed(site) as closed:
                    found = await self._look_again(release_id, site, words)
                await self._records.note(
                    release_id,
                    writes_closed_at=since,
                    writes_closed_until=closed.until,
                    writes_stay_open=None,
                )
                words.text = f"closed for writes, {found}"
            except StaysOpen as reason:
                await self._records.note(release_id, writes_closed_at=None, writes_stay_open=str(reason))
                words.text = f"{await self._look_again(release_id, site, words)}; {reason}"

    async def _look_again(self, release_id: str, site: Site, words: Words) -> str:
        backup = await back_up(site, self._folders.backups)
        await self._records.keep_backup(backup)
        if due := await self._due(site, backup):
            raise ScheduledMeanwhile(in_words(due))
        found = await self._catch_up_with(release_id, site, backup, words)
        now_on_staging = (await self._records.release(release_id)).facts.backup
        made_again = now_on_staging is not None and now_on_staging.id == backup.id
        # Migrating takes its time here, too.
        if made_again and (due := await self._due(site, backup)):
            raise ScheduledMeanwhile(in_words(due))
        return found

    async def put_live(self, release_id: str) -> SwapDone:
        """The candidate is in production, verified, and the old slot keeps its version until the grace ends."""
        release, site, journal = await self._of(release_id)
        condemned = release.facts.condemned is not None and not is_taken_back(release)
        if release.facts.swap is not None and not condemned:
            return release.facts.swap  # all of it was done before a restart
        try:
            done, seen = await self._put_live_and_open(release, site, journal)
        except SwappedBack:
            tried = SwapDone(release.from_version or "", release.version or "", 0, 0, swapped_back=True)
            await self._records.note(release_id, swap=tried)
            # For some minutes people wrote on the version that is out again.
            await self._keep_left_behind(release, site)
            raise
        stops_at = datetime.now(UTC) + site.config.grace if site.config.stop_old_slot else None
        release = await self._records.release(release_id)
        await self._records.note(
            release_id,
            swap=done,
            probe=seen,
            old_slot_stops_at=stops_at,
            write_window_seconds=write_window(release),
            writes_closed_seconds=closed_seconds(release),
            writes_stay_open=reopened(release) or release.facts.writes_stay_open,
        )
        return done

    async def _put_live_and_open(
        self, release: Release, site: Site, journal: Journal
    ) -> tuple[SwapDone, ProbeSeen]:
        """Whatever comes of it, production takes writes again, and so does the old slot in a rollback."""
        try:
            return await self._put_live_when_quiet(release.id, site, journal)
        finally:
            if site.config.close_writes and release.kind in CATCH_UP:
                await asyncio.shield(self._open_again(release.id, site))

    async def _open_again(self, release_id: str, site: Site) -> None:
        """Production takes writes again; when it was closed for longer, that is no longer so."""
        until, now = (await self._records.release(release_id)).facts.writes_closed_until, datetime.now(UTC)
        if until is not None and now < until:
            await self._records.note(release_id, writes_closed_until=now)
        await open_again(site)

    async def _put_live_when_quiet(
        self, release_id: str, site: Site, journal: Journal
    ) -> tuple[SwapDone, ProbeSeen]:
        """As `put_live`; what becomes due while staging is tested is waited for, and then all of it done again."""
        await self._forget_what_never_arrived(release_id, site)
        for tries_left in reversed(range(QUIET_TRIES)):
            release = await self._records.release(release_id)
            if release.kind in CATCH_UP and await self._was_cut_off(release, site):
                await self.catch_up(release_id)
                release = await self._records.release(release_id)
            try:
                return await put_live(
                    site,
                    change_of(release),
                    SwapMemory(self._records, release),
                    journal.step,
                    preview=not release.kind.goes_back,
                    last_look=partial(self.last_look, release_id) if release.kind in CATCH_UP else None,
                )
            except ScheduledMeanwhile:
                if not tries_left:
                    raise
                if site.config.close_writes:
                    await open_again(site)
                await self.catch_up(release_id)
        raise AssertionError("the last try returns or raises")

    async def _forget_what_never_arrived(self, release_id: str, site: Site) -> None:
        """A swap that the bot died right before asking for is to come: staging is tested and looked at again.

        Who knows how long it was away: what was written meanwhile would stay behind.
        """
        release = await self._records.release(release_id)
        facts = release.facts
        if facts.condemned is not None or not await site.app.never_arrived(
            facts.swap_token, site.config.swap_limit
        ):
            return
        log.warning("the swap was never asked for, it is prepared again", extra={"release": release_id})
        await self._records.note(release_id, swap_token=None)
        await site.app.reset_preview()
        if facts.candidate is not None:
            await recheck(site, mark_of(release_id, facts.candidate))

    async def _was_cut_off(self, release: Release, site: Site) -> bool:
        """Whether a kill left staging half made in the last look: then it is made again before it is started."""
        return not await is_past_the_swap(site, release) and await unfinished_by(site) == release.id

    async def account_for_late_writes(self, release_id: str) -> None:
        """What reached the old slot after the last look at it is told and kept; production is live whatever comes.

        Also keeps a first backup of the new version: what a later rollback leaves behind is measured from it.
        """
        release, site, journal = await self._of(release_id)
        if is_taken_back(release):
            return
        caught_up = release.facts.backup

        async def look() -> str:
            late = await back_up(site, self._folders.backups, site.staging)
            live = await back_up(site, self._folders.backups)
            for backup in (late, live):
                await self._records.keep_backup(backup)
                await self._keep_late(backup)
            await self._records.note(release_id, live_backup=live)
            if caught_up is None:
                return "nothing to compare with"
            return await self._tell_late_writes(release, caught_up, late, live, words)

        async with journal.step(Step.LATE_WRITES) as words:
            try:
                words.text = await looked_at(look, words)
            except ReleaseError as error:
                # Production is live and well: not being able to look is told, and is no failure of the release.
                words.text = f"could not be looked at: {error}"

    async def _tell_late_writes(
        self, release: Release, base: BackupTaken, late: BackupTaken, live: BackupTaken, words: Words
    ) -> str:
        """What came late is listed, its files are kept, and what of it could be carried over is known."""
        site, built, work = self._sites[release.site], release.facts.package, self._work(release.id)
        files = (
            await late_files(site, await shipped_themes(await self._folder_of(release.id, built)))
            if built
            else NO_FILES
        )
        written = await self._written(release.id, base, late, files)
        await self._records.note(release.id, left_behind=written)
        told = f"{written.words} written between the last look and the swap"
        if not written.anything or built is None:
            return told
        digest = await keep_late_files(site, self._store, late, files, work)
        await words.say(f"{told}; looking what of it can be carried over")
        try:
            package = await self._same_package(site, built, words)
            _, found = await self._merge_late(
                release.id, LateWrites(base, late), live, live, package, release.facts.stops
            )
        except ReleaseError as error:
            return f"{told}; they cannot be carried over: {error}"
        await self._written(release.id, base, late, files, found.left_out)
        told_late = late_writes(base, late, found.carried, found.left_out, files, digest)
        await self._records.note(release.id, late=told_late)
        return told


class SwapMemory:
    """What a swap has to remember through a kill, in the release's facts."""

    def __init__(self, records: Records, release: Release) -> None:
        self._records = records
        self._release = release.id
        self.token = release.facts.swap_token
        self.condemned = release.facts.condemned

    async def keep_token(self, token: str | None) -> None:
        if token is not None:
            await self._records.audit_release(self._release, "swap", "asked of Azure")
        self.token = token
        await self._records.note(self._release, swap_token=token)

    async def condemn(self, reason: str) -> None:
        self.condemned, self.token = reason, None
        await self._records.note(self._release, condemned=reason, swap_token=None)
        await self._records.audit_release(self._release, "swap back", reason)


def is_taken_back(release: Release) -> bool:
    """Whether that was decided while it was watched: what came before was done, and begun anew it only ends that."""
    return release.facts.watch is not None and release.facts.watch.end is WatchEnd.TAKEN_BACK


def write_window(release: Release) -> float | None:
    """Seconds between the last look at production's database and the swap: what is written then comes late."""
    looked, swapped = release.facts.caught_up_at, release.step(Step.SWAP).started_at
    if looked is None or swapped is None or swapped < looked:
        # Looked at again after a kill: the step keeps its first start, so this cannot be told.
        return None
    return round((swapped - looked).total_seconds(), 1)


def closed_seconds(release: Release) -> float | None:
    """How long production refused writes until it was swapped out; None where it did not, or not until then."""
    closed, swapped = release.facts.writes_closed_at, release.step(Step.SWAP).ended_at
    if closed is None or swapped is None or reopened(release):
        return None
    return round((swapped - closed).total_seconds(), 1)


def reopened(release: Release) -> str | None:
    """That production took writes before the swap had ended, in words: its time ran out, or the bot was stopped."""
    until, swapped = release.facts.writes_closed_until, release.step(Step.SWAP).ended_at
    if release.facts.writes_closed_at is None or until is None or swapped is None or swapped <= until:
        return None
    return f"writes were refused until {until:%H:%M:%S} UTC, and the swap ended later"


def candidate_of(release: Release) -> tuple[Candidate, BackupTaken, PackageBuilt]:
    """What is on staging, the backup it was made from, and its package."""
    candidate, backup, built = release.facts.candidate, release.facts.backup, release.facts.package
    if candidate is None or backup is None or built is None:
        raise ReleaseError(f"{release.id} has no candidate that could catch up")
    return candidate, backup, built


def changed_tables(before: BackupTaken, after: BackupTaken) -> list[str]:
    """The tables whose content differs."""
    return sorted(
        table
        for table in after.content_digests.keys() | before.content_digests.keys()
        if after.content_digests.get(table) != before.content_digests.get(table)
    )


def _copied(synced: ContentSynced) -> str:
    return f", {synced.copied} files copied" if synced.copied else ""
