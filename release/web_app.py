"""A web app that is no Ghost: its pages are what the operator says, its database is shared by both slots."""

from dataclasses import dataclass

from release.deployments.marked import Marked
from release.model import Kind
from release.shape import Expected, Page, Shape
from release.site import Site


@dataclass(frozen=True)
class ConfiguredPages:
    """The pages that a well app answers, the first of which tells that it is up."""

    pages: tuple[Page, ...]

    @property
    def front(self) -> Page:
        return self.pages[0]

    @property
    def probed(self) -> tuple[str, ...]:
        return tuple(page.path for page in self.pages)

    async def of(self, _site: Site, _url: str) -> tuple[Page, ...]:
        return self.pages

    async def process(self, _site: Site, _url: str, _expected: Expected) -> list[str]:
        """An app of which nothing is known tells nobody its version."""
        return []

    async def more(self, _site: Site, _url: str, _production: str | None, _expected: Expected) -> list[str]:
        return []


def web_app(pages: tuple[Page, ...], asks_first: bool, migrates_down: bool) -> Shape:
    """`asks_first`: people are asked before the database is migrated, and not before the swap."""
    kinds = {Kind.DEPLOY_ASKING_FIRST if asks_first else Kind.DEPLOY, Kind.SWAP, Kind.SWAP_BACK}
    return Shape(
        words="web app with a shared database",
        kinds=frozenset(kinds | ({Kind.MIGRATE_DOWN} if migrates_down else set())),
        pages=ConfiguredPages(pages),
        deployment=Marked(),
        product="",
        own_database=False,
    )
