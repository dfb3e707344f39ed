"""What a site is made of. Whatever one kind of site does in its own way is a part of its shape.

The routines of a release ask the shape and never which kind of site it is. Which database is migrated, and how, is
no part of it but a way of its own through the steps: a `Kind`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from release.errors import NotForThisSite, ReleaseError
from release.ghost.recipe import USUAL, Recipe
from release.model import BackupTaken, Kind, ReadBack
from release.runtimes import LINUX, Runtime

if TYPE_CHECKING:
    from release.backups import BackupStore
    from release.ghost.build import Package
    from release.ghost.npm import Npm
    from release.site import Site


@dataclass(frozen=True)
class Page:
    """An address below the site's, what it is for people, and the status a well site answers.

    `read`: people read it, so that it is worth a picture.
    """

    path: str
    what: str
    status: int
    read: bool = False


@dataclass(frozen=True)
class Expected:
    """What the slot must be. `posts` and `members` are totals of its database, checked where a key allows it.

    `lawful` is path -> the status this very site gave when it was well: a private blog redirects its front
    page, one without a feed answers 404, and in production there is nothing left to compare with.
    """

    version: str
    posts: int | None = None
    members: int | None = None
    lawful: Mapping[str, str] = field(default_factory=dict)


class Pages(Protocol):
    """How a slot shows that it is well."""

    @property
    def front(self) -> Page:
        """The page that tells that a slot is up, and what it answers then."""

    @property
    def probed(self) -> tuple[str, ...]:
        """The paths that a visitor asks for all through a swap."""

    async def of(self, site: "Site", url: str) -> tuple[Page, ...]:
        """The pages that a smoke test compares, as the slot at `url` has them."""

    async def process(self, site: "Site", url: str, expected: Expected) -> list[str]:
        """What is wrong with the process that answers there: it may be another than its files are of."""

    async def more(self, site: "Site", url: str, production: str | None, expected: Expected) -> list[str]:
        """What else is wrong, beside pages, files and process; `production` is where to compare, if anywhere."""


@dataclass(frozen=True)
class Deployed:
    """What is put on a slot: a version, and its zip where the way of deployment takes one."""

    version: str
    archive: Path


class Deployment(Protocol):
    """How a package gets on a slot, and what lies on one."""

    @property
    def notes(self) -> str:
        """The folder below /home where the bot writes its notes on a slot: writable, and going along in a swap."""

    @property
    def unpacks_to(self) -> str | None:
        """The folder below /home where a package's files are afterwards; None where they are in no folder."""

    async def problems(self, site: "Site") -> tuple[ReleaseError, ...]:
        """What is set up on the slots so that this way of deployment would go wrong, for the preflight."""

    async def version(self, site: "Site", slot: str) -> str:
        """The exact version on a slot. Raises NothingThere."""

    async def read(self, site: "Site", slot: str, path: str) -> bytes | None:
        """A small file of what is deployed there, by its path in the package; None where there is none."""

    async def latest(self, site: "Site") -> str:
        """Tells what was deployed on staging last from whatever is deployed there later; empty for nothing at all."""

    async def deploy(self, site: "Site", what: Deployed, told: Callable[[str], Awaitable[None]]) -> str:
        """It is on the stopped staging slot; returns what `latest` says from then on."""


class Copies(Protocol):
    """How a checked copy of production's database is taken, and how one is brought to life."""

    def told(self, site: "Site") -> str:
        """What takes them, for people."""

    async def ready(self, site: "Site") -> str | None:
        """What was seen that it takes, for people. Raises where no copy could be taken."""

    async def take(self, site: "Site", store: "BackupStore") -> BackupTaken:
        """A checked copy, in the store's folder. Asked twice, it makes two."""

    async def read_back(
        self,
        site: "Site",
        package: "Package",
        backup: BackupTaken,
        store: "BackupStore",
        work: Path,
        npm: "Npm",
    ) -> ReadBack:
        """What the package, booted on a copy of the backup, told; nothing of it is left. Raises NotReadBack."""


class NothingCopied:
    """For sites that have no release which would copy a database."""

    def told(self, site: "Site") -> str:
        return f"nothing copies the database of {site.name}"

    async def ready(self, site: "Site") -> str | None:
        raise NotForThisSite(site.name, site.shape.words)

    async def take(self, site: "Site", store: "BackupStore") -> BackupTaken:
        del store
        raise NotForThisSite(site.name, site.shape.words)

    async def read_back(
        self,
        site: "Site",
        package: "Package",
        backup: BackupTaken,
        store: "BackupStore",
        work: Path,
        npm: "Npm",
    ) -> ReadBack:
        del package, backup, store, work, npm
        raise NotForThisSite(site.name, site.shape.words)


NOT_COPIED = NothingCopied()


@dataclass(frozen=True)
class Shape:
    """One kind of site. `words` are for people; `kinds` are the releases it can have.

    `address_setting` is the app setting that holds the site's own address, where it has one.
    `recipe` says what its packages are made of, and what of them is in the zip that `deployment` puts on a slot.
    `product` comes before a version where people read one. `own_database`: each slot has one of its own, which is
    exchanged with the code in a swap; else both share one. `runtime` says which Node a slot has.
    """

    words: str
    kinds: frozenset[Kind]
    pages: Pages
    deployment: Deployment
    copies: Copies = NOT_COPIED
    address_setting: str | None = None
    recipe: Recipe = USUAL
    product: str = "Ghost "
    own_database: bool = True
    runtime: Runtime = LINUX
