"""Where backups are kept: files in a folder that only the bot may read, checked each time they are read."""

import asyncio
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from release.errors import ReleaseError
from release.ghost.cache import file_digest, last_changed
from release.model import BackupTaken, Release, State

log = logging.getLogger(__name__)
_FILES = TypeAdapter(dict[str, int])

# A file that no record knows is what a killed backup left; one that is being taken is younger than this.
STRAY_AFTER_SECONDS = 24 * 3600


class UnknownBackup(ReleaseError):
    problem = "There is no backup {0}."
    remedy = "See /ghost backups for those that are kept."


class BackupOfAnother(ReleaseError):
    problem = "The backup {0} is of {1}, not of {2}."
    remedy = "See /ghost backups {2} for those of {2}."


class BackupDamaged(ReleaseError):
    problem = "The backup {0} cannot be used: {1}."
    remedy = "Production is untouched. Choose another one (/ghost backups {2}), and look at the bot's disk."


class Beside(StrEnum):
    """What may be kept beside a backup, by the end of its file's name."""

    WRITTEN = "written.json"
    LATE_FILES = "late-files.zip"
    DUMP = "sql.gz"


class BackupStore:
    """The files of all backups, `<site>/<id>.db` below one folder: 0600 in folders that are 0700."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, site: str, backup_id: str) -> Path:
        """Where a new backup is written, in folders closed to others; make the file itself 0600."""
        folder = self.folder / site
        folder.mkdir(parents=True, exist_ok=True)
        for closed in (self.folder, folder):
            closed.chmod(0o700)
        return folder / f"{backup_id}.db"

    async def keep(self, backup: BackupTaken) -> None:
        """The backup is where backups are kept for good. In a folder it is so from the start."""

    async def fetch(self, backup: BackupTaken) -> Path:
        """As `read`, from where backups are kept for good: to see that it is there."""
        return await self.read(backup)

    async def read(self, backup: BackupTaken) -> Path:
        """The file of a backup, byte for byte as it was taken; else BackupDamaged. For every use of one."""
        path = self._path(backup)
        if not await asyncio.to_thread(path.is_file):
            raise BackupDamaged(backup.id, "its file is gone", backup.site)
        if await asyncio.to_thread(file_digest, path) != backup.digest:
            raise BackupDamaged(backup.id, "its file is not what was written", backup.site)
        return path

    async def keep_list(self, backup: BackupTaken, files: dict[str, int]) -> BackupTaken:
        """Write down which files the content folders held when the backup was taken: sizes by path.

        Returns the backup as it is known from now on, with their number and the list's digest.
        """

        def write() -> str:
            path = self._list(backup)
            path.touch(mode=0o600)
            path.write_text(json.dumps(files, separators=(",", ":")))
            return file_digest(path)

        return replace(backup, files=len(files), files_digest=await asyncio.to_thread(write))

    async def read_list(self, backup: BackupTaken) -> dict[str, int]:
        """Those files; empty where no list was kept. BackupDamaged if it cannot be read, or was changed since."""
        if backup.files is None:
            return {}
        try:
            content = await asyncio.to_thread(self._list(backup).read_bytes)
            files = _FILES.validate_json(content)
        except (OSError, ValueError) as error:
            raise BackupDamaged(backup.id, "its list of files cannot be read", backup.site) from error
        if backup.files_digest not in (None, hashlib.sha256(content).hexdigest()):
            raise BackupDamaged(backup.id, "its list of files is not what was written", backup.site)
        return files

    async def keep_beside(self, backup: BackupTaken, what: Beside, source: Path) -> str:
        """A copy of `source` is kept beside a backup, as long as the backup is, over one of before; its sha256."""

        def copy() -> str:
            path = self._beside(backup, what)
            part = path.with_name(path.name + ".part")
            part.touch(mode=0o600)
            shutil.copyfile(source, part)
            part.replace(path)
            return file_digest(path)

        return await asyncio.to_thread(copy)

    async def read_beside(self, backup: BackupTaken, what: Beside, digest: str) -> Path:
        """What is kept beside a backup, byte for byte as it was written; else BackupDamaged."""
        path = self._beside(backup, what)
        if not await asyncio.to_thread(path.is_file):
            raise BackupDamaged(backup.id, f"{path.name} is gone", backup.site)
        if await asyncio.to_thread(file_digest, path) != digest:
            raise BackupDamaged(backup.id, f"{path.name} is not what was written", backup.site)
        return path

    async def remove(self, backup: BackupTaken) -> None:
        """The file and all that is kept beside it are gone; gone already is as well."""
        for path in self._all(backup):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def sweep_halves(self) -> None:
        """What a killed bot left unfinished is gone; for the start of a bot that is alone, before anything is written.

        Others may be writing in the same folder: there `tidy` removes it, a day later.
        """

        def sweep() -> None:
            for path in self.folder.resolve().glob("*/*.part"):
                path.unlink(missing_ok=True)

        await asyncio.to_thread(sweep)

    async def tidy(self, known: Collection[BackupTaken]) -> None:
        """Files that no record knows are gone once they are a day old."""
        kept = {path for backup in known for path in self._all(backup)}

        def sweep() -> None:
            for path in self.folder.resolve().glob("*/*"):
                if path not in kept and time.time() - last_changed(path) > STRAY_AFTER_SECONDS:
                    log.info("a stray backup file is removed", extra={"file": path.name})
                    path.unlink(missing_ok=True)

        await asyncio.to_thread(sweep)

    def _all(self, backup: BackupTaken) -> tuple[Path, ...]:
        return (self._path(backup), self._list(backup), *(self._beside(backup, what) for what in Beside))

    def _beside(self, backup: BackupTaken, what: Beside) -> Path:
        return self._path(backup).with_suffix(f".{what}")

    def _list(self, backup: BackupTaken) -> Path:
        return self._path(backup).with_suffix(".files.json")

    def _path(self, backup: BackupTaken) -> Path:
        path = (self.folder / backup.path).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise BackupDamaged(backup.id, "its record points outside the backup folder", backup.site)
        return path


def expired(
    backups: Sequence[BackupTaken],
    now: datetime,
    newest: int,
    younger_than: timedelta,
) -> tuple[BackupTaken, ...]:
    """Which of one site's backups (newest first) are neither of the `newest` ones nor `younger_than` that.

    What is `needed_by` releases is kept all the same.
    """
    return tuple(
        backup
        for place, backup in enumerate(backups)
        if place >= newest and now - backup.taken_at >= younger_than
    )


def needed_by(history: Sequence[Release]) -> frozenset[str]:
    """Ids of the backups that open releases of one site, and the one a rollback would undo, refer to.

    `history` is newest first.
    """
    last_live = next((release for release in history if release.state is State.LIVE), None)
    needed: set[str | None] = set()
    for release in history:
        if release.state.is_open or release is last_live:
            facts = release.facts
            stagings = facts.staging_before.database if facts.staging_before else None
            late = (facts.late.base, facts.late.late) if facts.late else ()
            kept = (facts.backup, facts.restores, facts.live_backup, facts.way_back, stagings, *late)
            needed |= {release.backup, *(backup.id for backup in kept if backup)}
            needed |= {facts.left_behind.backup} if facts.left_behind else set()
    return frozenset(backup for backup in needed if backup is not None)
