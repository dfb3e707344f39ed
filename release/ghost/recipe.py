"""What a package is made of, and what of it is deployed."""

from dataclasses import dataclass

from release.ghost.packing import WHOLE, Packing
from release.ghost.sources import NPM, Source


@dataclass(frozen=True)
class Recipe:
    """`source` is where its files come from, `packing` says what of the built site is in the zip."""

    source: Source = NPM
    packing: Packing = WHOLE


USUAL = Recipe()
