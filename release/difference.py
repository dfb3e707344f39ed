"""What differs between the slots at this moment: settings by name, never by value, and pages as visitors get them."""

import asyncio
import html
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from release.model import Looks, PageDiffers, PageSeen
from release.side_by_side import all_of
from release.site import PRODUCTION, Site
from release.slot_settings import Stored, stored_on_both
from release.trouble import in_words

# A sitemap can have fifty thousand addresses, and each page is asked for twice.
MOST_PAGES = 30
MOST_TOLD = 10
_AT_ONCE = 6
_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg", ".avif")
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class SettingDiffers:
    """`goes` says that a swap takes staging's value into production; connection strings are among them."""

    name: str
    on_production: bool
    on_staging: bool
    goes: bool


@dataclass(frozen=True)
class SlotsCompared:
    """`pages` are all that were compared; `staging_runs` is False where staging is stopped: then there are none."""

    site: str
    settings: tuple[SettingDiffers, ...]
    pages: tuple[PageDiffers, ...]
    staging_runs: bool


async def compare_slots(site: Site) -> SlotsCompared:
    """Production and staging, side by side. Changes nothing."""
    stored, staging = await asyncio.gather(stored_on_both(site), site.app.slot(site.staging))
    settings = tuple(_setting(one) for one in stored if one.differs)
    if not staging.running:
        return SlotsCompared(site.name, settings, (), staging_runs=False)
    return SlotsCompared(site.name, settings, await compare_pages(site), staging_runs=True)


def looks(pages: Sequence[PageDiffers]) -> Looks:
    """How staging differs from production for a visitor: for the card."""
    different = tuple(page for page in pages if page.differs)
    return Looks(len(pages), different[:MOST_TOLD], len(different))


def listed(pages: Sequence[PageDiffers]) -> str:
    """Every page, a line each, those that differ first: for the file in the thread."""
    lines = [("", "page", "production", "staging")]
    for page in sorted(pages, key=lambda page: not page.differs):
        sign = "differs" if page.differs else "same"
        lines.append((sign, page.path, _seen_in_words(page.production), _seen_in_words(page.staging)))
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3])).rstrip()
        for line in lines
    )


def _seen_in_words(page: PageSeen) -> str:
    return f"{page.status}, {page.title!r}, {page.size:,} bytes, {page.milliseconds:,} ms"


async def compare_pages(site: Site) -> tuple[PageDiffers, ...]:
    """The pages of the smoke test and of production's sitemap, as both slots answer them."""
    urls = [await site.url(slot) for slot in (PRODUCTION, site.staging)]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def compare(path: str) -> PageDiffers:
        async with gate:
            here, there = await all_of(_seen(site, url + path) for url in urls)
        return PageDiffers(path, here, there)

    return tuple(await all_of(compare(path) for path in await _paths(site, urls[0])))


def _setting(one: Stored) -> SettingDiffers:
    return SettingDiffers(one.name, one.production is not None, one.staging is not None, one.moves)


async def _paths(site: Site, url: str) -> tuple[str, ...]:
    """The pages of the smoke test, and those of production's sitemap, up to a bound."""
    known = [page.path for page in await site.shape.pages.of(site, url)]
    listed: list[str] = []
    for sitemap in ("/sitemap-pages.xml", "/sitemap-posts.xml"):
        listed += await _of_sitemap(site, url + sitemap)
    return tuple(dict.fromkeys([*known, *listed]))[:MOST_PAGES]


async def _of_sitemap(site: Site, address: str) -> list[str]:
    """The paths of the pages that a sitemap lists; none where it cannot be had or read."""
    try:
        answer = await site.ask(address)
        if answer.status_code != 200:
            return []
        root = fromstring(answer.content)
    except (httpx.HTTPError, httpx.InvalidURL, ParseError, DefusedXmlException, ValueError):
        return []
    below = urlsplit(address).path.rsplit("/", 1)[0]
    found = (
        urlsplit((element.text or "").strip()).path for element in root.iter() if element.tag.endswith("}loc")
    )
    paths = [path.removeprefix(below) or "/" for path in found]
    return [path for path in paths if path.startswith("/") and not path.endswith(_PICTURES)]


async def _seen(site: Site, address: str) -> PageSeen:
    start = time.monotonic()
    try:
        answer = await site.ask(address)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return PageSeen(in_words(error), "", 0, round((time.monotonic() - start) * 1000))
    title = _TITLE.search(answer.content[:65536])
    words = html.unescape(title[1].decode("utf-8", "replace")).strip() if title else ""
    took = round((time.monotonic() - start) * 1000)
    return PageSeen(str(answer.status_code), " ".join(words.split())[:80], len(answer.content), took)
