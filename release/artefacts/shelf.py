"""What was fetched and checked stays on the bot's disk for a while, by its digest: for undoing, and for going on."""

import asyncio
import os
from pathlib import Path

from release.ghost.cache import file_digest

KEPT = 10
"""Packages; each may be large, and an older one is fetched again where it still can be had."""


class Shelf:
    """Zips in a folder of the bot's own, named by their sha256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, archive: Path, digest: str) -> None:
        """The zip is kept; of the oldest, those beyond `KEPT` are gone. `archive` is moved away."""

        def move() -> None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            archive.replace(self._path(digest))
            for old in sorted(self._folder.glob("*.zip"), key=_age)[: -2 * KEPT]:
                old.unlink(missing_ok=True)

        await asyncio.to_thread(move)

    async def find(self, digest: str) -> Path | None:
        """The zip, still what it was when it was put there; None where it is gone."""

        def look() -> Path | None:
            path = self._path(digest)
            if not path.is_file() or file_digest(path) != digest:
                return None
            os.utime(path)
            return path

        return await asyncio.to_thread(look) if digest else None

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.zip"


def _age(path: Path) -> float:
    return path.stat().st_mtime
