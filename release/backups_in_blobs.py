"""Backups in Azure Blob Storage. The folder on the bot's disk holds what is being taken, and copies of what was read.

What counts is the container: another machine, or this one with an empty disk, reads from there.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from release.azure.blobs import Blobs, NotStored
from release.backups import STRAY_AFTER_SECONDS, BackupDamaged, BackupStore, Beside
from release.errors import ReleaseError
from release.ghost.cache import file_digest, last_changed
from release.model import BackupTaken

log = logging.getLogger(__name__)
PREFIX = "backups/"
# A copy that nobody has read for this long is not worth its place on the bot's disk.
COPY_SECONDS = STRAY_AFTER_SECONDS


class BackupsInBlobs(BackupStore):
    """A container with `backups/<site>/<id>.db` and, beside each, its list of files."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        super().__init__(folder)
        self._blobs = blobs

    async def keep(self, backup: BackupTaken) -> None:
        """The backup is in the container, its list first: where the database is, all of it is."""
        if backup.files_digest is not None:
            await self._blobs.put(self._name(self._list(backup)), self._list(backup), backup.files_digest)
        await self._blobs.put(self._name(self._path(backup)), self._path(backup), backup.digest)

    async def read(self, backup: BackupTaken) -> Path:
        """The copy on the bot's disk when it is whole, else what the container holds; else BackupDamaged."""
        path = self._path(backup)
        if await _is_whole(path, backup.digest):
            return path
        return await self.fetch(backup)

    async def fetch(self, backup: BackupTaken) -> Path:
        """What the container holds, fetched now, whatever is on the bot's disk; else BackupDamaged."""
        path = self._path(backup)
        await self._bring(backup, path, backup.digest, "its file")
        return path

    async def read_list(self, backup: BackupTaken) -> dict[str, int]:
        """As in a folder; the list is fetched where it is missing here."""
        path = self._list(backup)
        if backup.files_digest is not None and not await _is_whole(path, backup.files_digest):
            await self._bring(backup, path, backup.files_digest, "its list of files")
        return await super().read_list(backup)

    async def keep_beside(self, backup: BackupTaken, what: Beside, source: Path) -> str:
        """As in a folder, and in the container; where that is away, the chores carry it there."""
        digest = await super().keep_beside(backup, what, source)
        path = self._beside(backup, what)
        try:
            await self._blobs.put(self._name(path), path, digest)
        except ReleaseError as error:
            log.warning(
                "what belongs to a backup is on the bot's disk only, until the storage answers",
                extra={"backup": backup.id, "file": path.name, "problem": str(error)},
            )
        return digest

    async def read_beside(self, backup: BackupTaken, what: Beside, digest: str) -> Path:
        """As in a folder; it is fetched where it is missing here."""
        path = self._beside(backup, what)
        if not await _is_whole(path, digest):
            await self._bring(backup, path, digest, path.name)
        return await super().read_beside(backup, what, digest)

    async def remove(self, backup: BackupTaken) -> None:
        """Gone from the container and from the bot's disk; the list after it, so that no whole backup lacks one."""
        for path in self._all(backup):
            await self._blobs.remove(self._name(path))
        await super().remove(backup)

    async def tidy(self, known: Collection[BackupTaken]) -> None:
        """What is only on the bot's disk is in the container too; copies that nobody reads are gone from the disk.

        A blob that no record knows stays: it may be another bot's, or all that is left when the records are lost.
        """
        held = {blob.name: blob.digest for blob in await self._blobs.stored(PREFIX)}
        carried = set()
        for backup in known:
            name, path = self._name(self._path(backup)), self._path(backup)
            if held.get(name) == backup.digest:
                carried.add(backup.id)
            elif await _is_whole(path, backup.digest):
                try:
                    await self.keep(backup)
                except ReleaseError as error:
                    log.warning(
                        "a backup is not in the storage yet",
                        extra={"backup": backup.id, "problem": str(error)},
                    )
                    continue
                log.info("backup carried into the storage", extra={"backup": backup.id})
                carried.add(backup.id)
            else:
                log.warning("a backup is neither here nor in the storage", extra={"backup": backup.id})
            await self._carry_beside(backup, held)
        await super().tidy(known)
        await asyncio.to_thread(self._drop_copies, [one for one in known if one.id in carried])

    async def _carry_beside(self, backup: BackupTaken, held: Mapping[str, str]) -> None:
        for path in (self._beside(backup, what) for what in Beside):
            if self._name(path) not in held and await asyncio.to_thread(path.is_file):
                digest = await asyncio.to_thread(file_digest, path)
                try:
                    await self._blobs.put(self._name(path), path, digest)
                except ReleaseError as error:
                    log.warning("not in the storage yet", extra={"file": path.name, "problem": str(error)})

    def _drop_copies(self, carried: list[BackupTaken]) -> None:
        oldest = time.time() - COPY_SECONDS
        for backup in carried:
            for path in (self._path(backup), self._list(backup)):
                if last_changed(path) < oldest:
                    path.unlink(missing_ok=True)

    async def _bring(self, backup: BackupTaken, path: Path, digest: str, what: str) -> None:
        """`path` holds what the container has, if that is what was written."""
        self.place(backup.site, backup.id)
        arriving = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            if await self._blobs.fetch(self._name(path), arriving) != digest:
                raise BackupDamaged(backup.id, f"{what} is not what was written", backup.site)
            await asyncio.to_thread(arriving.replace, path)
        except NotStored as error:
            if await _is_whole(path, digest):
                return  # taken while the storage was away: the chores carry it there
            raise BackupDamaged(backup.id, f"{what} is gone from the storage", backup.site) from error
        finally:
            await asyncio.to_thread(arriving.unlink, missing_ok=True)

    def _name(self, path: Path) -> str:
        return PREFIX + path.relative_to(self.folder.resolve()).as_posix()


async def _is_whole(path: Path, digest: str) -> bool:
    """Whether this is the file, byte for byte. A whole one counts as read just now."""

    def look() -> bool:
        if not path.is_file() or file_digest(path) != digest:
            return False
        path.touch()
        return True

    return await asyncio.to_thread(look)
