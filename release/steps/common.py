"""What the steps of every release share: their clients, their folders, and a few of their words."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from release.artefacts.shelf import Shelf
from release.artefacts.source import Source
from release.backup import back_up
from release.backups import BackupStore
from release.content import LateFiles, list_content
from release.difference import compare_pages, listed, looks
from release.errors import ReleaseError
from release.ghost.build import Package, Progress, StopBuilt, build_stop, check_package
from release.ghost.carry_over import LeftOut
from release.ghost.database import Inspection
from release.ghost.differences import differences
from release.ghost.errors import DamagedPackage
from release.ghost.migrate import migrate_copy
from release.ghost.npm import Npm
from release.ghost.releases import Releases as PublishedGhosts
from release.ghost.sources import Published
from release.journal import Journal, Words
from release.late import NO_FILES, first, keep_written
from release.model import (
    BackupTaken,
    Candidate,
    ContentSynced,
    Looks,
    MigrationDone,
    PackageBuilt,
    Release,
    RoutingCleared,
    Stop,
    Written,
)
from release.notes import Notes
from release.outputs import hear
from release.packages import Packages
from release.preflight import Cleared
from release.records import Records
from release.routing import clear_routing, how_to_set_again
from release.routing import in_words as routed_in_words
from release.side_by_side import all_of
from release.site import Site
from release.smoke import Expected
from release.staging import Mark
from release.swap import Held, change_of, held_by_production
from release.turns import Turns
from release.version import Version

log = logging.getLogger(__name__)

PAST = "production is swapped already"
"""What a step says that finds its work done by a swap, as after a restart."""
# An old slot that was swapped out a moment ago is often not well for some seconds.
LOOKS = 3
LOOK_PAUSE = 5.0
LEFT_UNKEPT = (
    "What was written on {0} up to the swap back is not kept as a backup: {1}. It is still in the database on {2}: "
    "download {3} from its Kudu before anything is deployed there."
)
KEEP_SECONDS = 60.0
"""How long the backup may take while visitors see errors; the database itself stays on the slot that is swapped out."""


class NotTheSame(ReleaseError):
    problem = "Production of {0} is {1} now; it was {2} when this release was staged."
    remedy = "Nothing more was changed. Look at what is in production, and start the release again."


@dataclass(frozen=True)
class Folders:
    """Where the bot keeps things on its disk: `backups` for good, `work` for the length of a release."""

    backups: Path
    work: Path

    @property
    def artefacts(self) -> Path:
        """What was fetched to be deployed, by digest."""
        return self.backups.parent / "artefacts"

    @property
    def migrations(self) -> Path:
        """The output of migrations, one file a release."""
        return self.backups.parent / "migrations"


@dataclass(frozen=True)
class Parts:
    """What steps work with: the sites, the records, and where versions, packages and backups come from.

    `artefacts` is where each site that deploys them takes them from, `notes` what is known of versions, `turns` those
    at this machine's processors.
    """

    sites: Mapping[str, Site]
    records: Records
    npm: Npm
    ghosts: PublishedGhosts
    folders: Folders
    store: BackupStore
    packages: Packages
    artefacts: Mapping[str, Source] = field(default_factory=dict)
    notes: Notes | None = None
    turns: Turns = field(default_factory=Turns)


class Steps:
    """Steps of releases. Every one may run twice, and tells the journal what it does."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sites = parts.sites
        self._records = parts.records
        self._npm = parts.npm
        self._ghosts = parts.ghosts
        self._store = parts.store
        self._packages = parts.packages
        self._folders = parts.folders
        self._sources = parts.artefacts
        self._notes = parts.notes
        self._turns = parts.turns
        self._shelf = Shelf(parts.folders.artefacts)

    async def _of(self, release_id: str) -> tuple[Release, Site, Journal]:
        release = await self._records.release(release_id)
        return release, self._sites[release.site], Journal(self._records, release_id)

    async def _still_before(self, release: Release, site: Site) -> str:
        """Production's version, which is that of before the release. Raises NotTheSame."""
        held, production = await self._held(release, site)
        if held is Held.BEFORE:
            return production
        now = f"what was staged ({production})" if held is Held.AFTER else production
        raise NotTheSame(site.name, now, str(release.from_version))

    async def _held(self, release: Release, site: Site) -> tuple[Held, str]:
        """Which side production holds before the release swaps it, and its version; a swap by hand is noted."""
        held, production = await held_by_production(site, change_of(release))
        if held is not Held.BEFORE:
            await self._records.note(release.id, production_now=production)
        return held, production

    async def _clear_routing(self, release_id: str, site: Site) -> str:
        """Nobody is routed to staging any more; said in words, and kept so that it can be set again."""

        async def keep(rules: Mapping[str, float]) -> None:
            again = how_to_set_again(site.config.resource_group, site.config.app, rules)
            await self._records.note(
                release_id, routing_cleared=RoutingCleared(routed_in_words(rules), again)
            )

        return await clear_routing(site, keep)

    def _published(self, site: Site) -> Published:
        """The versions that this site can have. What a database goes through on its way are Ghost's own, from npm."""
        return self._ghosts.of(site.shape.recipe.source)

    async def _compare_pages(self, release_id: str, site: Site) -> Looks:
        """How staging, which runs, differs from production; every page is in the file that the thread gets."""
        pages = await compare_pages(site)
        path = self._work(release_id) / "pages"
        await asyncio.to_thread(path.write_text, listed(pages))
        hear("every page, production and staging", path)
        return looks(pages)

    def _work(self, release_id: str) -> Path:
        folder = self._folders.work / release_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds a copy of the database
        return folder

    async def _take_backup(self, release_id: str, site: Site) -> BackupTaken:
        files = await list_content(site)
        backup = await site.shape.copies.take(site, self._store)
        backup = await self._store.keep_list(backup, files)
        await self._records.keep_backup(backup)
        await self._store.keep(backup)
        await self._records.note(release_id, backup=backup)
        return backup

    async def _keep_late(self, backup: BackupTaken) -> None:
        """Where nothing may fail for want of the storage: what could not be carried there now, the chores do."""
        try:
            await self._store.keep(backup)
        except ReleaseError as error:
            log.warning(
                "a backup is on the bot's disk only, until the storage answers",
                extra={"backup": backup.id, "problem": str(error)},
            )

    async def _note_way(self, release: Release, cleared: Cleared) -> None:
        """How the release gets there is a fact. What staging's stack was before it, the first look knows best."""
        stacks, known = cleared.stacks, release.facts.stacks
        if stacks is not None and known is not None:
            stacks = replace(stacks, staging=known.staging)
        await self._records.note(release.id, stops=cleared.stops, stacks=stacks, passes=cleared.passes)

    async def _stops(self, stops: tuple[Stop, ...], told: Progress) -> tuple[StopBuilt, ...]:
        """The Ghosts on the way, from the cache or built here: side by side, as a compiler uses one processor."""
        return tuple(await all_of(build_stop(stop, self._npm, told) for stop in stops))

    async def _migrate(
        self, release_id: str, backup: BackupTaken, package: Package, told: Progress
    ) -> tuple[MigrationDone, Inspection]:
        source = await self._store.read(backup)
        package = await self._here(release_id, package)
        stops = await self._stops((await self._records.release(release_id)).facts.stops, told)
        work = self._work(release_id)
        migrated = await migrate_copy(package, source, work, self._npm, stops, told)
        done = MigrationDone(
            from_version=migrated.report.from_version,
            to_version=migrated.report.to_version,
            path=migrated.path,
            digest=migrated.digest,
            rows=migrated.report.rows,
            seconds=migrated.seconds,
            stops=migrated.stops,
        )
        await self._records.note(release_id, migration=done)
        return done, migrated.after

    # What an earlier step left on this machine's disk: the step may have run on a replica that is gone, or somebody
    # may have emptied the folder. What is missing or is not what it was is made again, from what is kept for good.

    async def _here(self, release_id: str, package: Package) -> Package:
        """The package, whole and on this machine; where it has to be built again, the release knows the new one."""
        try:
            await check_package(package)
            if await asyncio.to_thread(Path(package.folder).is_dir):
                return package
        except DamagedPackage:
            pass
        return await self._build_again(release_id, package.version, package.node)

    async def _build_again(self, release_id: str, version: str, node: str) -> Package:
        log.info("a package is not on this machine", extra={"release": release_id, "version": version})
        _, site, _ = await self._of(release_id)
        built = await self._packages.find(
            Version.parse(version), int(node.partition(".")[0]), quietly, site.shape.recipe
        )
        await self._records.note(release_id, package=kept_of(built))
        return built

    async def _folder_of(self, release_id: str, built: PackageBuilt) -> str:
        """The package's folder on this machine."""
        if await asyncio.to_thread(Path(built.folder).is_dir):
            return built.folder
        return (await self._build_again(release_id, built.version, built.node)).folder

    async def _written(
        self,
        release_id: str,
        before: BackupTaken,
        after: BackupTaken,
        files: LateFiles = NO_FILES,
        left_out: tuple[LeftOut, ...] = (),
    ) -> Written:
        """What was written between two backups, in words; all of it by title is kept beside the later one."""
        found = await differences(await self._store.read(before), await self._store.read(after))
        return await keep_written(self._store, after, found, self._work(release_id), files, left_out)

    async def _keep_left_behind(self, release: Release, site: Site) -> None:
        """As `_keep_left`, after a swap back: nobody waits any more, and what cannot be kept is told."""
        why = await self._keep_left(release, site, site.staging, site.config.backup_limit)
        if why is not None:
            told = LEFT_UNKEPT.format(release.version, why.rstrip("."), site.staging, site.config.database)
            await self._records.note(release.id, left_unkept=told)

    async def _keep_left(self, release: Release, site: Site, slot: str, seconds: float) -> str | None:
        """The newer version's database, on the slot where it is now, is a backup; else why not.

        An earlier look stays where it cannot be had within so many seconds.
        """
        if not site.shape.own_database:
            return None
        facts = (await self._records.release(release.id)).facts
        kept: BackupTaken | None = None
        try:
            async with asyncio.timeout(seconds):
                kept = await back_up(site, self._folders.backups, slot)
                await self._records.keep_backup(kept)
                written = Written("what was written since it went live", "", kept.id)
                await self._records.note(release.id, left_on_new=written, left_unkept=None)
                await self._keep_late(kept)
                if facts.live_backup is not None:
                    written = await self._written(release.id, facts.live_backup, kept)
                    await self._records.note(release.id, left_on_new=written)
        except (ReleaseError, TimeoutError) as error:
            why = str(error) or f"it took longer than {seconds:.0f} s"
            log.warning("the swap back is not all backed up", extra={"release": release.id, "problem": why})
            return None if kept else why
        return None


async def looked_at(look: Callable[[], Awaitable[str]], words: Words, pause: float = LOOK_PAUSE) -> str:
    """What `look` says. Production is live and nobody waits, so a look that fails is tried again; then it raises."""
    for tries_left in reversed(range(LOOKS)):
        try:
            return await look()
        except ReleaseError as error:
            if not tries_left:
                raise
            log.warning("a look at late writes failed", extra={"why": str(error)})
            await words.say(f"could not be looked at yet, tries again: {error}")
            await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


def mark_of(release_id: str, candidate: Candidate) -> Mark:
    return Mark(
        release_id,
        candidate.version,
        candidate.package_digest,
        candidate.database_digest,
        candidate.deployment,
    )


def kept_of(package: Package) -> PackageBuilt:
    """What the records keep of a package: what people are told, and what a later step needs."""
    return PackageBuilt(
        version=package.version,
        node=package.node,
        path=package.path,
        folder=package.folder,
        digest=package.digest,
        size=package.size,
        seconds=package.seconds,
        from_cache=package.from_cache,
        warnings=package.warnings,
    )


def expected_of(version: str, rows: dict[str, tuple[int, int]]) -> Expected:
    """With totals, since nobody writes to staging."""
    return Expected(version, rows.get("posts", (0, None))[1], rows.get("members", (0, None))[1])


async def shipped_themes(package_folder: str) -> tuple[str, ...]:
    """The themes that come with the package and are not copied from production."""

    def names() -> tuple[str, ...]:
        folder = Path(package_folder) / "content" / "themes"
        return tuple(sorted(p.name for p in folder.iterdir() if p.is_dir())) if folder.is_dir() else ()

    return await asyncio.to_thread(names)


async def shipped_content(package_folder: str) -> frozenset[str]:
    """The files that the package brings for the content folder, by path below it."""

    def paths() -> frozenset[str]:
        folder = Path(package_folder) / "content"
        return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    return await asyncio.to_thread(paths)


def synced_in_words(synced: ContentSynced) -> str:
    """What became of the content folders, for people."""
    told = (
        f"{synced.looked_at} files compared, {synced.copied} copied "
        f"({megabytes(synced.copied_bytes)}), {synced.removed} removed"
    )
    if synced.left_out:
        told += f"; could not be copied: {', '.join(first(synced.left_out))}"
    return told


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"


def quietly(_text: str) -> None:
    """Building again is part of another step, which has its own words."""
