"""The files of a blog (images, themes, routes, redirects, adapters): what staging lacks, and how it gets it.

Copies on staging have times of their own, so a manifest beside the content remembers which of
production's files each one was made from: cost grows with what changed. The manifest travels with
the content through a swap and is read from both sides.
"""

import asyncio
import contextlib
import json
from collections.abc import Set
from dataclasses import dataclass
from pathlib import PurePosixPath

from release.azure.errors import FileMissing
from release.azure.kudu import Entry, Kudu
from release.errors import ReleaseError
from release.model import ContentSynced
from release.side_by_side import all_of
from release.site import PRODUCTION, WWWROOT, Site
from release.whole_folders import whole_folders

FOLDERS = ("images", "media", "files", "themes", "settings", "public", "adapters")
# Ghost keeps its redirects beside the database, which is no content, as its exports are none.
REDIRECTS = ("data/redirects.yaml", "data/redirects.json")
JOBS = f"{WWWROOT}/App_Data/jobs"
MANIFEST = ".ghostbot-content.json"
_AT_ONCE = 6
_FOLDERS_AT_ONCE = 3

# Of one file that was the same on both sides: its size, production's mtime, staging's mtime.
Pair = tuple[int, str, str]


@dataclass(frozen=True)
class Stock:
    """What has to be done so that staging holds production's files: paths below /home, sizes in bytes.

    `seen` is production's listing when stock was taken, `same` the paths that need no copy, `stale` the times of those
    that staging has in another form.
    """

    seen: dict[str, Entry]
    same: frozenset[str]
    stale: dict[str, str]
    remove: tuple[str, ...]

    @property
    def looked_at(self) -> int:
        return len(self.seen)

    @property
    def copy(self) -> dict[str, int]:
        return {path: entry.size for path, entry in self.seen.items() if path not in self.same}

    @property
    def copy_bytes(self) -> int:
        return sum(self.copy.values())


async def take_stock(site: Site, shipped_themes: tuple[str, ...]) -> Stock:
    """Compare the content folders of production and staging; changes nothing.

    `shipped_themes` come with the package and are left to it. The database, logs and WebJobs' output
    are no content; WebJobs themselves are carried over, since a swap moves them with the slot.
    Raises FileMissing when production has no such content folder: that is no empty blog, but a wrong setting.
    """
    production, staging = await asyncio.gather(site.kudu(PRODUCTION), site.kudu(site.staging))
    content = site.config.content
    if not await production.list(content):
        raise FileMissing(production.name, content)
    here, there = await all_of(_files(kudu, content, shipped_themes) for kudu in (production, staging))
    theirs, ours = await all_of(_manifest(kudu, content) for kudu in (production, staging))
    same = frozenset(
        path
        for path, entry in here.items()
        if (pair := _pair(entry, there.get(path))) is not None
        and (pair == ours.get(path) or _turned(pair) == theirs.get(path))
    )
    stale = {path: entry.mtime for path, entry in there.items() if path in here and path not in same}
    return Stock(here, same, stale, tuple(path for path in there if path not in here))


async def list_content(site: Site) -> dict[str, int]:
    """Production's images, media, files, themes, settings and redirects: sizes in bytes by path below its content."""
    found = await _files(await site.kudu(PRODUCTION), site.config.content, ())
    sizes = {
        path.removeprefix(f"{site.config.content}/"): entry.size for path, entry in sorted(found.items())
    }
    # What is below public/ Ghost makes by itself.
    return {path: size for path, size in sizes.items() if not path.startswith("public/")}


def is_content(path: str) -> bool:
    """Whether a path below the content folder is one of those that are carried over."""
    parts = PurePosixPath(path).parts
    return path in REDIRECTS or (len(parts) > 1 and parts[0] in FOLDERS and ".." not in parts)


@dataclass(frozen=True)
class LateFiles:
    """What reached the old slot's content folders after they were copied: sizes in bytes by path below the folder."""

    added: dict[str, int]
    changed: dict[str, int]


async def late_files(site: Site, shipped_themes: tuple[str, ...]) -> LateFiles:
    """Files of the old slot, after a swap, that production lacks or has another of. Changes nothing.

    The manifest that went live with the content remembers which file of the old slot each one was made from. A file
    it does not know is told by its size alone.
    """
    production, old = await asyncio.gather(site.kudu(PRODUCTION), site.kudu(site.staging))
    content = site.config.content
    here, there = await all_of(_files(kudu, content, shipped_themes) for kudu in (production, old))
    made_from = await _manifest(production, content)
    added: dict[str, int] = {}
    changed: dict[str, int] = {}
    for path, entry in sorted(there.items()):
        name = path.removeprefix(f"{content}/")
        if name == path or name.startswith("public/"):  # a WebJob, or what Ghost makes by itself
            continue
        if path not in here:
            added[name] = entry.size
            continue
        size, source, _ = made_from.get(path, (here[path].size, entry.mtime, ""))
        if (size, source) != (entry.size, entry.mtime):
            changed[name] = entry.size
    return LateFiles(added, changed)


async def sync_content(site: Site, shipped_themes: tuple[str, ...]) -> ContentSynced:
    """Staging holds the same files as production afterwards. Streams; done twice it copies nothing more.

    What Kudu lists and does not give out (a name that is no UTF-8) is left out, and named.
    When a file fails the rest is given up, and what did arrive is not copied again by the next one.
    """
    return await _carry_out(site, await take_stock(site, shipped_themes), shipped_themes)


async def bring_content(site: Site, shipped_themes: tuple[str, ...], shipped: Set[str]) -> ContentSynced:
    """As far as it can be done while a package is being deployed: nothing is removed, and `shipped` is left alone.

    Those are the paths below the content folder that the package brings. Who of the two wrote such a file last could
    not be told by its size, so the manifest does not speak of them, and `sync_content` copies them afterwards.
    """
    stock = await take_stock(site, shipped_themes)
    content = site.config.content
    seen = {
        path: entry for path, entry in stock.seen.items() if path.removeprefix(f"{content}/") not in shipped
    }
    return await _carry_out(site, Stock(seen, stock.same & seen.keys(), stock.stale, ()), shipped_themes)


async def _carry_out(site: Site, stock: Stock, shipped_themes: tuple[str, ...]) -> ContentSynced:
    production, staging = await asyncio.gather(site.kudu(PRODUCTION), site.kudu(site.staging))
    gate = asyncio.Semaphore(_AT_ONCE)
    arrived = set(stock.same)
    missing: set[str] = set()

    async def copy(path: str) -> None:
        async with gate:
            (arrived if await production.copy_to(staging, path) else missing).add(path)

    async def remove(path: str) -> None:
        async with gate:
            await staging.delete(path)

    try:
        copied_whole = await _copy_folders(site, stock, shipped_themes)
        arrived |= copied_whole
        singly = [path for path in stock.copy if path not in copied_whole]
        await all_of([*map(copy, singly), *map(remove, stock.remove)])
    except ReleaseError:
        with contextlib.suppress(ReleaseError):  # the first error is the one to tell
            await _remember(site, stock, arrived, shipped_themes)
        raise
    if stock.copy or stock.remove:
        await _remember(site, stock, arrived, shipped_themes)
    left_out = await _still_listed(production, missing)
    copied = [size for path, size in stock.copy.items() if path not in missing]
    return ContentSynced(stock.looked_at, len(copied), sum(copied), len(stock.remove), left_out)


async def _copy_folders(site: Site, stock: Stock, shipped_themes: tuple[str, ...]) -> set[str]:
    """Copy whole folders where nearly all of them is new; returns the paths that have come along.

    Staging is looked at afterwards, so a name that a zip cannot hold, and what was in the way, is copied by itself.
    """
    production, staging = await asyncio.gather(site.kudu(PRODUCTION), site.kudu(site.staging))
    roots = _roots(stock, site.config.content, shipped_themes)
    gate = asyncio.Semaphore(_FOLDERS_AT_ONCE)

    async def copy(folder: str) -> set[str]:
        async with gate:
            if not await production.copy_folder_to(staging, folder):
                return set()
            there = {f"{folder}/{entry.path}": entry for entry in await staging.walk(folder)}
        return {path for path in stock.copy if path in there and _came(path, there[path], stock)}

    return set().union(*await all_of(map(copy, whole_folders(stock.seen, stock.copy.keys(), roots))))


def _came(path: str, found: Entry, stock: Stock) -> bool:
    """Whether that file of staging is a new one, of the size of production's: the old one may have had it, too."""
    return found.size == stock.seen[path].size and found.mtime != stock.stale.get(path)


def _roots(stock: Stock, content: str, shipped_themes: tuple[str, ...]) -> tuple[str, ...]:
    """The folders that may be copied whole. Themes that come with the package are not: so each theme for itself."""
    themes = f"{content}/themes/"
    others = (f"{content}/{folder}" for folder in FOLDERS if folder != "themes")
    names = {path.removeprefix(themes).split("/")[0] for path in stock.seen if path.startswith(themes)}
    return (*others, *(themes + name for name in sorted(names.difference(shipped_themes))), JOBS)


async def _still_listed(kudu: Kudu, missing: set[str]) -> tuple[str, ...]:
    """Those of the missing files that have not gone since they were listed, as they can be written down."""
    listed = [path for path in sorted(missing) if await kudu.stat(path) is not None]
    return tuple(path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for path in listed)


def _pair(here: Entry, there: Entry | None) -> Pair | None:
    """What the manifest holds if these two are the same file."""
    if there is None or there.size != here.size:
        return None
    return (here.size, here.mtime, there.mtime)


def _turned(pair: Pair) -> Pair:
    """The same two files, as production's manifest from its time as staging tells them."""
    size, source, staged = pair
    return (size, staged, source)


async def _files(kudu: Kudu, content: str, shipped_themes: tuple[str, ...]) -> dict[str, Entry]:
    """The files that are carried over, by path below /home."""
    folders = (*(f"{content}/{folder}" for folder in FOLDERS), JOBS)
    *walks, beside = await all_of([*(kudu.walk(folder) for folder in folders), kudu.list(f"{content}/data")])
    skipped = tuple(f"{content}/themes/{theme}/" for theme in shipped_themes)
    paths = {
        f"{folder}/{entry.path}": entry for folder, walk in zip(folders, walks, strict=True) for entry in walk
    }
    paths |= {f"{content}/data/{entry.path}": entry for entry in beside if f"data/{entry.path}" in REDIRECTS}
    return {path: entry for path, entry in paths.items() if not path.startswith(skipped)}


async def _manifest(kudu: Kudu, content: str) -> dict[str, Pair]:
    """The manifest of a slot; an unreadable one only costs copying."""
    found: dict[str, Pair] = {}
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        rows = json.loads(await kudu.read(f"{content}/{MANIFEST}") or b"{}")
        for path, (size, source, staged) in rows.items():
            found[str(path)] = (int(size), str(source), str(staged))
    return found


async def _remember(site: Site, stock: Stock, arrived: set[str], shipped_themes: tuple[str, ...]) -> None:
    """Write down what is the same now.

    Production's side is the listing from before the copies: a file that was changed while it was copied has
    another time by now, and is copied again by the next.
    """
    staging = await site.kudu(site.staging)
    there = await _files(staging, site.config.content, shipped_themes)
    rows = {
        path: pair
        for path, entry in stock.seen.items()
        if path in arrived and (pair := _pair(entry, there.get(path))) is not None
    }
    content = await asyncio.to_thread(lambda: json.dumps(rows, separators=(",", ":")).encode())
    await staging.write(f"{site.config.content}/{MANIFEST}", content)
