"""What is done between releases: old slots stopped, old backups and forgotten work folders removed."""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from release.backups import BackupStore, expired, needed_by
from release.errors import ReleaseError
from release.records import Records
from release.site import Site

log = logging.getLogger(__name__)


class Chores:
    """Each may run at any time and as often as one likes."""

    def __init__(self, sites: Mapping[str, Site], records: Records, store: BackupStore, work: Path) -> None:
        self._sites = sites
        self._records = records
        self._store = store
        self._work = work

    async def remove_old_backups(self) -> None:
        """Backups that no setting, open release or rollback keeps are gone, and the rest is where it belongs."""
        now = datetime.now(UTC)
        for site in self._sites.values():
            backups = await self._records.backups(site.name, limit=None)
            old = expired(backups, now, site.config.keep_backups, site.config.keep_backups_for)
            if old:  # whole releases are read only where something would go
                needed = needed_by(await self._records.reached_production(site.name))
                old = tuple(backup for backup in old if backup.id not in needed)
            for backup in old:
                # The file first: a row without its file is told as damaged, a file without its row is never found.
                await self._store.remove(backup)
                await self._records.forget_backup(backup.id)
                log.info("backup removed", extra={"site": site.name, "backup": backup.id})
        # Of every site: one that is not in the settings right now may come back, and then wants its backups.
        await self._store.tidy(await self._records.every_backup())

    async def sweep_work(self) -> None:
        """Work folders of releases that ended while people decided are gone."""

        def folders() -> set[str]:
            work = self._work
            return {folder.name for folder in work.iterdir()} if work.is_dir() else set()

        left = await asyncio.to_thread(folders)
        if not left:
            return
        # Asked for after the listing: a release that begins meanwhile is not in it.
        in_use = await self._records.open_ids()
        for name in left - in_use:
            await asyncio.to_thread(shutil.rmtree, self._work / name, ignore_errors=True)

    async def stop_old_slots(self) -> None:
        """Old slots whose grace period is over are stopped, unless something newer uses them."""
        now = datetime.now(UTC)
        for release in await self._records.with_old_slot_running():
            due = release.facts.old_slot_stops_at
            site = self._sites.get(release.site)
            if site is None or due is None or due > now:
                continue
            try:
                old_there = await site.version(site.staging) == release.from_version
                # Asked last: a rollback that begins now needs this slot.
                if await self._records.open_release(release.site) is not None:
                    continue
                if not old_there:
                    await self._records.note(release.id, old_version_gone_at=now, old_slot_stops_at=None)
                    continue
                await site.app.stop(site.staging)
                await self._records.audit_release(release.id, "stop the old slot", "its grace is over")
                await self._records.note(release.id, old_slot_stopped_at=now, old_slot_stops_at=None)
            except ReleaseError as error:
                log.warning("old slot not stopped", extra={"release": release.id, "problem": str(error)})
