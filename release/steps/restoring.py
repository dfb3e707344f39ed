"""Backups brought back: read back by a Ghost of their own, or put on staging as a candidate.

The steps of `/ghost backup --verify` and `/ghost restore` that no other release has. Every method may
run twice. None knows the engine; `workflows.py` says in which order they come.
"""

from datetime import UTC, datetime

from release.backup import back_up
from release.backups import BackupOfAnother, UnknownBackup
from release.content import list_content
from release.errors import ReleaseError
from release.ghost.build import Package
from release.ghost.database import inspect, overdue_posts
from release.journal import telling
from release.model import BackupTaken, Candidate, Kind, Release, Step
from release.preflight import (
    Cleared,
    WrongNode,
    node_major,
    preflight_restore,
    usual_major,
)
from release.silence import EVER, keep_silent
from release.site import PRODUCTION, Site
from release.staging import leave_mark, put_database, read_mark, recheck
from release.steps.common import PAST, Steps, kept_of, looked_at, mark_of
from release.steps.promoting import is_taken_back
from release.swap import is_past_the_swap
from release.unfinished import unfinished_by
from release.version import Version

TITLES_SHOWN = 10
OVERDUE = (
    "These posts were still scheduled when the backup was taken, and their time has come since. "
    "They stay as they are, so that nobody gets a newsletter twice; publish them by hand:"
)


class Restoring(Steps):
    """The steps around a backup that exists."""

    # -- verifying --------------------------------------------------------------------------------

    async def node_of_production(self, release_id: str, backup: BackupTaken) -> int:
        """The Node major that production runs the backup's version with."""
        _, site, _ = await self._of(release_id)
        return await node_major(
            site, await self._published(site).find(Version.parse(backup.version)), PRODUCTION
        )

    async def check_kept(self, release_id: str) -> BackupTaken:
        """The backup that is to be verified was read from where backups are kept for good, and is whole."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.CHECK_BACKUP) as words:
            backup = await self._asked_for(release, site)
            await inspect(await self._store.fetch(backup))
            await self._records.note(release_id, restores=backup)
            words.text = f"{backup.id}, Ghost {backup.version}, whole"
        return backup

    async def node_of_backup(self, release_id: str, backup: BackupTaken) -> int:
        """Production's Node major, where the backup's version runs on it; else one that it asks for."""
        _, site, _ = await self._of(release_id)
        target = await self._published(site).find(Version.parse(backup.version))
        try:
            return await node_major(site, target, PRODUCTION)
        except WrongNode:
            return usual_major(target)

    async def _asked_for(self, release: Release, site: Site) -> BackupTaken:
        backup = await self._records.backup(release.backup or "")
        if backup is None:
            raise UnknownBackup(str(release.backup))
        if backup.site != site.name:
            raise BackupOfAnother(backup.id, backup.site, site.name)
        return backup

    async def build_same(self, release_id: str, version: str, major: int) -> Package:
        """The package of the backup's very version, from the cache or built here."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.BUILD_SAME) as words:
            package = await self._packages.build(
                Version.parse(version), major, telling(words), site.shape.recipe
            )
            await self._records.note(release_id, package=kept_of(package))
            how = "from the cache" if package.from_cache else f"built in {package.seconds:.0f} s"
            words.text = f"Ghost {package.version} for Node {package.node}, {how}"
        return package

    async def read_back(self, release_id: str, backup: BackupTaken, package: Package) -> None:
        """A Ghost was booted on a copy of the backup, served what it holds, and is gone."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.READ_BACK) as words:
            await words.say(f"booting Ghost {package.version} on a copy of {backup.id}")
            work = self._folders.work / release_id
            work.mkdir(parents=True, exist_ok=True, mode=0o700)
            package = await self._here(release_id, package)
            found = await site.shape.copies.read_back(site, package, backup, self._store, work, self._npm)
            await self._records.mark_verified(backup.id)
            await self._records.note(release_id, read_back=found)
            pages = f"/ and {found.post}" if found.post else "/"
            totals = "".join(f", {total} {name}" for name, total in found.totals.items())
            words.text = f"Ghost {found.version} served {pages}{totals} in {found.seconds:.1f} s"

    # -- staging ----------------------------------------------------------------------------------

    async def check_backup(self, release_id: str) -> BackupTaken:
        """The backup that is asked for is kept, of this site, and whole."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.CHECK_BACKUP) as words:
            backup = await self._asked_for(release, site)
            await inspect(await self._store.read(backup))
            await self._records.note(release_id, restores=backup)
            words.text = (
                f"{backup.id}, Ghost {backup.version}, {backup.rows.get('posts', 0)} posts, "
                f"{backup.rows.get('members', 0)} members, whole"
            )
        return backup

    async def preflight(self, release_id: str, backup: BackupTaken) -> Cleared:
        """Everything the restore needs is there, or one error names all that is not."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            target = await self._published(site).find(Version.parse(backup.version))
            cleared = await preflight_restore(site, target)
            await self._records.set_versions(release_id, cleared.current, cleared.target)
            await self._note_way(release, cleared)
            overdue = await overdue_posts(await self._store.read(backup), datetime.now(UTC))
            again = (f"{OVERDUE} {', '.join(overdue[:TITLES_SHOWN])}.",) if overdue else ()
            gone = await self._gone(site, backup)
            warnings = (*cleared.warnings, *again, *gone)
            await self._records.note(release_id, warnings=warnings, warm_up=cleared.warm_up)
            words.text = f"production {cleared.current}, the backup is of {cleared.target}"
        return cleared

    async def _gone(self, site: Site, backup: BackupTaken) -> tuple[str, ...]:
        """Files of the backup's time that production no longer has, as a warning."""
        listed = await self._store.read_list(backup)
        if not listed:
            return ()
        gone = sorted(listed.keys() - await list_content(site))
        if not gone:
            return ()
        more = f" and {len(gone) - TITLES_SHOWN} more" if len(gone) > TITLES_SHOWN else ""
        return (
            "Files that were there when the backup was taken are gone from production, and a backup holds none: "
            f"{', '.join(gone[:TITLES_SHOWN])}{more}.",
        )

    async def put_backup(
        self, release_id: str, backup: BackupTaken, package: Package, cleared: Cleared, deployment: str
    ) -> Candidate:
        """The backup is staging's database, a mark says so, and what it lacks of production is known."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PUT_BACKUP) as words:
            if release.facts.backup is not None:
                await self._tell_what_is_left(release_id, backup, release.facts.backup)
            database = await self._store.read(backup)
            await self._still_before(release, site)
            await put_database(site, database)
            candidate = Candidate(
                version=package.version,
                package_digest=(release.facts.package or package).digest,
                database_digest=backup.digest,
                source_version=cleared.current,
                staging_url=await site.url(site.staging),
                deployment=deployment,
            )
            await leave_mark(site, mark_of(release_id, candidate))
            await self._records.note(release_id, candidate=candidate)
            words.text = f"{backup.id} as it was taken"
        return candidate

    async def _tell_what_is_left(self, release_id: str, backup: BackupTaken, production: BackupTaken) -> None:
        await self._records.note(release_id, left_behind=await self._written(release_id, backup, production))

    # -- promoting --------------------------------------------------------------------------------

    async def recheck(self, release_id: str) -> None:
        """Staging and production are still what they were when people were asked."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RECHECK) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            version = await self._still_before(release, site)
            if release.facts.candidate is not None:
                # What catches up and was cut off there by an update left a note, and all of that is made again.
                if release.kind is not Kind.CARRY_OVER or await unfinished_by(site) != release_id:
                    await recheck(site, mark_of(release_id, release.facts.candidate))
                before = await read_mark(site, PRODUCTION)
                await self._records.note(release_id, production_mark=before.release if before else "")
            cleared = await self._clear_routing(release_id, site)
            words.text = f"still {release.backup} on {site.staging}, {version} in production"
            words.text = "; ".join(part for part in (words.text, cleared) if part)

    async def keep_leaving(self, release_id: str) -> None:
        """Production's database, as it is right before it is swapped out, is a backup of its own."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.KEEP_LEAVING) as words:
            if await is_past_the_swap(site, release):
                words.text = PAST
                return
            await keep_silent(site, EVER)
            leaving = await back_up(site, self._folders.backups)
            await self._records.keep_backup(leaving)
            await self._store.keep(leaving)
            # What a rollback would leave behind is measured from what goes live: the backup itself.
            await self._records.note(release_id, backup=leaving, live_backup=release.facts.restores)
            if release.facts.restores is not None:
                await self._tell_what_is_left(release_id, release.facts.restores, leaving)
            words.text = f"kept as {leaving.id}"

    async def keep_late_writes(self, release_id: str) -> None:
        """What reached the old slot until it was swapped out is kept and told; production is live whatever comes."""
        release, site, journal = await self._of(release_id)
        if is_taken_back(release):
            return

        async def look() -> str:
            late = await back_up(site, self._folders.backups, site.staging)
            await self._records.keep_backup(late)
            await self._keep_late(late)
            if release.facts.restores is not None:
                await self._tell_what_is_left(release_id, release.facts.restores, late)
            return f"kept as {late.id}"

        async with journal.step(Step.LATE_WRITES) as words:
            try:
                words.text = await looked_at(look, words)
            except ReleaseError as error:
                words.text = f"could not be looked at: {error}"
