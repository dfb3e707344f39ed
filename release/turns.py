"""Turns at this machine's processors: many releases that are staged at once start a few programs at a time."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from release.journal import Words

FEWEST = 2
WAITS = "waits for its turn: other releases use this machine's processors"


class Turns:
    """As many at once as there are processors. A Ghost that migrates takes one of them, and 130 MB (6.50 to 6.65).

    For what is done before people are asked. What follows an approval does not wait here: production waits for it.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._free = asyncio.Semaphore(at_once or max(FEWEST, os.cpu_count() or 1))

    @asynccontextmanager
    async def turn(self, words: Words) -> AsyncIterator[None]:
        """One of the turns; who has to wait for it says so."""
        if self._free.locked():
            await words.say(WAITS)
        async with self._free:
            yield
