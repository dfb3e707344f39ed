"""The smoke test: is this slot the site it should be, and does it answer as production does?"""

import asyncio
import time

import httpx

from release.errors import ReleaseError
from release.model import PageCompared
from release.shape import Expected, Page
from release.site import PRODUCTION, Site
from release.trouble import in_words


class SmokeTestFailed(ReleaseError):
    problem = "{0} failed its smoke test: {1}"
    remedy = (
        "{2} Read the slot's log (/ghost logs, or the portal's Log stream), repair the cause and start again."
    )


async def smoke_test(
    site: Site, slot: str, expected: Expected, compare: bool = True
) -> tuple[PageCompared, ...]:
    """Ask the slot all that a visitor, a feed reader and an editor would; compare with production.

    Returns every page compared. Raises SmokeTestFailed naming everything that is wrong, not the first only.
    """
    compare = compare and slot != PRODUCTION
    url = await site.url(slot)
    production = await site.url(PRODUCTION) if compare else None
    compared = await _pages_compared(site, url, production, expected)
    wrong = _wrong_pages(compared) + await _wrong_files(site, slot, expected)
    wrong += await site.shape.pages.process(site, url, expected)
    wrong += await site.shape.pages.more(site, url, production, expected)
    if wrong:
        after = "Production is untouched." if slot != PRODUCTION else "Production answers with this."
        raise SmokeTestFailed(site.app.called(slot), "; ".join(wrong), after)
    return compared


async def visit_production(site: Site, expected: Expected) -> None:
    """What a visitor can see of `expected`, for when the SCM site does not tell which files are there.

    Raises SmokeTestFailed.
    """
    url = await site.url(PRODUCTION)
    wrong = _wrong_pages(await _pages_compared(site, url, None, expected))
    wrong += await site.shape.pages.process(site, url, expected)
    if wrong:
        raise SmokeTestFailed(site.app.called(PRODUCTION), "; ".join(wrong), "Production answers with this.")


async def _pages_compared(
    site: Site, url: str, production: str | None, expected: Expected
) -> tuple[PageCompared, ...]:
    pages = await site.shape.pages.of(site, url)
    return tuple(await asyncio.gather(*(_compare(site, page, url, production, expected) for page in pages)))


def _wrong_pages(compared: tuple[PageCompared, ...]) -> list[str]:
    return [f"{p.what} ({p.path}) answers {p.staging}, expected {p.expected}" for p in compared if not p.ok]


async def _answer(site: Site, url: str) -> tuple[str, int]:
    """The status (or what went wrong) and milliseconds."""
    start = time.monotonic()
    try:
        status = str((await site.ask(url)).status_code)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        status = in_words(error)
    return status, round((time.monotonic() - start) * 1000)


async def _compare(
    site: Site, page: Page, url: str, production: str | None, expected: Expected
) -> PageCompared:
    answer, milliseconds = await _answer(site, url + page.path)
    reference = (await _answer(site, production + page.path))[0] if production else ""
    # A site may lawfully differ from the measured codes (a private blog, no members): then production tells.
    as_production = reference.isdigit() and int(reference) < 500 and answer == reference
    return PageCompared(
        path=page.path,
        what=page.what,
        expected=str(page.status),
        staging=answer,
        production=reference,
        milliseconds=milliseconds,
        ok=answer in (str(page.status), expected.lawful.get(page.path)) or as_production,
    )


async def _wrong_files(site: Site, slot: str, expected: Expected) -> list[str]:
    """The exact version, from the slot's files."""
    deployed = await site.version(slot)
    if deployed != expected.version:
        return [f"its files are version {deployed}, expected {expected.version}"]
    return []


__all__ = ["Expected", "SmokeTestFailed", "smoke_test", "visit_production"]
