"""What every kind of order needs: the sites, the records, and the engine that does the work."""

from collections.abc import Awaitable, Callable, Mapping

from release.errors import (
    NotForThisSite,
    SiteNeeded,
    UnknownSite,
)
from release.freezes import (
    FreezeWindow,
)
from release.ghost.releases import Releases as PublishedGhosts
from release.model import (
    Kind,
    Release,
    SlotStatus,
)
from release.records import Records
from release.shape import Shape
from release.side_by_side import Joined
from release.site import Site

Start = Callable[[Release], Awaitable[None]]


class Asked:
    """`start` hands a release's work to the engine."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        records: Records,
        ghosts: PublishedGhosts,
        start: Start,
        windows: tuple[FreezeWindow, ...] = (),
    ) -> None:
        self.windows = windows
        self._sites = sites
        self.records = records
        self._ghosts = ghosts
        self._start = start
        self._slots: Joined[SlotStatus] = Joined()

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(self._sites)

    def shape(self, site: str) -> Shape:
        """What kind of site it is."""
        return self._site(site).shape

    def _site(self, name: str | None) -> Site:
        if name is None:
            if len(self._sites) != 1:
                raise SiteNeeded(", ".join(self.sites))
            return next(iter(self._sites.values()))
        if name not in self._sites:
            raise UnknownSite(name, ", ".join(self.sites))
        return self._sites[name]

    def chosen(self, name: str | None) -> tuple[Site, ...]:
        """The site of that name, or every one."""
        return tuple(self._sites.values()) if name is None else (self._site(name),)

    async def go_on(self) -> None:
        """Start what was decided but not yet started when an earlier process ended; starting twice does nothing."""
        for release in await self.records.working_releases():
            await self._start(release)


def suits(kind: Kind, site: Site) -> None:
    """Raises NotForThisSite for a release that this kind of site cannot have."""
    if kind not in site.shape.kinds:
        raise NotForThisSite(site.name, site.shape.words)
