"""How the sites are, which versions there are, and what was done."""

import asyncio
from collections.abc import Sequence

from release.asked.base import suits
from release.asked.freezing import Freezing
from release.difference import SlotsCompared, compare_slots
from release.errors import (
    NotForThisSite,
    NotSkipped,
    ReleaseError,
)
from release.ghost.path import TooOld, stops_between
from release.ghost.releases import GhostRelease
from release.model import (
    BackupTaken,
    Kind,
    Release,
    SiteStatus,
    SiteVersions,
    SlotStatus,
    Versions,
)
from release.site import PRODUCTION, NothingThere, Site
from release.slot_log import SlotLog, newest_log
from release.version import Version

PASSES = 20
"""So many versions between a site's and the newest are named, and their notes read: the newest of them."""


class Looking(Freezing):
    """Changes nothing at a site."""

    async def status(self, site: str | None) -> tuple[SiteStatus, ...]:
        return tuple(await asyncio.gather(*(self._status(chosen) for chosen in self.chosen(site))))

    async def _status(self, site: Site) -> SiteStatus:
        production, staging, open_release, last, backups = await asyncio.gather(
            self._slot_status(site, PRODUCTION),
            self._slot_status(site, site.staging),
            self.records.open_release(site.name),
            self.records.history(site.name, limit=2),
            self.records.backups(site.name, limit=10),
        )
        ended = next((release for release in last if not release.state.is_open), None)
        last_backup = next((backup for backup in backups if backup.slot is None), None)
        backed_up = Kind.BACKUP in site.shape.kinds
        freeze = await self.frozen(site.name)
        waiting = await self.records.scheduled(site.name)
        return SiteStatus(
            site.name, production, staging, open_release, ended, last_backup, backed_up, freeze, waiting
        )

    async def _slot_status(self, site: Site, slot: str) -> SlotStatus:
        return await self._slots.look((site.name, slot), lambda: slot_status(site, slot))

    async def compare(self, site: str | None) -> SlotsCompared:
        """What differs between the slots of a site now."""
        return await compare_slots(self._site(site))

    async def log(self, site: str | None, slot: str | None) -> SlotLog:
        """The end of a slot's newest log."""
        return await newest_log(self._site(site), slot)

    async def versions(self, site: str | None) -> Versions:
        """The newest published versions, and how far behind each site is that runs them."""
        chosen = self.chosen(site)
        upgraded = [one for one in chosen if any(kind.upgrades for kind in one.shape.kinds)]
        if site is not None and not upgraded:
            raise NotForThisSite(chosen[0].name, chosen[0].shape.words)
        if not upgraded:
            return Versions((), (), await self.records.skips())
        known = await self._ghosts.all()
        newest = tuple(str(release.version) for release in reversed(known[-5:]))

        async def of(chosen: Site) -> SiteVersions:
            latest = ""
            try:
                there = await self._ghosts.of(chosen.shape.recipe.source).all()
                latest = str((there or known)[-1].version)
                current = Version.parse(await chosen.version(PRODUCTION))
            except ReleaseError as error:
                return SiteVersions(chosen.name, None, latest, 0, str(error))
            return _behind(chosen.name, current, there, known)

        sites = await asyncio.gather(*(of(one) for one in upgraded))
        return Versions(newest, tuple(sites), await self.records.skips())

    async def history(self, site: str | None, limit: int = 10) -> tuple[Release, ...]:
        return await self.records.history(self._site(site).name if site is not None else None, limit)

    async def backups(self, site: str | None) -> tuple[BackupTaken, ...]:
        """Every backup that is kept, newest first."""
        if site is not None:
            suits(Kind.BACKUP, self._site(site))
        found = [
            backup
            for chosen in self.chosen(site)
            for backup in await self.records.backups(chosen.name, limit=None)
        ]
        return tuple(sorted(found, key=lambda backup: backup.taken_at, reverse=True))

    async def published(self, version: str | None) -> str:
        """That version as it is published, or (None) the newest. Raises UnknownVersion."""
        if version is None:
            return str((await self._ghosts.newest()).version)
        return str((await self._ghosts.find(Version.parse(version))).version)

    async def skip_version(self, version: str, by: str, site: str | None = None) -> None:
        """Nobody is asked about the version any more: for this site, or for any. It is not staged by itself either."""
        await self.records.skip_version(version, by, self._site(site).name if site else None)

    async def unskip_version(self, version: str, by: str, site: str | None = None) -> None:
        """The version is offered again: to this site, or to all. Raises NotSkipped."""
        name = self._site(site).name if site else None
        others = [one for one in self.sites if one != name]
        if not await self.records.unskip_version(version, by, name, others):
            raise NotSkipped(version, f" for {name}" if name else "")


def _behind(
    site: str, current: Version, there: Sequence[GhostRelease], known: Sequence[GhostRelease]
) -> SiteVersions:
    """How far a site is behind the newest that its source has, and the way there; `known` are the versions of npm."""
    latest = there[-1] if there else known[-1]
    nodes = {release.version: release.node for release in there}
    try:
        stops = stops_between(current, latest.version, there)
    except TooOld as error:
        return SiteVersions(site, str(current), str(latest.version), 0, f"{error} {error.advice}")
    ahead = tuple(str(release.version) for release in there if release.version > current)
    return SiteVersions(
        site,
        str(current),
        str(latest.version),
        len(ahead),
        stops=tuple(str(stop.version) for stop in stops),
        passes=tuple(str(one.version) for one in known if current < one.version < latest.version)[-PASSES:],
        node=nodes.get(current, ""),
        newest_node=latest.node,
        ahead=ahead,
    )


async def slot_status(site: Site, slot: str) -> SlotStatus:
    """A slot as it is now; what cannot be read is said, not raised."""
    try:
        found = await site.app.slot(slot)
    except ReleaseError as error:
        return SlotStatus(slot, "unknown", None, "", healthy=False, trouble=str(error))
    try:
        version: str | None = await site.version(slot)
        trouble = None
    except NothingThere as error:
        if slot != PRODUCTION:
            return SlotStatus(slot, found.state.lower(), None, found.url, healthy=False, empty=True)
        version, trouble = None, str(error)
    except ReleaseError as error:
        version, trouble = None, str(error)
    healthy = found.running and await site.answers(slot)
    product = site.shape.product
    return SlotStatus(slot, found.state.lower(), version, found.url, healthy, trouble, product=product)
