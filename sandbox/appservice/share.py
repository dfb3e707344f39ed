"""The share of a plan: one file system for the contents of all its sites."""

import asyncio
import os
import time
from pathlib import Path


class Share:
    """How much is on it. Those who ask while others do wait for their turn, so that nothing is counted side by side.

    Hundreds of sites take longer than `long_seconds` to count; then a count holds for `kept_times` as long as it took.
    """

    def __init__(self, folder: Path, long_seconds: float = 0.05, kept_times: float = 20) -> None:
        self._folder = folder
        self._long, self._kept_times = long_seconds, kept_times
        self._turn = asyncio.Lock()
        self._counted, self._holds_until = 0, 0.0

    async def used(self) -> int:
        """Bytes of all files."""
        async with self._turn:
            began = time.monotonic()
            if began >= self._holds_until:
                self._counted = await asyncio.to_thread(_size, self._folder)
                took = time.monotonic() - began
                self._holds_until = began + took * self._kept_times if took > self._long else 0.0
            return self._counted


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; links to slots' contents are not followed."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(f"{place}/{name}").st_size
            except FileNotFoundError:
                continue  # gone since it was listed
    return total
