"""Releases that are started, now or later."""

import logging
from collections.abc import Mapping
from datetime import datetime

from release.artefacts.reference import reference
from release.asked.base import suits
from release.asked.freezing import Freezing
from release.backups import BackupOfAnother, UnknownBackup
from release.carry import NothingToCarry, to_carry
from release.errors import (
    BeingWatched,
    NoLongerLive,
    NotForThisSite,
    NothingScheduled,
    NothingToRollBack,
    ReleaseError,
)
from release.live import last_live, last_migrated
from release.migrations.errors import NoDownMigration, NothingToUndo, SchemaInUse
from release.model import (
    ArtefactAsked,
    BackupTaken,
    Kind,
    Release,
    Scheduled,
    ScheduledState,
    Versions,
)
from release.preflight import NotAnUpgrade
from release.records.audit import BOT
from release.site import PRODUCTION, Site
from release.swap import Held, change_of, held_by_production
from release.version import NotAVersion, Version

log = logging.getLogger(__name__)


class Starting(Freezing):
    """Each raises a ReleaseError where it may not begin."""

    async def upgrade(self, site: str | None, version: str | None, by: str, channel: str) -> Release:
        """Stage `version` (the newest when None). Wrong versions are refused before a release is begun."""
        chosen = self._site(site)
        kind = next((kind for kind in chosen.shape.kinds if kind.upgrades), Kind.UPGRADE)
        suits(kind, chosen)
        published = self._ghosts.of(chosen.shape.recipe.source)
        found = (
            await published.find(Version.parse(version)) if version is not None else await published.newest()
        )
        current = await chosen.version(PRODUCTION)
        try:
            if Version.parse(current) >= found.version:
                raise NotAnUpgrade(chosen.name, current, str(found.version))
        except NotAVersion:
            log.info("production's version cannot be read", extra={"site": chosen.name, "version": current})
        return await self._begin(kind, chosen, by, channel, version=str(found.version))

    async def stage_new(self, versions: Versions, channel: str) -> tuple[Release, ...]:
        """Stage the newest version on every site that does so by itself, has not tried it yet, and may now.

        A busy or frozen site is left for the next look.
        """
        begun = []
        for one in versions.sites:
            wants = self._sites[one.site].config.stage_new_versions
            if not wants or one.behind == 0 or versions.skip_of(one.newest, one.site):
                continue
            if await self.records.has_tried(one.site, one.newest):
                continue
            try:
                begun.append(await self.upgrade(one.site, one.newest, BOT, channel))
            except ReleaseError as error:
                log.info("not staged by itself", extra={"site": one.site, "problem": str(error)})
        return tuple(begun)

    async def back_up(self, site: str | None, by: str, channel: str) -> Release:
        return await self._begin(Kind.BACKUP, self._site(site), by, channel)

    async def verify(self, site: str | None, by: str, channel: str) -> Release:
        """Back up, and boot a Ghost on a copy of the backup to see that it comes back to life."""
        return await self._begin(Kind.VERIFY, self._site(site), by, channel)

    async def verify_kept(self, backup: str, site: str | None, by: str, channel: str) -> Release:
        """Boot a Ghost on a copy of a backup that is kept. Raises as `restore` does."""
        found, chosen = await self._kept(backup, site)
        return await self._begin(
            Kind.VERIFY_KEPT, chosen, by, channel, version=found.version, backup=found.id
        )

    async def _kept(self, backup: str, site: str | None) -> tuple[BackupTaken, Site]:
        found = await self.records.backup(backup)
        if found is None:
            raise UnknownBackup(backup)
        chosen = self._site(site or found.site)
        if found.site != chosen.name:
            raise BackupOfAnother(backup, found.site, chosen.name)
        return found, chosen

    async def restore(self, backup: str, site: str | None, by: str, channel: str) -> Release:
        """Put a backup on staging. Raises UnknownBackup or BackupOfAnother before a release is begun."""
        found, chosen = await self._kept(backup, site)
        return await self._begin(Kind.RESTORE, chosen, by, channel, version=found.version, backup=found.id)

    async def carry_over(self, site: str | None, by: str, channel: str, of: str | None = None) -> Release:
        """Put production with what came late to its last release on staging. Raises NothingToCarry.

        With `of` only if it still is that release's late writes that would be carried.
        """
        chosen = self._site(site)
        source = await to_carry(self.records, chosen.name)
        if of is not None and source.id != of:
            raise NothingToCarry(chosen.name, f"production no longer runs what {of} put there")
        late = source.facts.late
        return await self._begin(
            Kind.CARRY_OVER,
            chosen,
            by,
            channel,
            version=source.version,
            backup=late.late.id if late else None,
        )

    async def swap(self, site: str | None, by: str, channel: str) -> Release:
        """Test what is on staging, then ask whether it may go live."""
        return await self._begin(Kind.SWAP, self._site(site), by, channel)

    async def roll_back(self, site: str | None, by: str, channel: str, of: str | None = None) -> Release:
        """Put the version before the last live release back. Raises NothingToRollBack.

        With `of` only if that release still is the last live one. Raises NoLongerLive.
        """
        chosen = self._site(site)
        holder = await self.records.open_release(chosen.name)
        if holder is not None and holder.is_watched:
            raise BeingWatched(chosen.name, holder.id)
        last = await last_live(chosen, self.records)
        if of is not None and (last is None or last.id != of):
            raise NoLongerLive(chosen.name)
        if last is None or last.from_version is None:
            raise NothingToRollBack(chosen.name)
        way_back = next((kind for kind in chosen.shape.kinds if kind.goes_back), Kind.ROLLBACK)
        return await self._begin(
            way_back, chosen, by, channel, version=last.from_version, before=last.version, undoes=last.id
        )

    async def deploy(
        self, site: str | None, where: str, digest: str | None, by: str, channel: str
    ) -> Release:
        """Put an artefact on staging, migrate the shared database, and ask. Raises NotAnArtefact."""
        chosen = self._site(site)
        reference(where)
        kind = next((kind for kind in chosen.shape.kinds if kind.deploys), Kind.DEPLOY)
        asked = ArtefactAsked(where, digest)
        return await self._begin(kind, chosen, by, channel, facts={"artefact_asked": asked})

    async def undo_migration(self, site: str | None, by: str, channel: str, of: str | None = None) -> Release:
        """Run the down migration of the last release that migrated. Raises NothingToUndo or SchemaInUse.

        With `of` only if it still is that release's migration that would be undone.
        """
        chosen = self._site(site)
        if Kind.MIGRATE_DOWN not in chosen.shape.kinds:
            raise (
                NoDownMigration(chosen.name)
                if not chosen.shape.own_database
                else NotForThisSite(chosen.name, chosen.shape.words)
            )
        last = await last_migrated(chosen, self.records)
        if of is not None and last.id != of:
            raise NothingToUndo(chosen.name, f"{last.id} migrated after {of}")
        if (await held_by_production(chosen, change_of(last)))[0] is Held.AFTER:
            raise SchemaInUse(chosen.name, last.version or "the new version")
        return await self._begin(
            Kind.MIGRATE_DOWN,
            chosen,
            by,
            channel,
            version=last.from_version,
            before=last.version,
            undoes=last.id,
        )

    async def _begin(
        self,
        kind: Kind,
        site: Site,
        by: str,
        channel: str,
        version: str | None = None,
        before: str | None = None,
        undoes: str | None = None,
        backup: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> Release:
        suits(kind, site)
        await self._may_go_live(kind, site.name)
        release = await self.records.create(
            kind,
            site.name,
            by,
            channel,
            version=version,
            before=before,
            undoes=undoes,
            backup=backup,
            facts=facts,
        )
        await self._start(release)
        return release

    async def schedule(
        self, site: str | None, order: str, by: str, channel: str, at: datetime | None
    ) -> Scheduled:
        """The order, as it was typed, is begun at that time, or (None) as soon as its site is free."""
        return await self.records.schedule(self._site(site).name, order, by, channel, at)

    async def unschedule(self, scheduled: str, by: str) -> Scheduled:
        """It is never begun. Raises NothingScheduled where it was begun already, or is not known."""
        one = await self.records.scheduled_of(scheduled)
        if one is None or not await self.records.end_scheduled(one, ScheduledState.CANCELLED, by):
            raise NothingScheduled(scheduled)
        return one
