"""The files of a blog (images, media, files, themes, settings): what staging lacks, and how it gets it.

Copies on staging have times of their own, so a manifest beside the content remembers which of
production's files each one was made from: cost grows with what changed. The manifest travels with
the content through a swap and is read from both sides.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from release.azure.kudu import Entry, Kudu
from release.model import ContentSynced
from release.site import PRODUCTION, WWWROOT, Site

FOLDERS = ("images", "media", "files", "themes", "settings", "public", "adapters")
JOBS = f"{WWWROOT}/App_Data/jobs"
MANIFEST = ".ghostbot-content.json"
_AT_ONCE = 6

# path -> (size, production's mtime, staging's mtime), of every file that was the same on both sides
Pairs = dict[str, tuple[int, str, str]]


@dataclass(frozen=True)
class Stock:
    """What has to be done so that staging holds production's files. `sizes` in bytes, by path below /home."""

    looked_at: int
    copy: dict[str, int]
    remove: tuple[str, ...]

    @property
    def copy_bytes(self) -> int:
        return sum(self.copy.values())


async def take_stock(site: Site, shipped_themes: tuple[str, ...]) -> Stock:
    """Compare the content folders of production and staging; changes nothing.

    `shipped_themes` come with the package and are left to it. The database, logs and WebJobs' output
    are no content; WebJobs themselves are carried over, since a swap moves them with the slot.
    """
    production, staging = await asyncio.gather(site.kudu(PRODUCTION), site.kudu(site.staging))
    here, there, jobs, jobs_there, pairs = await asyncio.gather(
        _files(production, site.config.content, shipped_themes),
        _files(staging, site.config.content, shipped_themes),
        production.walk(JOBS),
        staging.walk(JOBS),
        _known_pairs(production, staging, site.config.content),
    )
    copy = {
        f"{site.config.content}/{path}": entry.size
        for path, entry in here.items()
        if not _same(entry, there.get(path), pairs.get(path))
    }
    job_sizes = {entry.path: entry.size for entry in jobs_there}
    copy |= {f"{JOBS}/{entry.path}": entry.size for entry in jobs if job_sizes.get(entry.path) != entry.size}
    remove = tuple(f"{site.config.content}/{path}" for path in there if path not in here)
    return Stock(len(here) + len(jobs), copy, remove)


async def sync_content(site: Site, shipped_themes: tuple[str, ...]) -> ContentSynced:
    """Staging holds the same files as production afterwards. Streams; done twice it copies nothing more."""
    stock = await take_stock(site, shipped_themes)
    production, staging = await asyncio.gather(site.kudu(PRODUCTION), site.kudu(site.staging))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def copy(path: str, size: int) -> None:
        async with gate:
            await production.copy_to(staging, path, size)

    async def remove(path: str) -> None:
        async with gate:
            await staging.delete(path)

    jobs = [copy(path, size) for path, size in stock.copy.items()] + [remove(path) for path in stock.remove]
    # Not a TaskGroup: its ExceptionGroup would hide our error from the one who reads it.
    for outcome in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
    if stock.copy or stock.remove:
        await _remember_pairs(production, staging, site.config.content, shipped_themes)
    return ContentSynced(stock.looked_at, len(stock.copy), stock.copy_bytes, len(stock.remove))


def _same(here: Entry, there: Entry | None, pair: tuple[int, str, str] | None) -> bool:
    return there is not None and pair == (here.size, here.mtime, there.mtime) and there.size == here.size


async def _files(kudu: Kudu, content: str, shipped_themes: tuple[str, ...]) -> dict[str, Entry]:
    skipped = tuple(f"themes/{theme}/" for theme in shipped_themes)
    walks = await asyncio.gather(*(kudu.walk(f"{content}/{folder}") for folder in FOLDERS))
    paths = {
        f"{folder}/{entry.path}": entry for folder, walk in zip(FOLDERS, walks, strict=True) for entry in walk
    }
    return {path: entry for path, entry in paths.items() if not path.startswith(skipped)}


async def _known_pairs(production: Kudu, staging: Kudu, content: str) -> Pairs:
    """Pairs as staging remembers them, and as production does from the time when it was staging."""
    ours, theirs = await asyncio.gather(_manifest(staging, content), _manifest(production, content))
    turned = {path: (size, staged, source) for path, (size, source, staged) in theirs.items()}
    return {**turned, **ours}


async def _manifest(kudu: Kudu, content: str) -> Pairs:
    """The manifest of a slot; an unreadable one only costs copying."""
    found: Pairs = {}
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        rows = json.loads(await kudu.read(f"{content}/{MANIFEST}") or b"{}")
        for path, (size, source, staged) in rows.items():
            found[str(path)] = (int(size), str(source), str(staged))
    return found


async def _remember_pairs(
    production: Kudu, staging: Kudu, content: str, shipped_themes: tuple[str, ...]
) -> None:
    here, there = await asyncio.gather(
        _files(production, content, shipped_themes), _files(staging, content, shipped_themes)
    )
    rows = {
        path: (entry.size, entry.mtime, there[path].mtime)
        for path, entry in here.items()
        if path in there and there[path].size == entry.size
    }
    await staging.write(f"{content}/{MANIFEST}", json.dumps(rows, separators=(",", ":")).encode())
