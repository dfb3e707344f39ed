"""A database made for staging: migrated for an upgrade, merged with late writes for those that carry them over."""

import asyncio
import logging
import shutil
from dataclasses import replace
from pathlib import Path

from release.carry import NothingToCarry, carried_from
from release.content import sync_content
from release.ghost.build import Package
from release.ghost.cache import file_digest
from release.ghost.carry_over import CarriedOver, carry_over
from release.ghost.database import Inspection, compare, inspect
from release.journal import Words, telling
from release.late import late_copies, late_writes, put_late_files
from release.model import (
    BackupTaken,
    ContentSynced,
    Kind,
    LateWrites,
    MigrationDone,
    PackageBuilt,
    Release,
    Stop,
)
from release.site import Site
from release.steps.common import Steps, quietly, shipped_themes
from release.version import Version

log = logging.getLogger(__name__)


class Merging(Steps):
    """What staging and promoting share: the same again, from a newer backup of production."""

    async def _same_package(self, site: Site, built: PackageBuilt, words: Words) -> Package:
        """The package of a release, from the cache or built again."""
        node_major = int(built.node.partition(".")[0])
        return await self._packages.find(
            Version.parse(built.version), node_major, telling(words), site.shape.recipe
        )

    async def _made_from(
        self, release: Release, backup: BackupTaken, package: Package
    ) -> tuple[MigrationDone, Inspection]:
        """The database that goes on staging, made from this backup of production, in the work folder."""
        if release.kind is Kind.CARRY_OVER:
            return await self._merge(release, backup, package)
        return await self._migrate(release.id, backup, package, quietly)

    async def _still_made_from(
        self, release: Release, backup: BackupTaken, package: Package, done: MigrationDone
    ) -> MigrationDone:
        """That database, whole and on this machine. Made again, its digest may be another one."""
        path = Path(done.path)
        there = await asyncio.to_thread(path.is_file)
        if there and await asyncio.to_thread(file_digest, path) == done.digest:
            return done
        log.info("the database for staging is not on this machine", extra={"release": release.id})
        again, _ = await self._made_from(release, backup, package)
        return again

    async def _sync(self, release: Release, site: Site, folder: str) -> tuple[ContentSynced, tuple[str, ...]]:
        """Staging has production's files; where late writes are carried over, also the late files production lacks."""
        synced = await sync_content(site, await shipped_themes(folder))
        if release.kind is not Kind.CARRY_OVER:
            return synced, ()
        late, _, _ = await self._late(release)
        return synced, await put_late_files(site, self._store, late, self._work(release.id))

    async def _late(self, release: Release) -> tuple[LateWrites, BackupTaken, tuple[Stop, ...]]:
        """The late writes that a release carries over, production as it was when they were left, and the way to it."""
        source = await carried_from(self._records, release.site, release.backup)
        if source is None or source.facts.late is None or source.facts.live_backup is None:
            raise NothingToCarry(release.site, "the release they came late to is not known")
        return source.facts.late, source.facts.live_backup, source.facts.stops

    async def _merge(
        self, release: Release, production: BackupTaken, package: Package
    ) -> tuple[MigrationDone, Inspection]:
        late, live, stops = await self._late(release)
        package = await self._here(release.id, package)
        before = await inspect(await self._store.read(production))
        merged, found = await self._merge_late(release.id, late, live, production, package, stops)
        after = await inspect(merged)
        told = late_writes(late.base, late.late, found.carried, found.left_out)
        files = tuple(line for line in late.left_out if line.startswith("file changed: "))
        carries = replace(told, left_out=(*told.left_out, *files), files=late.files)
        await self._records.note(release.id, carries=carries)
        rows = compare(before, after).rows
        return MigrationDone(before.version, after.version, str(merged), after.digest, rows, 0.0), after

    async def _merge_late(
        self,
        release_id: str,
        late: LateWrites,
        live: BackupTaken,
        production: BackupTaken,
        package: Package,
        stops: tuple[Stop, ...],
    ) -> tuple[Path, CarriedOver]:
        """A copy of production's database with the late writes that are safe, in the work folder, and what they are."""
        work = self._work(release_id)
        target, base, written, was_live = [
            await self._store.read(one) for one in (production, late.base, late.late, live)
        ]
        on_the_way = await self._stops(stops, quietly)
        copies = await late_copies(package, base, written, target, work, self._npm, on_the_way)
        merged = work / "merged.db"
        await asyncio.to_thread(shutil.copyfile, target, merged)
        await asyncio.to_thread(merged.chmod, 0o600)
        return merged, await carry_over(copies, was_live, merged)
