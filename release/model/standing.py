"""How sites and slots stand now, and what the audience was told of them."""

from dataclasses import dataclass
from datetime import datetime

from release.model.freezes import Freeze
from release.model.kept import BackupTaken
from release.model.releases import Release
from release.model.scheduled import Scheduled
from release.version import Version


@dataclass(frozen=True)
class SiteVersions:
    """How far behind one site is: `behind` counts the published versions newer than `current`.

    `newest` is the newest that its own source has, empty where that could not be read, `ahead` all of these that are
    newer than `current`. `stops` are the versions at which its database stops on the way there, `passes` the newest
    published versions on that way, oldest first; `node` and `newest_node` are the Nodes that `current` and `newest`
    accept, in npm's notation, empty where that is not known.
    """

    site: str
    current: str | None
    newest: str
    behind: int
    trouble: str | None = None
    stops: tuple[str, ...] = ()
    node: str = ""
    newest_node: str = ""
    passes: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()

    def offers(self, version: str) -> bool:
        """Whether an upgrade to this version can begin: it is newer, and the site's source has it."""
        return self.current is not None and self.behind > 0 and version in (self.newest, *self.ahead)

    def runs(self, version: str) -> bool:
        """Whether it is known to run this version, or a newer one."""
        return self.current is not None and Version.parse(self.current) >= Version.parse(version)

    def is_past(self, version: str) -> bool:
        """Whether it runs this version, or a newer one, or can go to a newer one while its source has not this one."""
        if self.current is None or self.runs(version):
            return self.runs(version)
        newer = self.behind > 0 and Version.parse(self.newest) > Version.parse(version)
        return newer and not self.offers(version)


@dataclass(frozen=True)
class Skip:
    """Somebody does not want to hear of a version, for one site or (None) for all."""

    version: str
    site: str | None
    by: str
    at: datetime


@dataclass(frozen=True)
class Reminder:
    """Somebody wants to hear of a version again at that time, by a direct message.

    `claimed_at` is when the bot began to tell it.
    """

    version: str
    by: str
    at: datetime
    claimed_at: datetime | None = None


@dataclass(frozen=True)
class Versions:
    """`newest` lists the newest published versions, newest first; `skips` what nobody wants to hear of."""

    newest: tuple[str, ...]
    sites: tuple[SiteVersions, ...]
    skips: tuple[Skip, ...] = ()

    def wanted(self) -> tuple[str, ...]:
        """The newest version of each source, where it is not skipped for a site that is behind it; oldest first."""
        found = {
            site.newest
            for site in self.sites
            if site.current and not site.runs(site.newest) and not self.skip_of(site.newest, site.site)
        }
        return tuple(sorted(found, key=Version.parse))

    def may_be_wanted(self, version: str) -> bool:
        """Whether it is the newest that some site could be upgraded to, or may be: one that cannot be read now."""
        unread = version not in self.newest and any(not site.newest for site in self.sites)
        return unread or any(site.newest == version and not site.runs(version) for site in self.sites)

    def skip_of(self, version: str, site: str | None) -> Skip | None:
        """Who skipped this version for that site, or for all; with None only for all."""
        found = [skip for skip in self.skips if skip.version == version]
        return next((skip for skip in found if skip.site is None or skip.site == site), None)

    def skipped(self, version: str) -> bool:
        """Whether there is no site left that this version is not skipped for."""
        if self.skip_of(version, None) is not None:
            return True
        return bool(self.sites) and all(self.skip_of(version, site.site) for site in self.sites)


@dataclass(frozen=True)
class SentMessage:
    """A message the audience has: where it is and the digest of what it shows.

    `ts` is empty while it is being posted: after a crash it may be there or not.
    """

    owner: str
    part: str
    channel: str
    ts: str
    digest: str


@dataclass(frozen=True)
class SlotStatus:
    """A slot as it is now. `version` is exact; None where it could not be read, and `trouble` says why.

    `empty` is a slot on which nothing was ever deployed, as a new staging slot is. `product` comes before the version.
    """

    name: str
    state: str
    version: str | None
    url: str
    healthy: bool
    trouble: str | None = None
    empty: bool = False
    product: str = "Ghost "


@dataclass(frozen=True)
class SiteStatus:
    site: str
    production: SlotStatus
    staging: SlotStatus
    open_release: Release | None
    last_release: Release | None
    last_backup: BackupTaken | None
    backed_up: bool = True
    freeze: Freeze | None = None
    scheduled: tuple[Scheduled, ...] = ()
