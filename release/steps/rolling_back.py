"""The way back: the old version with its own database, its price told, in production again."""

from functools import partial

from release.backup import back_up
from release.errors import ReleaseError
from release.model import BackupTaken, Release, State, Step
from release.preflight import PreflightFailed, preflight_back
from release.silence import keep_silent
from release.site import PRODUCTION, Site
from release.slot_database import database_read_by
from release.smoke import Expected, smoke_test
from release.staging import read_mark, start_and_warm
from release.steps.common import PAST, looked_at
from release.steps.remembering import Remembering
from release.swap import Held, is_past_the_swap, lawful
from release.unfinished import refuse_unfinished

NO_FIRST_COPY = "there is no copy of its database from when it went live"


class RollingBack(Remembering):
    """What comes before and after the swap of a rollback."""

    # -- until people are asked -------------------------------------------------------------------

    async def ready_to_roll_back(self, release_id: str) -> None:
        """The old slot still holds the old version with a database it can read, runs and is well."""
        release, site, journal = await self._of(release_id)
        version = release.version or ""
        if release.state is State.ROLLING_BACK and await is_past_the_swap(site, release):
            return  # swapped already, before a restart
        async with journal.step(Step.PREFLIGHT) as words:
            await self._still_to_take_back(release, site)
            await preflight_back(site)
            await self._still_the_old_one(release, site)
            database = await self._database(release, site)
            await self._note_since(release)
            await self._remember(release, site, with_database=False)
            words.text = f"{version} is still on {site.staging}, {database}"
        async with journal.step(Step.START) as words:
            await start_and_warm(site, site.staging)
            words.text = f"running{await self._silenced(site, release)}"
        async with journal.step(Step.SMOKE_TEST) as words:
            # Production may be sick, so it is no measure: what the old version answered when it was well is.
            expected = Expected(version, lawful=await self._when_it_was_well(release))
            pages = await smoke_test(site, site.staging, expected, compare=False)
            await self._records.note(release_id, pages=pages)
            words.text = f"{len(pages)} pages well"

    async def keep_what_a_rollback_leaves(self, release_id: str) -> None:
        """Production's database is kept as a backup, and what was written since it went live is known.

        A rollback is for emergencies: where the backup cannot be made it goes on, and says so; the database
        itself stays on the slot that is swapped out.
        """
        release, site, journal = await self._of(release_id)
        if await is_past_the_swap(site, release):
            return  # swapped already, before a restart
        async with journal.step(Step.BACK_UP) as words:
            try:
                words.text = await self._keep(release, site, PRODUCTION)
            except ReleaseError as error:
                reason = f"no backup could be made: {error}"
                await self._records.note(release_id, price_unknown=reason)
                words.text = f"{reason} The rollback goes on without"

    # -- after they have said yes -----------------------------------------------------------------

    async def recheck(self, release_id: str) -> None:
        """Both slots still hold what they held when people were asked, and the old one runs."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RECHECK) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            current = await self._still_to_take_back(release, site)
            await self._still_the_old_one(release, site)
            # A slot that somebody stopped meanwhile may have been given another database, too.
            if not (await site.app.slot(site.staging)).running:
                await self._database(release, site)
            await start_and_warm(site, site.staging)
            again = await self._silenced(site, release)
            cleared = await self._clear_routing(release_id, site)
            words.text = f"still {release.version} on {site.staging}, {current} in production{again}"
            words.text = "; ".join(part for part in (words.text, cleared) if part)

    async def keep_last_writes(self, release_id: str) -> None:
        """What was written since people were asked is kept too; where it cannot be, the first backup stays."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.KEEP_LEAVING) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            try:
                words.text = await self._keep(release, site, PRODUCTION)
            except ReleaseError as error:
                await self._records.note(release_id, price_unknown=str(error))
                words.text = f"no fresh backup could be made: {error} The rollback goes on without"

    async def tell_final_price(self, release_id: str) -> None:
        """What reached the newer version's database until it was swapped out is kept, and is the price told."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.LATE_WRITES) as words:
            try:
                words.text = await looked_at(partial(self._keep, release, site, site.staging), words)
            except ReleaseError as error:
                await self._records.note(release_id, price_unknown=str(error))
                words.text = f"could not be looked at: {error}"

    # -- what they share --------------------------------------------------------------------------

    async def _keep(self, release: Release, site: Site, slot: str) -> str:
        """The newer version's database, wherever it is now, is a backup, and what people wrote in it is known."""
        kept = await back_up(site, self._folders.backups, slot)
        await self._records.keep_backup(kept)
        await self._keep_late(kept)
        undone = await self._undone(release)
        first = undone.facts.live_backup if undone else None
        if first is None:
            await self._records.note(release.id, backup=kept, left_behind=None, price_unknown=NO_FIRST_COPY)
            return f"kept as {kept.id}; {NO_FIRST_COPY} to compare with"
        return await self._price(release.id, first, kept)

    async def _price(self, release_id: str, first: BackupTaken, kept: BackupTaken) -> str:
        try:
            written = await self._written(release_id, first, kept)
        except ReleaseError as error:
            await self._records.note(release_id, backup=kept, left_behind=None, price_unknown=str(error))
            return f"kept as {kept.id}; {error}"
        await self._records.note(release_id, backup=kept, left_behind=written, price_unknown=None)
        return f"{written.words} written since it went live, kept as {kept.id}"

    async def _undone(self, rollback: Release) -> Release | None:
        return await self._records.release(rollback.undoes) if rollback.undoes else None

    async def _note_since(self, rollback: Release) -> None:
        undone = await self._undone(rollback)
        swapped = (undone.step(Step.SWAP).ended_at or undone.ended_at) if undone else None
        if undone is None or swapped is None:
            return
        # The first copy is taken some seconds after the swap: what came before that look is not in the price.
        first = undone.facts.live_backup
        since = max(swapped, first.taken_at) if first else swapped
        await self._records.note(rollback.id, live_since=since)

    async def _silenced(self, site: Site, rollback: Release) -> str:
        """What has come out since the swap is not published and mailed once more; a warning where that cannot be."""
        undone = await self._undone(rollback)
        since = undone and (undone.facts.caught_up_at or undone.step(Step.SWAP).started_at)
        if not since or await keep_silent(site, since):
            return ""
        return "; posts that were scheduled and came out since the swap are published and mailed again"

    async def _when_it_was_well(self, release: Release) -> dict[str, str]:
        undone = await self._undone(release)
        return lawful(undone, "production") if undone else {}

    async def _database(self, rollback: Release, site: Site) -> str:
        """Before anything is started: which database the old version has, in words; one that it can read."""
        version = rollback.version or ""
        backups = await self._records.backups(site.name, limit=None)
        last = next((backup for backup in backups if backup.version == version and backup.slot is None), None)
        if last is None:
            instead = (
                f"No backup of Ghost {version} is kept (/ghost backups {site.name}): stay on the newer one."
            )
        else:
            instead = f"Go back through a backup instead: /ghost restore {last.id} {site.name}."
        written_by = await database_read_by(site, version, self._work(rollback.id), instead)
        return f"with a database of Ghost {written_by}"

    async def _still_to_take_back(self, rollback: Release, site: Site) -> str:
        """Production's version: the one that this rollback takes back."""
        held, current = await self._held(rollback, site)
        if held is not Held.BEFORE:
            raise ProductionIsAnother(site.name, current, str(rollback.from_version))
        return current

    async def _still_the_old_one(self, rollback: Release, site: Site) -> None:
        """Staging holds the version; where that does not tell, it bears the mark that production bore before."""
        await refuse_unfinished(site)
        found = await site.version(site.staging)
        if found != rollback.version:
            raise PreflightFailed(
                site.name,
                f"staging holds {found}, not {rollback.version}: somebody deployed over the way back.",
                f"Upgrade forward instead, or put a backup of that version back: /ghost backups {site.name}.",
            )
        undone = await self._undone(rollback)
        if undone is None or undone.facts.production_mark is None:
            return
        mark = await read_mark(site, site.staging)
        if (mark.release if mark else "") != undone.facts.production_mark:
            raise PreflightFailed(
                site.name,
                f"staging no longer holds what {undone.id} took out of production.",
                f"Put the backup of that time back instead: /ghost backups {site.name} lists them.",
            )


class SwappingBack(RollingBack):
    """The way back of a web app: both slots share the database, which stays as the newer version has it."""

    async def _database(self, rollback: Release, site: Site) -> str:  # noqa: ARG002 - as the others'
        return "with the database that both slots share"

    async def _silenced(self, site: Site, rollback: Release) -> str:  # noqa: ARG002 - as the others'
        return ""


class ProductionIsAnother(PreflightFailed):
    problem = "Production of {0} holds {1} now, and not the {2} that this rollback takes back."
    remedy = "Nothing was changed. Somebody deployed or swapped: look at /ghost status {0}."
