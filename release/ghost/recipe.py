"""What a package is made of, and what of it is deployed."""

from dataclasses import dataclass

from release.ghost.packing import WHOLE, Packing
from release.ghost.platforms import Platform
from release.ghost.sources import NPM, Source


@dataclass(frozen=True)
class Recipe:
    """`source` is where its files come from, `packing` says what of the built site is in the zip.

    `platform` is what it runs on; None: a machine like the bot's.
    """

    source: Source = NPM
    packing: Packing = WHOLE
    platform: Platform | None = None

    @property
    def can_be_read_back(self) -> bool:
        """Whether the site that migrates a database can be had from the zip alone."""
        return self.packing.whole and self.platform is None


USUAL = Recipe()
