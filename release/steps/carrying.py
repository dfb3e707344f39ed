"""Late writes carried over: merged into production's newest database, and put live as any candidate is.

The steps of `/ghost carry` that no other release has. Production is touched in one place here too, the swap.
Every method may run twice. None knows the engine; `workflows.py` says in which order they come.
"""

from release.carry import NothingToCarry, carried_from
from release.ghost.build import Package
from release.model import BackupTaken, MigrationDone, Step
from release.preflight import Cleared, preflight_restore
from release.site import PRODUCTION
from release.steps.common import synced_in_words
from release.steps.merging import Merging
from release.version import Version

WAY_BACK = (
    "This uses the staging slot, which still holds the version from before the last release: afterwards a rollback "
    "goes back to what production is now, and no longer to that version."
)


class Carrying(Merging):
    """The steps around late writes."""

    async def preflight(self, release_id: str) -> Cleared:
        """Everything is ready, and production still runs the version whose late writes are carried."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            current = await site.version(PRODUCTION)
            if current != release.version:
                raise NothingToCarry(
                    site.name, f"production runs {current}, and they came late to {release.version}"
                )
            cleared = await preflight_restore(site, await self._published(site).find(Version.parse(current)))
            await self._records.set_versions(release_id, cleared.current, cleared.target)
            await self._note_way(release, cleared)
            await self._records.note(
                release_id, warnings=(*cleared.warnings, WAY_BACK), warm_up=cleared.warm_up
            )
            words.text = f"production {current}, late writes of {release.backup}"
        return cleared

    async def merge(self, release_id: str, backup: BackupTaken, package: Package) -> MigrationDone:
        """A copy of the backup with the late writes that are safe is in the work folder; and people know which."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.MERGE) as words:
            done, _ = await self._merge(release, backup, package)
            carries = (await self._records.release(release_id)).facts.carries
            if carries is None or not carries.anything:
                raise NothingToCarry(site.name, "production has all of it, or something else in its place")
            words.text = f"{len(carries.carried)} to carry over, {len(carries.left_out)} left out"
        return done

    async def sync_content(self, release_id: str, package: Package) -> None:
        """Staging has production's files, and the late ones that production has none of."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.SYNC_CONTENT) as words:
            package = await self._here(release_id, package)
            synced, files = await self._sync(release, site, package.folder)
            synced = synced.after(release.facts.brought)
            await self._records.note(release_id, content=synced)
            words.text = f"{synced_in_words(synced)}, {len(files)} late ones added"

    async def mark_carried(self, release_id: str) -> None:
        """The release whose late writes these were says so, and offers them no more."""
        release, _, _ = await self._of(release_id)
        source = await carried_from(self._records, release.site, release.backup)
        if source is not None:
            await self._records.note(source.id, carried_over_by=release_id)
