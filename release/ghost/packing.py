"""What of a built site goes into the zip that is deployed."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from release.ghost.archive import pack_zip
from release.ghost.driver import driver_of
from release.ghost.lock import LOCK_FILE, lock_of
from release.ghost.npm import Npm
from release.ghost.platforms import Platform

# Of other package managers, and what the bot's own lock file is written in place of.
OTHER_LOCKS = ("pnpm-lock.yaml", "pnpm-workspace.yaml", "yarn.lock", "package-lock.json")

# Ghost's own package managers do not insist on peers either, and some of its packages disagree about theirs.
NPM_SETTINGS = "legacy-peer-deps=true\n"
PLACE_NATIVE = Path(__file__).with_name("place_native.js")


class Packing(Protocol):
    """`name` tells such packages from others in the cache; `whole`: the site can be had from the zip alone."""

    @property
    def name(self) -> str: ...

    @property
    def whole(self) -> bool: ...

    async def pack(self, site: Path, archive: Path, npm: Npm, platform: Platform | None, start: str) -> int:
        """The zip is at `archive`; how many files it has. `start` is the file that is started on `platform`."""


@dataclass(frozen=True)
class WithModules:
    """All of it: nothing is left for the server to do."""

    name: str = "whole"
    whole: bool = True

    async def pack(self, site: Path, archive: Path, npm: Npm, platform: Platform | None, start: str) -> int:
        del npm, platform, start
        return await pack_zip(site, archive)


WHOLE = WithModules()


@dataclass(frozen=True)
class WithoutModules:
    """Without node_modules, which the server installs: by a lock file of what was built and tested here."""

    name: str = "without-modules"
    whole: bool = False

    async def pack(self, site: Path, archive: Path, npm: Npm, platform: Platform | None, start: str) -> int:
        def lay_out(folder: Path) -> None:
            shutil.copytree(
                site,
                folder,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=lambda place, _: {"node_modules", *OTHER_LOCKS} if Path(place) == site else set(),
            )
            (folder / LOCK_FILE).write_text(lock_of(site, platform))
            natives = place_natives(site, folder, start) if platform is None else False
            (folder / ".npmrc").write_text(NPM_SETTINGS + ("ignore-scripts=true\n" if natives else ""))
            write_missing(platform.files(start) if platform else {}, folder)

        async with npm.cache.workplace(f"sources-{archive.stem}") as folder:
            await asyncio.to_thread(lay_out, folder)
            return await pack_zip(folder, archive)


def write_missing(files: Mapping[str, str], folder: Path) -> None:
    """These files are in the folder, but for those that it has one of already."""
    for name, content in files.items():
        if not (folder / name).exists():
            (folder / name).write_text(content)


def place_natives(site: Path, folder: Path, start: str) -> bool:
    """The SQLite driver's binaries that were tried here go along, and are put in their place when the app starts.

    Then no install script has to run on the server, as none ran here. False where there is none to take along.
    """
    driver = driver_of(site)
    if driver is None:
        return False
    for binary in driver.folder.rglob("*.node"):
        target = folder / "native" / binary.relative_to(site / "node_modules")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(binary, target)
    shutil.copyfile(PLACE_NATIVE, folder / PLACE_NATIVE.name)
    starting = (folder / start).read_text()
    (folder / start).write_text(f"require('./{PLACE_NATIVE.name}');\n{starting}")
    return True
