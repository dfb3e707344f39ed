"""Packages of Ghost: from this machine's cache, else from the storage that others share, else built here.

A package is code that goes into production, so the container is not believed: what comes from there counts
only with the digest that the records have of it.
"""

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from release.azure.blobs import Blobs, NotStored
from release.errors import ReleaseError
from release.ghost.archive import unpack_zip
from release.ghost.build import Package, Progress, build, node_of, package_key, read_package
from release.ghost.cache import Mark
from release.ghost.errors import DamagedPackage
from release.ghost.npm import Npm
from release.ghost.recipe import USUAL, Recipe
from release.ghost.sources import Source
from release.model import PackageStored
from release.records import Records
from release.version import Version

log = logging.getLogger(__name__)
PREFIX = "packages/"
# A Ghost takes 100 MB in the container. As in the cache: the last few, and whatever was used within a month.
PACKAGES_KEPT = 4
PACKAGES_KEPT_DAYS = 30
MIGRATOR = "node_modules/.bin/knex-migrator-migrate"


class Packages:
    """Without `blobs` a package is this machine's own, in its cache."""

    def __init__(self, npm: Npm, records: Records, blobs: Blobs | None) -> None:
        self._npm = npm
        self._records = records
        self._blobs = blobs

    async def build(
        self, version: Version, node_major: int, progress: Progress, recipe: Recipe = USUAL
    ) -> Package:
        """The package of this Ghost, as `release.ghost.build.build` makes it, and stored for other machines.

        Storage that is away or damaged costs a build, and never a release.
        """
        package = await self.find(version, node_major, progress, recipe)
        if self._blobs is None or not recipe.can_be_read_back:
            return package
        key = await package_key(version, node_major, recipe.source)
        if package.from_cache and await self._records.package(key) is not None:
            await self._records.use_package(key)
        else:
            progress(f"storing Ghost {version} for other machines")
            await self._try_to_store(self._blobs, key, package)
        return package

    async def find(
        self, version: Version, node_major: int, progress: Progress, recipe: Recipe = USUAL
    ) -> Package:
        """The package, from where it is quickest to be had; nothing is stored. For when every second counts."""
        if self._blobs is not None and recipe.can_be_read_back:
            key = await package_key(version, node_major, recipe.source)
            known = None if self._is_here(key) else await self._records.package(key)
            if known is not None:
                progress(f"fetching the package of Ghost {version}")
                await self._try_to_bring(_Stored(known, self._blobs), version, node_major, recipe.source)
        return await build(version, node_major, self._npm, progress, recipe)

    def _is_here(self, key: str) -> bool:
        return (self._npm.cache.folder / "sites" / f"{key}.json").is_file()

    async def _try_to_bring(
        self, stored: "_Stored", version: Version, node_major: int, source: Source
    ) -> None:
        try:
            await self._bring(stored, version, node_major, source)
        except NotStored:
            log.warning("a package is gone from the storage", extra={"package": stored.known.key})
        except ReleaseError as error:
            log.warning(
                "a package is built, not fetched",
                extra={"package": stored.known.key, "problem": str(error)},
            )

    async def _bring(self, stored: "_Stored", version: Version, node_major: int, source: Source) -> None:
        """The stored package is in the cache, packed and unpacked, as if it had been built here."""
        cache, key, known = self._npm.cache, stored.known.key, stored.known
        async with cache.turn(f"stored-{key}"), cache.workplace(f"stored-{key}") as work:
            archive = work / f"{key}.zip"
            files = 0

            async def fill_site(folder: Path) -> Mark:
                nonlocal files
                await stored.fetch(archive)
                files = await unpack_zip(archive, folder)
                await asyncio.to_thread(_link, folder, known.links)
                package = await asyncio.to_thread(read_package, folder, version, source.entry)
                node = await node_of(package, self._npm, node_major)
                return {
                    "node": node.version,
                    "node_prefix": node.prefix,
                    "driver": known.driver,
                    "warnings": known.warnings,
                }

            site = await cache.folder_of("sites", key, fill_site)
            if site.from_cache:
                return  # another process was quicker

            async def fill_package(target: Path) -> Mark:
                await asyncio.to_thread(archive.rename, target)
                return {"files": files, "site": site.mark["content"]}

            await cache.forget("packages", f"{key}.zip")
            await cache.file_of("packages", f"{key}.zip", fill_package)

    async def _try_to_store(self, blobs: Blobs, key: str, package: Package) -> None:
        known = PackageStored(
            key=key,
            digest=package.digest,
            size=package.size,
            driver=package.driver or "",
            warnings="\n".join(package.warnings),
            links=await asyncio.to_thread(_links, Path(package.folder)),
        )
        if MIGRATOR not in known.links:
            log.info("a package is not stored: its migrator is no link", extra={"package": key})
            return
        try:
            await blobs.put(_Stored(known, blobs).name, Path(package.path), known.digest)
            # The blob first: a record without its blob would cost each machine a vain look.
            await self._records.keep_package(known)
            await self._forget_old(blobs)
        except ReleaseError as error:
            log.warning("a package is not stored", extra={"package": key, "problem": str(error)})

    async def _forget_old(self, blobs: Blobs) -> None:
        for old in await self._records.old_packages(PACKAGES_KEPT, PACKAGES_KEPT_DAYS):
            await blobs.remove(_Stored(old, blobs).name)
            await self._records.forget_package(old.key)


@dataclass(frozen=True)
class _Stored:
    """A package in the container, as the records know it."""

    known: PackageStored
    blobs: Blobs

    @property
    def name(self) -> str:
        """With its digest in it, so that a name has one content for ever."""
        return f"{PREFIX}{self.known.key}-{self.known.digest[:16]}.zip"

    async def fetch(self, archive: Path) -> None:
        if await self.blobs.fetch(self.name, archive) != self.known.digest:
            raise DamagedPackage(self.name, "its digest is not the one it was built with")


def _links(site: Path) -> dict[str, str]:
    """The command links in node_modules/.bin folders, which a package leaves out and the migrator needs."""
    found = {}
    for place, folders, files in os.walk(site):
        if Path(place).name == ".bin":
            for name in (*folders, *files):
                path = Path(place, name)
                if path.is_symlink():
                    found[path.relative_to(site).as_posix()] = str(path.readlink())
    return found


def _link(site: Path, links: dict[str, str]) -> None:
    """Those links, but none that would lead out of the folder."""
    inside = site.resolve()
    for name, target in links.items():
        path = site / name
        if path.parent.resolve().is_relative_to(inside) and (
            (path.parent / target).resolve().is_relative_to(inside)
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
