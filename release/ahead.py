"""New versions are built before anybody asks for them: a release takes its package from the cache then."""

import asyncio
import logging
from collections.abc import Mapping

from release.errors import ReleaseError
from release.ghost.build import build_stop
from release.ghost.node import major_of_stack
from release.ghost.npm import Npm
from release.ghost.path import stops_between
from release.ghost.releases import Releases as PublishedGhosts
from release.model import SiteVersions, Stop, Versions
from release.packages import Packages
from release.preflight import stacks_for
from release.records import Records
from release.site import Site
from release.version import Version

log = logging.getLogger(__name__)

GIVE_WAY_SECONDS = 15.0


class Ahead:
    """Builds what the next upgrade of each site will want, one after the other, while no release is at work."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        records: Records,
        packages: Packages,
        npm: Npm,
        ghosts: PublishedGhosts,
    ) -> None:
        self._sites = sites
        self._records = records
        self._packages = packages
        self._npm = npm
        self._ghosts = ghosts
        self._tried: set[tuple[str, str]] = set()

    async def build(self, versions: Versions) -> None:
        """The newest version of each site that is behind it is in the cache, and what its database stops at.

        What cannot be built is logged once, and left to the release, which will tell people.
        """
        for one in versions.sites:
            tried = (one.site, one.newest)
            if one.current is None or one.behind == 0 or tried in self._tried:
                continue
            if versions.skip_of(one.newest, one.site):
                continue
            await self._give_way()
            self._tried.add(tried)
            try:
                seconds = await self._build(one, Version.parse(one.current))
            except ReleaseError as error:
                log.warning(
                    "not built ahead", extra={"site": one.site, "version": one.newest, "problem": str(error)}
                )
            else:
                log.info(
                    "built ahead", extra={"site": one.site, "version": one.newest, "seconds": round(seconds)}
                )

    async def _give_way(self) -> None:
        """Releases have the processors and the disk first."""
        while await self._records.working_releases():  # noqa: ASYNC110 - another process may be at work
            await asyncio.sleep(GIVE_WAY_SECONDS)

    async def _build(self, wanted: SiteVersions, current: Version) -> float:
        """How many seconds it took; 0 where all was there."""
        site, version = self._sites[wanted.site], Version.parse(wanted.newest)
        recipe = site.shape.recipe
        target = await self._ghosts.of(recipe.source).find(version)
        stacks = await stacks_for(site, target)
        package = await self._packages.build(version, major_of_stack(stacks.needed) or 0, _silently, recipe)
        stops = [
            await build_stop(Stop(str(stop.version), stop.node), self._npm, _silently)
            for stop in stops_between(current, version, await self._ghosts.all())
        ]
        return package.seconds + sum(stop.seconds for stop in stops)


def _silently(_text: str) -> None:
    """Nobody watches."""
