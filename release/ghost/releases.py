"""Which Ghosts there are, and which Node each asks for; from npm, through its own client."""

import time
from dataclasses import dataclass

from release.ghost.errors import UnknownVersion
from release.ghost.npm import NotPublished, Npm
from release.ghost.sources import Published, Source
from release.side_by_side import Joined
from release.version import NotAVersion, Version

KEPT_SECONDS = 300
NEAR = 5


@dataclass(frozen=True, order=True)
class GhostRelease:
    """A published Ghost and the range of Nodes it accepts, in npm's notation."""

    version: Version
    node: str


class Releases:
    """The published versions, remembered for five minutes."""

    def __init__(self, npm: Npm) -> None:
        self._npm = npm
        self._asked_at = 0.0
        self._known: tuple[GhostRelease, ...] = ()
        self._looks: Joined[None] = Joined()

    def of(self, source: Source) -> Published:
        """The versions that this source has: these, where it is npm."""
        return source.published(self._npm, self)

    async def all(self) -> tuple[GhostRelease, ...]:
        """Every published version, oldest first; without pre-releases."""
        if not self._known or time.monotonic() - self._asked_at > KEPT_SECONDS:
            await self._looks.look((), self._look)  # fifty releases that begin at once ask once
        return self._known

    async def _look(self) -> None:
        self._known = await published(self._npm)
        self._asked_at = time.monotonic()

    async def newest(self) -> GhostRelease:
        """The highest published version."""
        return (await self.all())[-1]

    async def find(self, version: Version) -> GhostRelease:
        """This version; UnknownVersion, naming the nearest ones, if it was never published."""
        known = await self.all()
        for release in known:
            if release.version == version:
                return release
        # It may have been published within the last minutes.
        self._asked_at = 0.0
        for release in (known := await self.all()):
            if release.version == version:
                return release
        raise UnknownVersion(str(version), ", ".join(map(str, near(version, known))))


async def published(npm: Npm) -> tuple[GhostRelease, ...]:
    """Every published version, oldest first. npm's own list is not sorted and holds pre-releases."""
    try:
        told = await npm.view("ghost@>=0.1", "version", "engines.node")
    except NotPublished:
        raise UnknownVersion("at all in this npm registry", "none") from None
    releases = []
    for one in [told] if isinstance(told, dict) else told:
        try:
            releases.append(GhostRelease(Version.parse(one["version"]), one.get("engines.node", "*")))
        except NotAVersion:
            continue
    return tuple(sorted(releases, key=lambda release: release.version))


def near(version: Version, known: tuple[GhostRelease, ...]) -> list[Version]:
    """The few published versions around one that is not, in order."""
    older = [release.version for release in known if release.version < version]
    newer = [release.version for release in known if release.version > version]
    return older[-NEAR + min(2, len(newer)) :] + newer[:2]
