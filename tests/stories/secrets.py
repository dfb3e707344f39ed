"""Where a secret could be seen that nobody may see: looked at all the time, and at the end."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

LOOK_SECONDS = 0.05


@asynccontextmanager
async def process_lists_watched(secret: str) -> AsyncIterator[set[str]]:
    """The names of programs that had the secret on their command line, for as long as the block lasts."""
    seen: set[str] = set()

    async def look() -> None:
        while True:
            await asyncio.to_thread(_look, secret, seen)
            await asyncio.sleep(LOOK_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _look(secret: str, seen: set[str]) -> None:
    for process in psutil.process_iter(["cmdline"]):
        words: list[str] = process.info["cmdline"] or []
        if any(secret in word for word in words):
            seen.add(words[0])


def files_with(secret: str, folder: Path) -> list[str]:
    """The files below a folder that hold the secret, as it is or as a database page has it."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    return found
