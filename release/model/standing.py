"""How sites and slots stand now, and what the audience was told of them."""

from dataclasses import dataclass

from release.model.freezes import Freeze
from release.model.kept import BackupTaken
from release.model.releases import Release
from release.model.scheduled import Scheduled


@dataclass(frozen=True)
class SiteVersions:
    """How far behind one site is: `behind` counts the published versions newer than `current`."""

    site: str
    current: str | None
    newest: str
    behind: int
    trouble: str | None = None


@dataclass(frozen=True)
class Versions:
    """`newest` lists the newest published versions, newest first; `skipped` those nobody wants to hear of."""

    newest: tuple[str, ...]
    sites: tuple[SiteVersions, ...]
    skipped: tuple[str, ...] = ()


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
