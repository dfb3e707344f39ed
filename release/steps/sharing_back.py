"""The way back where the slots share a database: the old version, and the database from the dump of back then."""

import asyncio
from datetime import UTC, datetime

from release.errors import ReleaseError
from release.fitting import only_for
from release.migrations.lock import while_held
from release.model import BackupTaken, Release, Step
from release.mysql.connection import Connection
from release.mysql.dumped import dump_of, unlike
from release.mysql.errors import NotAsDumped
from release.mysql.lock import alone
from release.mysql.migrate import looked_at
from release.mysql.scratch import fill_scratch
from release.preflight import PreflightFailed, preflight_back
from release.smoke import Expected, smoke_test
from release.staging import start_and_warm
from release.steps.common import PAST
from release.steps.rolling_back import NO_FIRST_COPY, RollingBack
from release.steps.sharing import config_of
from release.steps.sharing_live import SharingLive

WHAT_IT_MEANS = (
    "Both versions share one database, so it is put back from the dump {0}, taken right before the upgrade: all that "
    "was written since is left behind. Visitors may see errors from then until the swap is done, and nobody can write."
)


class SharingBack(SharingLive, RollingBack):
    """What a rollback does in its own way where the slots share a database."""

    # -- until people are asked -------------------------------------------------------------------

    async def ready_to_go_back(self, release_id: str) -> None:
        """The old version is still on staging, and the dump from before the upgrade is kept and whole."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            await self._still_to_take_back(release, site)
            await preflight_back(site)
            await self._still_the_old_one(release, site)
            dump = await self._dump_of_before(release)
            await dump_of(self._store, dump)
            await self._note_since(release)
            await self._remember(release, site, with_database=False)
            warnings = (WHAT_IT_MEANS.format(dump.id),)
            await self._records.note(release_id, restores=dump, warnings=warnings)
            words.text = f"{release.version} is still on {site.staging}, and {dump.id} is kept"

    async def rehearse_back(self, release_id: str) -> None:
        """The scratch database is what production's was before the upgrade, and staging, stopped, is pointed at it."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.REHEARSE_BACK) as words:
            dump = await self._dump_of_before(release)
            real, scratch = await self._databases(site)
            await fill_scratch(real, scratch, await dump_of(self._store, dump), config_of(site))
            await self._compare(release_id, scratch, dump)
            cleared = await self._point(release_id, site, scratch)
            told = f"{dump.id} is in {scratch.database}, as it was dumped"
            words.text = "; ".join(part for part in (told, cleared) if part)

    async def test_the_old(self, release_id: str) -> None:
        """The old version runs on the scratch database and is well."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.START) as words:
            await start_and_warm(site, site.staging)
            words.text = f"ready{await self._silenced(site, release)}"
        async with journal.step(Step.SMOKE_TEST) as words:
            # Production may be sick, so it is no measure: what the old version answered when it was well is.
            expected = Expected(release.version or "", lawful=await self._when_it_was_well(release))
            pages = await smoke_test(site, site.staging, expected, compare=False)
            await self._records.note(release_id, pages=pages)
            words.text = f"{len(pages)} pages well"

    async def keep_what_it_leaves(self, release_id: str) -> None:
        """What production holds now is a backup, and what was written since the upgrade is known; or why not."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.BACK_UP) as words:
            try:
                words.text = await self._priced(
                    release, await self._dumped(site, (await self._databases(site))[0])
                )
            except ReleaseError as error:
                reason = f"no backup could be made: {error}"
                await self._records.note(release_id, price_unknown=reason)
                words.text = f"{reason} People are asked all the same."

    # -- after they have said yes -----------------------------------------------------------------

    async def still_ready(self, release_id: str) -> None:
        """Both slots still hold what they held when people were asked."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RECHECK) as words:
            if await self._is_past(release, site):
                words.text = PAST
                return
            current = await self._still_to_take_back(release, site)
            await self._still_the_old_one(release, site)
            await start_and_warm(site, site.staging)
            again = await self._silenced(site, release)
            cleared = await self._clear_routing(release_id, site)
            words.text = f"still {release.version} on {site.staging}, {current} in production{again}"
            words.text = "; ".join(part for part in (words.text, cleared) if part)

    async def dump_leaving(self, release_id: str) -> None:
        """What is left behind is kept whole: nobody can write any more. It is also what a failed rollback puts back."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.DUMP) as words:
            if await self._is_past(release, site):
                words.text = PAST
                return
            async with self._closed(release, site):
                words.text = await self._priced(release, await self._way_back(release, site))

    async def restore_shared(self, release_id: str) -> None:
        """Production's database is what it was right before the upgrade, compared table by table."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RESTORE_SHARED) as words:
            if await self._is_past(release, site):
                words.text = PAST
                return
            dump = await self._dump_of_before(release)
            real = (await self._databases(site))[0]
            async with self._closed(release, site), alone(real, words.say) as lock:
                await self._records.note(release_id, changing_since=datetime.now(UTC))
                await only_for(site, dump.version)
                await while_held(lock, self._restore(release_id, site, real, dump))
            words.text = f"from {dump.id}, and it is what was dumped"

    # -- what they share --------------------------------------------------------------------------

    async def _dump_of_before(self, rollback: Release) -> BackupTaken:
        undone = await self._undone(rollback)
        dump = undone.facts.way_back if undone else None
        if dump is None:
            raise PreflightFailed(
                rollback.site,
                f"no dump is known from before Ghost {rollback.from_version} was put live.",
                f"The database cannot be put back by the bot. /ghost backups {rollback.site} lists what is kept.",
            )
        return dump

    async def _priced(self, rollback: Release, kept: BackupTaken) -> str:
        undone = await self._undone(rollback)
        first = undone.facts.live_backup if undone else None
        if first is None:
            await self._records.note(rollback.id, backup=kept, left_behind=None, price_unknown=NO_FIRST_COPY)
            return f"kept as {kept.id}; {NO_FIRST_COPY} to compare with"
        return await self._price(rollback.id, first, kept)

    async def _compare(self, release_id: str, scratch: Connection, dump: BackupTaken) -> None:
        picture = self._picture(release_id)
        wrong = unlike(await looked_at(scratch, picture), dump)
        await asyncio.to_thread(picture.unlink, missing_ok=True)
        if wrong:
            raise NotAsDumped(scratch.address, dump.id, ", ".join(wrong))
