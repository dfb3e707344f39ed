"""What each step of a release does with its site: the routines, told of in the journal.

Every method may run twice. None knows the engine; `workflows.py` says in which order they come.
"""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from release.backup import back_up
from release.backups import BackupStore
from release.content import list_content, sync_content, take_stock
from release.errors import Cancelled, ReleaseError
from release.ghost.build import Package, build
from release.ghost.database import Inspection
from release.ghost.differences import differences, in_words, named
from release.ghost.migrate import migrate_copy
from release.ghost.npm import Npm
from release.ghost.releases import Releases as PublishedGhosts
from release.journal import Journal, telling
from release.model import (
    BackupTaken,
    Candidate,
    Kind,
    MigrationDone,
    Release,
    State,
    Step,
    StepState,
    SwapDone,
    Written,
)
from release.preflight import Cleared, NothingToSwap, preflight_swap, preflight_upgrade, rollback_ready
from release.records import Records
from release.restoring import Restoring, kept_of
from release.site import PRODUCTION, Site
from release.smoke import Expected, smoke_test
from release.staging import Mark, deploy, leave_mark, mute, put_database, recheck, start_and_warm
from release.swap import Held, change_of, held_by_production, lawful, put_live
from release.version import Version

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folders:
    """Where the bot keeps things on its disk: `backups` for good, `work` for the length of a release."""

    backups: Path
    work: Path


class Stages:
    """The steps of every release, with the clients they need."""

    def __init__(
        self, sites: Mapping[str, Site], records: Records, npm: Npm, ghosts: PublishedGhosts, folders: Folders
    ) -> None:
        self._sites = sites
        self._records = records
        self._npm = npm
        self._ghosts = ghosts
        self._folders = folders
        self.store = BackupStore(folders.backups)
        self.restoring = Restoring(sites, records, npm, ghosts, self.store, folders.work)

    async def _of(self, release_id: str) -> tuple[Release, Site, Journal]:
        release = await self._records.release(release_id)
        return release, self._sites[release.site], Journal(self._records, release_id)

    def _work(self, release_id: str) -> Path:
        folder = self._folders.work / release_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds a copy of the database
        return folder

    # -- staging ----------------------------------------------------------------------------------

    async def preflight(self, release_id: str) -> Cleared:
        """Everything a release needs is there, or one error names all that is not."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            if release.kind is Kind.UPGRADE:
                version = Version.parse(release.version or "")
                cleared = await preflight_upgrade(site, await self._ghosts.find(version))
                words.text = f"{cleared.current} to {cleared.target}, Node {cleared.node_major}, all is ready"
            else:
                cleared = await preflight_swap(site)
                if cleared.current == cleared.target:
                    raise NothingToSwap(site.name, cleared.current)
                words.text = f"production {cleared.current}, staging {cleared.target}"
            await self._records.set_versions(release_id, cleared.current, cleared.target)
            await self._records.note(release_id, warnings=cleared.warnings)
        return cleared

    async def back_up(self, release_id: str) -> BackupTaken:
        """A checked copy of production's database is in the backup folder, and in the records."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.BACK_UP) as words:
            await words.say(f"WebJob {site.config.backup_webjob}")
            backup = await self._take_backup(release_id, site)
            words.text = (
                f"{megabytes(backup.size)}, Ghost {backup.version}, {backup.rows.get('posts', 0)} posts, "
                f"{backup.rows.get('members', 0)} members, integrity ok, {backup.id}"
            )
        return backup

    async def _take_backup(self, release_id: str, site: Site) -> BackupTaken:
        files = await list_content(site)
        backup = replace(await back_up(site, self._folders.backups), files=len(files))
        await self.store.keep_list(backup, files)
        await self._records.keep_backup(backup)
        await self._records.note(release_id, backup=backup)
        return backup

    async def build(self, release_id: str, cleared: Cleared) -> Package:
        """The package of the asked version, from the cache or built here, off the server."""
        _, _, journal = await self._of(release_id)
        async with journal.step(Step.BUILD) as words:
            package = await build(
                Version.parse(cleared.target), cleared.node_major, self._npm, telling(words)
            )
            await self._records.note(release_id, package=kept_of(package))
            how = "from the cache" if package.from_cache else f"built in {package.seconds:.0f} s"
            words.text = f"Ghost {package.version} for Node {package.node}, {megabytes(package.size)}, {how}"
        return package

    async def take_stock(self, release_id: str) -> None:
        """How many files staging lacks: told early, so that a surprise is seen before anything moves."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.TAKE_STOCK) as words:
            stock = await take_stock(site, ())
            words.text = (
                f"{stock.looked_at} files in production, {len(stock.copy)} to copy "
                f"({megabytes(stock.copy_bytes)}), {len(stock.remove)} to remove"
            )

    async def migrate(self, release_id: str, backup: BackupTaken, package: Package) -> MigrationDone:
        """A copy of the backup, migrated by the new version and inspected, is in the work folder."""
        _, _, journal = await self._of(release_id)
        async with journal.step(Step.MIGRATE) as words:
            done, _ = await self._migrate(release_id, backup, package)
            words.text = (
                f"{done.from_version} to {done.to_version} in {done.seconds:.1f} s, "
                f"{len(done.rows)} tables, no row lost"
            )
        return done

    async def _migrate(
        self, release_id: str, backup: BackupTaken, package: Package
    ) -> tuple[MigrationDone, Inspection]:
        source = await self.store.read(backup)
        migrated = await migrate_copy(package, source, self._work(release_id), self._npm)
        done = MigrationDone(
            from_version=migrated.report.from_version,
            to_version=migrated.report.to_version,
            path=migrated.path,
            digest=migrated.digest,
            rows=migrated.report.rows,
            seconds=migrated.seconds,
        )
        await self._records.note(release_id, migration=done)
        return done, migrated.after

    async def deploy(self, release_id: str, package: Package) -> str:
        """The package is on staging, which is muted and stopped; returns the deployment's id."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.DEPLOY) as words:
            muted = await mute(site)
            await words.say(f"uploading {megabytes(package.size)}")
            deployment = await deploy(site, Path(package.path), words.say)
            words.text = f"{megabytes(package.size)} on {site.staging}"
            if muted:
                words.text += ", which now sends no mail"
        return deployment

    async def sync_content(self, release_id: str, package: Package) -> None:
        """Staging has production's images, media, files, themes and settings."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.SYNC_CONTENT) as words:
            synced = await sync_content(site, await shipped_themes(package.folder))
            await self._records.note(release_id, content=synced)
            words.text = (
                f"{synced.looked_at} files compared, {synced.copied} copied "
                f"({megabytes(synced.copied_bytes)}), {synced.removed} removed"
            )

    async def put_database(
        self,
        release_id: str,
        backup: BackupTaken,
        package: Package,
        migration: MigrationDone,
        deployment: str,
    ) -> Candidate:
        """The migrated copy is staging's database, and a mark on the slot says what it holds."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.PUT_DATABASE) as words:
            await put_database(site, Path(migration.path))
            candidate = Candidate(
                version=package.version,
                package_digest=package.digest,
                database_digest=migration.digest,
                source_version=backup.version,
                staging_url=await site.url(site.staging),
                deployment=deployment,
            )
            await leave_mark(site, _mark(release_id, candidate))
            await self._records.note(release_id, candidate=candidate, caught_up_at=backup.taken_at)
            words.text = f"{backup.id}, migrated"
        return candidate

    async def start(self, release_id: str) -> None:
        """Staging runs and answers its front page with 200."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.START) as words:
            seconds = await start_and_warm(site, site.staging)
            words.text = f"ready after {seconds:.1f} s"

    async def smoke_test(self, release_id: str, cleared: Cleared, rows: dict[str, tuple[int, int]]) -> None:
        """Staging is the version it should be and answers as production does."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.SMOKE_TEST) as words:
            pages = await smoke_test(site, site.staging, _expected(cleared.target, rows))
            await self._records.note(release_id, pages=pages)
            slowest = max((page.milliseconds for page in pages), default=0)
            words.text = f"{len(pages)} pages well, slowest {slowest} ms"

    async def ask(self, release_id: str) -> None:
        """The question is asked, and staging ends here: nobody waits inside a workflow. Raises Cancelled."""
        release, site, _ = await self._of(release_id)
        if release.cancel_asked_by is not None:
            raise Cancelled(release_id, release.cancel_asked_by)
        await self._records.ask(release_id, site.config.approval_lasts)

    # -- promoting --------------------------------------------------------------------------------

    async def recheck(self, release_id: str) -> None:
        """Staging and production are still what they were when people were asked."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RECHECK) as words:
            production = await site.version(PRODUCTION)
            if production not in (release.from_version, release.version):
                raise NotTheSame(site.name, production, str(release.from_version))
            if production != release.version and release.facts.candidate is not None:
                await recheck(site, _mark(release_id, release.facts.candidate))
            words.text = f"still {release.version} on {site.staging}, {production} in production"

    async def catch_up(self, release_id: str) -> None:
        """What production wrote since the backup is on staging too.

        The content of the databases is compared, not their times; files by listing.
        """
        release, site, journal = await self._of(release_id)
        candidate, before, built = release.facts.candidate, release.facts.backup, release.facts.package
        if candidate is None or before is None or built is None:
            raise ReleaseError(f"{release_id} has no candidate that could catch up")
        async with journal.step(Step.CATCH_UP) as words:
            if await site.version(PRODUCTION) == release.version:
                words.text = "production is swapped already"
                return
            backup = await back_up(site, self._folders.backups)
            await self._records.keep_backup(backup)
            changed = sorted(
                table
                for table in backup.content_digests.keys() | before.content_digests.keys()
                if backup.content_digests.get(table) != before.content_digests.get(table)
            )
            synced = await sync_content(site, await shipped_themes(built.folder))
            if not changed:
                await self._records.note(release_id, caught_up_at=backup.taken_at)
                words.text = f"nothing written since the backup, {synced.copied} files copied"
                return
            await words.say(f"production changed ({', '.join(changed[:5])}): migrating again")
            node_major = int(built.node.partition(".")[0])
            package = await build(Version.parse(built.version), node_major, self._npm, telling(words))
            done, after = await self._migrate(release_id, backup, package)
            await put_database(site, Path(done.path))
            candidate = replace(candidate, database_digest=done.digest)
            await leave_mark(site, _mark(release_id, candidate))
            await self._records.note(
                release_id, candidate=candidate, backup=backup, caught_up_at=backup.taken_at
            )
            await start_and_warm(site, site.staging)
            expected = Expected(candidate.version, after.rows.get("posts"), after.rows.get("members"))
            await smoke_test(site, site.staging, expected)
            words.text = f"caught up with {', '.join(changed[:5])}, {synced.copied} files copied"

    async def put_live(self, release_id: str) -> SwapDone:
        """The candidate is in production, verified, and the old slot keeps its version until the grace ends."""
        release, site, journal = await self._of(release_id)
        done, seen = await put_live(
            site,
            change_of(release),
            _Memory(self._records, release),
            journal.step,
            preview=release.kind is not Kind.ROLLBACK,
        )
        stops_at = datetime.now(UTC) + site.config.grace
        await self._records.note(
            release_id,
            swap=done,
            probe=seen,
            old_slot_stops_at=stops_at,
            write_window_seconds=write_window(await self._records.release(release_id)),
        )
        return done

    async def account_for_late_writes(self, release_id: str) -> None:
        """What reached the old slot after the last look at it is told and kept; production is live whatever comes.

        Also keeps a first backup of the new version: what a later rollback leaves behind is measured from it.
        """
        release, site, journal = await self._of(release_id)
        caught_up = release.facts.backup
        async with journal.step(Step.LATE_WRITES) as words:
            try:
                late = await back_up(site, self._folders.backups, site.staging)
                live = await back_up(site, self._folders.backups)
                for backup in (late, live):
                    await self._records.keep_backup(backup)
                await self._records.note(release_id, live_backup=live)
                if caught_up is None:
                    words.text = "nothing to compare with"
                    return
                written = await self._written(caught_up, late)
            except ReleaseError as error:
                # Production is live and well: not being able to look is told, and is no failure of the release.
                words.text = f"could not be looked at: {error}"
                return
            await self._records.note(release_id, left_behind=written)
            words.text = f"{written.words} written between the last look and the swap"

    async def _written(self, before: BackupTaken, after: BackupTaken) -> Written:
        found = await differences(await self.store.read(before), await self.store.read(after))
        return Written(in_words(found), named(found), after.id)

    async def keep_what_a_rollback_leaves(self, release_id: str) -> None:
        """Production's database is kept as a backup, and what was written since it went live is told.

        A rollback is for emergencies: where the backup cannot be made it goes on, and says so; the database
        itself stays on the slot that is swapped out.
        """
        release, site, journal = await self._of(release_id)
        if (await held_by_production(site, change_of(release)))[0] is Held.AFTER:
            return  # swapped already, before a restart
        async with journal.step(Step.BACK_UP) as words:
            undone = await self._records.release(release.undoes) if release.undoes else None
            try:
                kept = await back_up(site, self._folders.backups)
                await self._records.keep_backup(kept)
                await self._records.note(release_id, backup=kept)
                words.text = f"kept as {kept.id}"
                if undone is not None and undone.facts.live_backup is not None:
                    written = await self._written(undone.facts.live_backup, kept)
                    await self._records.note(release_id, left_behind=written)
                    words.text = f"{written.words} written since it went live, kept as {kept.id}"
            except ReleaseError as error:
                words.text = f"no backup could be made, the rollback goes on without: {error}"

    # -- rolling back -----------------------------------------------------------------------------

    async def ready_to_roll_back(self, release_id: str) -> None:
        """The old slot still holds the old version with its own database, runs and is well."""
        release, site, journal = await self._of(release_id)
        version = release.version or ""
        if (await held_by_production(site, change_of(release)))[0] is Held.AFTER:
            return  # swapped already, before a restart
        async with journal.step(Step.PREFLIGHT) as words:
            await preflight_swap(site)
            await self.restoring.still_the_old_one(release)
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

    async def _when_it_was_well(self, release: Release) -> dict[str, str]:
        undone = await self._records.release(release.undoes) if release.undoes else None
        return lawful(undone, "production") if undone else {}

    # -- ends -------------------------------------------------------------------------------------

    async def end(self, release_id: str, state: State, reason: str | None, remedy: str | None) -> None:
        """The release is in its last state and its work folder is gone."""
        release, site, _ = await self._of(release_id)
        # Only a preview of its own: one that somebody left behind is theirs to end.
        previewed = release.step(Step.PREVIEW).state is not StepState.PENDING
        if state in (State.CANCELLED, State.FAILED) and previewed:
            try:
                await site.app.reset_preview()
            except ReleaseError as error:
                log.warning("preview not reset", extra={"release": release_id, "problem": str(error)})
        if state is State.ROLLED_BACK and release.undoes:
            await self._records.set_undone(release.undoes, release_id)
        await self._records.move(release_id, state, reason=reason, remedy=remedy)
        await asyncio.to_thread(shutil.rmtree, self._folders.work / release_id, ignore_errors=True)


class NotTheSame(ReleaseError):
    problem = "Production of {0} is {1} now; it was {2} when this release was staged."
    remedy = "Nothing was changed. Start the release again."


class _Memory:
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
        self.condemned = reason
        await self._records.note(self._release, condemned=reason)
        await self._records.audit_release(self._release, "swap back", reason)


def write_window(release: Release) -> float | None:
    """Seconds between the last look at production's database and the swap: what is written then comes late."""
    looked, swapped = release.facts.caught_up_at, release.step(Step.SWAP).started_at
    if looked is None or swapped is None:
        return None
    return round((swapped - looked).total_seconds(), 1)


def _mark(release_id: str, candidate: Candidate) -> Mark:
    return Mark(
        release_id,
        candidate.version,
        candidate.package_digest,
        candidate.database_digest,
        candidate.deployment,
    )


def _expected(version: str, rows: dict[str, tuple[int, int]]) -> Expected:
    """With totals, since nobody writes to staging."""
    return Expected(version, rows.get("posts", (0, None))[1], rows.get("members", (0, None))[1])


async def shipped_themes(package_folder: str) -> tuple[str, ...]:
    """The themes that come with the package and are not copied from production."""

    def names() -> tuple[str, ...]:
        folder = Path(package_folder) / "content" / "themes"
        return tuple(sorted(p.name for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ()

    return await asyncio.to_thread(names)


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"
