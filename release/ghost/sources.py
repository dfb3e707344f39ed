"""Where a Ghost comes from: npm, or whoever keeps another form of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from release.ghost.archive import unpack_npm_tarball
from release.ghost.errors import BrokenSource
from release.ghost.npm import NotPublished, Npm
from release.version import Version

if TYPE_CHECKING:
    from release.ghost.releases import GhostRelease


class Published(Protocol):
    """The versions there are."""

    async def all(self) -> "tuple[GhostRelease, ...]":
        """Oldest first."""

    async def newest(self) -> "GhostRelease": ...

    async def find(self, version: Version) -> "GhostRelease":
        """This version; UnknownVersion, naming the nearest ones, if there is none."""


class Source(Protocol):
    """`name` tells its packages from others in the cache; `entry` is the file that is started.

    `migrate` is the command that migrates the database its configuration names; empty: Ghost's own migrator.
    """

    @property
    def name(self) -> str: ...

    @property
    def entry(self) -> str: ...

    @property
    def migrate(self) -> tuple[str, ...]: ...

    def published(self, npm: Npm, upstream: Published) -> Published:
        """The versions it has; `upstream` are those of npm."""

    async def fetch(self, version: Version, npm: Npm, upstream: Published, folder: Path) -> None:
        """Its own files are in `folder`. Raises UnknownVersion."""


class FromNpm:
    """Ghost as its makers publish it."""

    name = "ghost"
    entry = "index.js"
    migrate: tuple[str, ...] = ()

    def published(self, npm: Npm, upstream: Published) -> Published:
        del npm
        return upstream

    async def fetch(self, version: Version, npm: Npm, upstream: Published, folder: Path) -> None:
        async with npm.cache.workplace(f"tarball-{version}") as work:
            try:
                tarball = await npm.pack(f"ghost@{version}", work)
            except NotPublished:
                await upstream.find(version)
                raise BrokenSource(str(version), "npm lists it, but does not have its files") from None
            await unpack_npm_tarball(tarball, folder)


NPM = FromNpm()
