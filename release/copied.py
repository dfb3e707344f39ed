"""Copies of a database that is a file in the site's content: made on the slot itself, by a WebJob or a command."""

from pathlib import Path

from release.backup import back_up, can_be_backed_up, copied_by
from release.backups import BackupStore
from release.ghost.build import Package
from release.ghost.npm import Npm
from release.ghost.read_back import read_back
from release.model import BackupTaken, ReadBack
from release.site import Site


class CopiedOnTheSlot:
    """SQLite: copied while it is written to."""

    def told(self, site: Site) -> str:
        return copied_by(site)

    async def ready(self, site: Site) -> str | None:
        await can_be_backed_up(site)
        return None

    async def take(self, site: Site, store: BackupStore) -> BackupTaken:
        return await back_up(site, store.folder)

    async def read_back(
        self, site: Site, package: Package, backup: BackupTaken, store: BackupStore, work: Path, npm: Npm
    ) -> ReadBack:
        del site  # a file needs nothing of it
        return await read_back(package, await store.read(backup), work, npm)
