"""The approved candidate on the real database: writes refused, a dump, migrated, swapped; or all of it back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from release.closing import StaysOpen, close_writes, open_again, renew, staying_closed
from release.errors import Cancelled, ReleaseError
from release.fitting import for_any, only_for, waits
from release.ghost.database import Inspection, inspect
from release.ghost.errors import CorruptDatabase, EmptyDatabase, LockedMigrations, NotGhost
from release.journal import Words, telling
from release.migrations.lock import while_held
from release.model import BackupTaken, Kind, ProbeSeen, Release, Step, StepState, SwapDone
from release.mysql.connection import Connection
from release.mysql.dumped import dump_database, dump_of, unlike
from release.mysql.errors import NotAsDumped
from release.mysql.lock import alone
from release.mysql.migrate import looked_at, migrate_database
from release.mysql.scratch import drop_scratch, put_back
from release.scheduled import StillScheduled, due_within, in_words, look_again_at
from release.site import PRODUCTION, Site
from release.smoke import SmokeTestFailed, smoke_test
from release.staging import stop_staging
from release.steps.common import PAST
from release.steps.promoting import SwapMemory, closed_seconds
from release.steps.sharing import CannotRefuseWrites, Sharing, config_of
from release.swap import Held, SwappedBack, change_of, held_by_production
from release.swap import put_live as swap_live

log = logging.getLogger(__name__)
Fact = TypeVar("Fact")

# What a database looks like that a restore or a migration was cut off in.
CUT_OFF = (LockedMigrations, NotGhost, EmptyDatabase, CorruptDatabase)
ONE_MORE_LOOK_SECONDS = 2


class NotMigrated(ReleaseError):
    problem = "Production's database could not be migrated to Ghost {0}: {1}"
    remedy = (
        "What became of it stands with this message. The rehearsal went well, so look for what differs: {2}"
    )


class OldVersionCannotRead(ReleaseError):
    problem = "{0} cannot show its pages on the database that was migrated for {1}: {2}"
    remedy = (
        "Visitors would see errors from the migration until the swap. Where that is acceptable, at a quiet hour, set "
        "readers_may_see_errors = true in [sites.{3}.mysql] and start again; else go there in smaller steps."
    )


class RestartedMeanwhile(ReleaseError):
    problem = (
        "Azure restarted production of {0} while its database was migrated. Ghost {1} does not start on a database "
        "that is for {2} already, so it waited, and visitors were told to try again."
    )
    remedy = (
        "The database is put back, and {1} starts by itself then. Start the upgrade again at a quiet hour."
    )


class SharingLive(Sharing):
    """From the decision to a verified production."""

    async def close_writes(self, release_id: str) -> None:
        """Production refuses writes, and so will what is swapped in; nothing is scheduled for the next minutes."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.CLOSE_WRITES) as words:
            if await self._is_past(release, site):
                words.text = PAST
                return
            await self._until_quiet(release, site, words)
            try:
                since = await close_writes(site)
                await renew(site, site.staging)
            except StaysOpen as reason:
                if not config_of(site).open_writes:
                    raise CannotRefuseWrites(site.name, str(reason)) from reason
                await self._records.note(release_id, writes_closed_at=None, writes_stay_open=str(reason))
                words.text = str(reason)
                return
            await self._records.note(release_id, writes_closed_at=since, writes_stay_open=None)
            words.text = "closed until the swap is done; reading goes on"

    async def dump(self, release_id: str) -> None:
        """The way back is kept: a dump of production's database, as it is before this release changes it."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.DUMP) as words:
            if await self._is_past(release, site):
                words.text = PAST
                return
            async with self._closed(release, site):
                kept = await self._way_back(release, site)
            words.text = f"{kept.id}, the way back, with {kept.rows.get('posts', 0)} posts"

    async def migrate_shared(self, release_id: str) -> None:
        """Production's database is migrated, nothing of it is lost, and the old version still runs on it."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.MIGRATE_SHARED) as words:
            if await self._is_past(release, site):
                words.text = PAST
                return
            real, way_back = (await self._databases(site))[0], _needed(release.facts.way_back)
            built = _needed(release.facts.package)
            try:
                async with self._closed(release, site), alone(real, words.say) as lock:
                    package = await self._same_package(site, built, words)
                    way = await self._way(release_id, package, telling(words))
                    await self._records.note(release_id, changing_since=datetime.now(UTC))
                    await only_for(site, built.version)
                    await self._mend(release_id, site, real, way_back)
                    before = await inspect(await self._store.read(way_back))
                    work = self._work(release_id) / "migration"
                    migrating = migrate_database(way, real, before, work, self._npm, telling(words))
                    done = await while_held(lock, migrating)
            except StaysOpen:
                raise
            except ReleaseError as error:
                raise NotMigrated(built.version, str(error), error.advice) from error
            await self._records.note(release_id, migration=done)
            words.text = f"{done.from_version} to {done.to_version} in {done.seconds:.1f} s, no row lost"

    async def test_production(self, release_id: str) -> None:
        """The old version shows its pages on the migrated database; or visitors may see errors, as the site says."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.TEST_PRODUCTION) as words:
            if await self._is_past(release, site):
                words.text = PAST
                return
            async with self._closed(release, site):
                wrong = await self._what_readers_see(release, site)
                if wrong is not None and await waits(site):
                    raise RestartedMeanwhile(site.name, str(release.from_version), str(release.version))
            if wrong is None:
                words.text = f"{release.from_version} shows its pages on it"
            elif config_of(site).readers_may_see_errors:
                words.text = f"visitors see errors until the swap: {wrong}"
            else:
                raise OldVersionCannotRead(str(release.from_version), str(release.version), wrong, site.name)

    async def last_look(self, release_id: str) -> None:
        """Production still refuses writes, right before the swap, for as long as a swap may take."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.LAST_LOOK) as words:
            never_asked = await site.app.never_arrived(release.facts.swap_token, site.config.swap_limit)
            if await self._is_past(release, site) and not never_asked:
                words.text = PAST
                return
            async with self._closed(release, site):
                words.text = release.facts.writes_stay_open or "nothing is written"

    async def put_live(self, release_id: str) -> SwapDone:
        """What is on staging is in production, on the real database, verified; and it takes writes."""
        release, site, journal = await self._of(release_id)
        if release.facts.swap is not None and release.facts.condemned is None:
            # Swapped and verified before a restart. Whether it also takes writes again is not known.
            await self._open_all(release_id, site)
            return release.facts.swap
        done: tuple[SwapDone, ProbeSeen] | None = None
        try:
            async with self._closed(release, site):
                done = await swap_live(
                    site,
                    change_of(release),
                    SwapMemory(self._records, release),
                    journal.step,
                    preview=release.kind is Kind.UPGRADE_SHARED,
                    last_look=partial(self.last_look, release_id),
                    before_back=partial(self._put_database_back, release_id),
                )
        except SwappedBack:
            await self._note_swapped_back(release)
            raise
        except ReleaseError as error:
            if done is None:
                raise
            # Live and verified: what could not be kept closed, as the SCM sites recycle, is opened in a moment.
            log.warning("not closed after the swap", extra={"release": release_id, "problem": str(error)})
        if done is None:
            raise AssertionError("the swap returns or raises")
        await self._records.note(release_id, swap=done[0], probe=done[1])
        await self._open_all(release_id, site)
        return done[0]

    async def _open_all(self, release_id: str, site: Site) -> None:
        """What is live takes writes, and any version may start."""
        await open_again(site)
        await for_any(site)
        closed = closed_seconds(await self._records.release(release_id))
        await self._records.note(release_id, writes_closed_seconds=closed)

    async def stop_old(self, release_id: str) -> None:
        """What was swapped out is stopped, as it may not run on this database; what is live has a first copy."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.STOP_OLD) as words:
            told = []
            try:
                await stop_staging(site)
                await self._records.note(
                    release_id, old_slot_stopped_at=datetime.now(UTC), old_slot_stops_at=None
                )
                told.append(f"{site.staging} is stopped")
                real, scratch = await self._databases(site)
                await drop_scratch(scratch)
                told.append(f"{scratch.database} is dropped")
                live = await self._dumped(site, real)
                await self._records.note(release_id, live_backup=live)
                told.append(f"a first copy is {live.id}")
            except ReleaseError as error:
                # Production is live and well: this is told, and is no failure of the release.
                told.append(str(error))
            words.text = "; ".join(told)

    # -- back -------------------------------------------------------------------------------------

    async def put_back(self, release_id: str) -> None:
        """Production's database is as it was before the release, unless what fits the new one is live or may be."""
        release, site, _ = await self._of(release_id)
        if release.facts.way_back is None:
            await open_again(site)
            return
        try:
            held, version = await held_by_production(site, change_of(release))
            asked = release.facts.swap_token is not None and release.facts.condemned is None
            if held is not Held.BEFORE or asked:
                await self._tell_it_stays(release, version)
                if not _has_swapped(release):
                    await self._records.note(release_id, production_now=version)
                    await open_again(site)
                    await for_any(site)
                return
            if release.facts.condemned is not None and release.facts.swap is None:
                await self._note_swapped_back(release)  # although it is not well either
            await site.app.reset_preview()
            await stop_staging(site)  # of the preview it may still be on this database
            await self._put_database_back(release_id)
        except ReleaseError as error:
            log.error("the database is not put back", extra={"release": release_id, "problem": str(error)})
            became = "could NOT be put back"
            if _is_put_back(release):
                became = f"was put back from {release.facts.way_back.id}, but not all could be looked at"
            told = f"Production's database {became}: {error} {error.advice}"
            await self._records.note(release_id, put_back=told)
            return
        await open_again(site)
        await for_any(site)

    async def _note_swapped_back(self, release: Release) -> None:
        tried = SwapDone(release.from_version or "", release.version or "", 0, 0, swapped_back=True)
        await self._records.note(release.id, swap=tried)

    async def _tell_it_stays(self, release: Release, version: str) -> None:
        """Production holds the new version, or may: which database that is on."""
        dump = _needed(release.facts.way_back).id
        if _is_put_back(release):
            told = (
                f"Production holds {version} on the database from before this release, which {release.from_version} "
                f"needs: it was put back from {dump}, and then swapping back failed."
            )
        elif release.facts.put_back is not None:
            return
        elif release.facts.condemned is not None:
            told = (
                f"Production holds {version}. Its database was to be put back before it is swapped back, which did not "
                f"come to its end, so look at what it holds. The dump from before is {dump}."
            )
        elif not _has_swapped(release):
            told = (
                f"Production holds {version}, which somebody put there by hand meanwhile, so this release changes "
                f"nothing more: {_made_of(release)}. The dump from before is {dump}."
            )
        else:
            told = (
                f"Production holds {version}, and the swap was asked for, so the database stays as this release made "
                f"it. The dump from before is {dump}."
            )
        await self._records.note(release.id, put_back=told)

    async def _put_database_back(self, release_id: str) -> None:
        """The database holds what the way back does; where nothing of it was changed, it stays. Raises NotAsDumped."""
        release, site, journal = await self._of(release_id)
        way_back = _needed(release.facts.way_back)
        if release.facts.changing_since is None and release.facts.put_back is not None:
            return  # before the swap back already, and told
        async with journal.step(Step.PUT_BACK) as words:
            real = (await self._databases(site))[0]
            if release.facts.changing_since is None:
                words.text = "nothing of it was changed"
            else:
                kept = await self._kept_if_possible(release, site, real)
                await only_for(site, _needed(release.from_version))
                async with alone(real, words.say) as lock:
                    await while_held(lock, self._restore(release_id, site, real, way_back))
                words.text = f"from {way_back.id}, and it is what was dumped{kept}"
            told = f"Production's database is as it was before this release: {words.text}."
            await self._records.note(release_id, put_back=told, changing_since=None)

    async def _kept_if_possible(self, release: Release, site: Site, real: Connection) -> str:
        """Where the new version was live, somebody may have written: a dump of that, in words."""
        if release.facts.condemned is None:
            return ""
        try:
            kept = await self._dumped(site, real)
        except ReleaseError as error:
            return f"; what was there could not be kept: {error}"
        return f"; what was there is kept as {kept.id}"

    # -- what they share --------------------------------------------------------------------------

    async def _is_past(self, release: Release, site: Site) -> bool:
        """As `is_past_the_swap`. Raises NotTheSame after a swap by hand: the database may not be ready for it."""
        if _has_swapped(release):
            return True
        await self._still_before(release, site)
        return False

    @asynccontextmanager
    async def _closed(self, release: Release, site: Site) -> AsyncIterator[None]:
        """Inside the block writes stay refused, on both slots; nothing to do where they could not be."""
        facts = (await self._records.release(release.id)).facts
        async with AsyncExitStack() as stack:
            if facts.writes_closed_at is not None:
                try:
                    await renew(site, site.staging)
                except ReleaseError as error:
                    if facts.swap_token is None:
                        raise
                    # In a swap the SCM sites are away for a while, and it goes on whoever can write.
                    log.warning("not renewed", extra={"release": release.id, "problem": str(error)})
                await stack.enter_async_context(staying_closed(site, site.staging))
            yield

    async def _until_quiet(self, release: Release, site: Site, words: Words) -> None:
        """Nothing comes due while two versions run on the database. Raises StillScheduled or Cancelled."""
        real = (await self._databases(site))[0]
        limit = site.config.scheduled_limit
        began = (await self._records.release(release.id)).step(Step.CLOSE_WRITES).started_at
        while True:
            picture = self._picture(release.id)
            try:
                await looked_at(real, picture)
            except CUT_OFF:
                return  # this release's own migration was cut off: there is nothing to look at, and no time to lose
            due = await due_within(picture, datetime.now(UTC), site.config.scheduled_margin)
            if not due:
                return
            again = look_again_at(due, datetime.now(UTC))
            if again > (began or datetime.now(UTC)) + limit:
                raise StillScheduled(f"{limit.total_seconds() / 60:g}", in_words(due))
            await words.say(f"waits for {in_words(due)}")
            await self._wait_until(release.id, again)

    async def _wait_until(self, release_id: str, until: datetime) -> None:
        while datetime.now(UTC) < until:
            release = await self._records.release(release_id)
            if release.cancel_asked_by is not None:
                raise Cancelled(release_id, release.cancel_asked_by)
            await asyncio.sleep(1)

    async def _dumped(self, site: Site, real: Connection) -> BackupTaken:
        """A dump of now, which counts as a backup."""
        backup = await dump_database(site, real, self._store)
        await self._records.keep_backup(backup)
        await self._keep_late(backup)
        return backup

    async def _way_back(self, release: Release, site: Site) -> BackupTaken:
        """The dump from before the change: taken now, unless the change had begun already before a restart."""
        real, kept = (await self._databases(site))[0], release.facts.way_back
        if kept is not None and release.facts.changing_since is not None:
            return kept
        backup = await self._dumped(site, real)
        await self._records.note(release.id, way_back=backup)
        return backup

    async def _look(self, release_id: str, real: Connection) -> Inspection | None:
        """What the database holds; None where a restore or a migration of it was cut off."""
        picture = self._picture(release_id)
        try:
            return await looked_at(real, picture)
        except CUT_OFF:
            return None
        finally:
            await asyncio.to_thread(picture.unlink, missing_ok=True)

    async def _mend(self, release_id: str, site: Site, real: Connection, way_back: BackupTaken) -> None:
        """What a migration that was cut off left is thrown away, and the dump is there again."""
        if await self._look(release_id, real) is None:
            await put_back(real, await dump_of(self._store, way_back), config_of(site))

    async def _restore(self, release_id: str, site: Site, real: Connection, backup: BackupTaken) -> None:
        """The database holds what the backup's dump does, table by table. Raises NotAsDumped."""
        await put_back(real, await dump_of(self._store, backup), config_of(site))
        found = await self._look(release_id, real)
        wrong = ["it is not whole"] if found is None else unlike(found, backup)
        if wrong:
            raise NotAsDumped(real.address, backup.id, ", ".join(wrong))

    async def _what_readers_see(self, release: Release, site: Site) -> str | None:
        """What is wrong with production's pages, twice in a row; None where they are well."""
        wrong: str | None = None
        for look in range(2):
            try:
                await smoke_test(site, PRODUCTION, change_of(release).before)
            except SmokeTestFailed as error:
                wrong = str(error.args[1])
                if look == 0:
                    await asyncio.sleep(ONE_MORE_LOOK_SECONDS)
            else:
                return None
        return wrong


def _has_swapped(release: Release) -> bool:
    """Whether this release asked for a swap; a token that is forgotten was never asked with."""
    return release.facts.swap_token is not None or release.facts.condemned is not None


def _made_of(release: Release) -> str:
    """What became of production's database."""
    if release.facts.changing_since is None:
        return "it had not begun to change the database"
    if StepState.DONE not in (
        release.step(Step.MIGRATE_SHARED).state,
        release.step(Step.RESTORE_SHARED).state,
    ):
        return "it had begun to change the database and had not ended, so look at what that holds"
    return f"the database is the one for {release.version}"


def _is_put_back(release: Release) -> bool:
    """Whether the database was put back already, before the swap back of what was not well in production."""
    facts = release.facts
    return facts.condemned is not None and facts.put_back is not None and facts.changing_since is None


def _needed(fact: Fact | None) -> Fact:
    if fact is None:
        raise ReleaseError("The release does not know what an earlier step found out.")
    return fact
