"""The way back: the old version with its own database, in production again."""

from release.backup import back_up
from release.errors import ReleaseError
from release.model import Release, Step
from release.preflight import PreflightFailed, preflight_swap, rollback_ready
from release.smoke import Expected, smoke_test
from release.staging import read_mark
from release.steps.common import Steps
from release.swap import is_past_the_swap, lawful


class RollingBack(Steps):
    """What comes before the swap of a rollback."""

    async def ready_to_roll_back(self, release_id: str) -> None:
        """The old slot still holds the old version with its own database, runs and is well."""
        release, site, journal = await self._of(release_id)
        version = release.version or ""
        if await is_past_the_swap(site, release):
            return  # swapped already, before a restart
        async with journal.step(Step.PREFLIGHT) as words:
            await preflight_swap(site)
            await self._still_the_old_one(release)
            words.text = f"{version} is still on {site.staging}"
        async with journal.step(Step.START) as words:
            await rollback_ready(site, version)
            words.text = "running"
        async with journal.step(Step.SMOKE_TEST) as words:
            # Production may be sick, so it is no measure: what the old version answered when it was well is.
            expected = Expected(version, lawful=await self._when_it_was_well(release))
            pages = await smoke_test(site, site.staging, expected, compare=False)
            await self._records.note(release_id, pages=pages)
            words.text = f"{len(pages)} pages well"

    async def keep_what_a_rollback_leaves(self, release_id: str) -> None:
        """Production's database is kept as a backup, and what was written since it went live is told.

        A rollback is for emergencies: where the backup cannot be made it goes on, and says so; the database
        itself stays on the slot that is swapped out.
        """
        release, site, journal = await self._of(release_id)
        if await is_past_the_swap(site, release):
            return  # swapped already, before a restart
        async with journal.step(Step.BACK_UP) as words:
            undone = await self._records.release(release.undoes) if release.undoes else None
            try:
                kept = await back_up(site, self._folders.backups)
                await self._records.keep_backup(kept)
                await self._keep_late(kept)
                await self._records.note(release_id, backup=kept)
                words.text = f"kept as {kept.id}"
                if undone is not None and undone.facts.live_backup is not None:
                    written = await self._written(undone.facts.live_backup, kept)
                    await self._records.note(release_id, left_behind=written)
                    words.text = f"{written.words} written since it went live, kept as {kept.id}"
            except ReleaseError as error:
                words.text = f"no backup could be made, the rollback goes on without: {error}"

    async def _when_it_was_well(self, release: Release) -> dict[str, str]:
        undone = await self._records.release(release.undoes) if release.undoes else None
        return lawful(undone, "production") if undone else {}

    async def _still_the_old_one(self, rollback: Release) -> None:
        """Where versions do not tell, staging still bears the mark that production bore before the swap."""
        site = self._sites[rollback.site]
        undone = await self._records.release(rollback.undoes) if rollback.undoes else None
        if undone is None or undone.facts.production_mark is None:
            return
        mark = await read_mark(site, site.staging)
        if (mark.release if mark else "") != undone.facts.production_mark:
            raise PreflightFailed(
                site.name,
                f"staging no longer holds what {undone.id} took out of production.",
                f"Put the backup of that time back instead: /ghost backups {site.name} lists them.",
            )
