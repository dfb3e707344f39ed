"""The smoke test: is this slot the site it should be, and does it answer as production does?"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit
from xml.etree.ElementTree import Element, ParseError  # what defusedxml returns, and raises for broken XML

import httpx
import jwt
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from release.errors import ReleaseError
from release.model import PageCompared
from release.site import PRODUCTION, Site
from release.trouble import in_words

_SITEMAP = {
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "image": "http://www.google.com/schemas/sitemap-image/1.1",
}
_PORTAL = "data-ghost="


class SmokeTestFailed(ReleaseError):
    problem = "{0} failed its smoke test: {1}"
    remedy = "{2} Read the slot's log (Log stream in the portal), repair the cause and start again."


@dataclass(frozen=True)
class Expected:
    """What the slot must be. `posts` and `members` are totals of its database, checked where a key allows it.

    `lawful` is path -> the status this very site gave when it was well: a private blog redirects its front
    page, one without a feed answers 404, and in production there is nothing left to compare with.
    """

    version: str
    posts: int | None = None
    members: int | None = None
    lawful: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Page:
    path: str
    what: str
    status: int


# What a Ghost answers when it is well, measured on 6.65 (facts about Ghost); others may answer as their own
# production does.
_PAGES = (
    _Page("/", "front page", 200),
    _Page("/rss/", "feed", 200),
    _Page("/sitemap.xml", "sitemap", 200),
    _Page("/robots.txt", "robots", 200),
    _Page("/ghost/", "admin", 200),
    _Page("/members/api/site/", "members' site", 200),
    _Page("/members/api/member/", "members' session", 204),
    _Page("/ghost/api/admin/users/me/", "staff API without a key", 403),
    _Page("/this-page-is-not-there-ghostbot/", "a page that is not there", 404),
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
    wrong += await _wrong_process(site, url, expected)
    if production is not None:
        wrong += await _lost_portal(site, url, production)
    if site.config.admin_key:
        wrong += await _wrong_totals(site, url, expected)
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
    wrong += await _wrong_process(site, url, expected)
    if wrong:
        raise SmokeTestFailed(site.app.called(PRODUCTION), "; ".join(wrong), "Production answers with this.")


async def _pages_compared(
    site: Site, url: str, production: str | None, expected: Expected
) -> tuple[PageCompared, ...]:
    pages = _PAGES + await _pages_of_the_sitemap(site, url)
    return tuple(await asyncio.gather(*(_compare(site, page, url, production, expected) for page in pages)))


def _wrong_pages(compared: tuple[PageCompared, ...]) -> list[str]:
    return [f"{p.what} ({p.path}) answers {p.staging}, expected {p.expected}" for p in compared if not p.ok]


async def _get(site: Site, url: str, **parts: Any) -> httpx.Response:  # Any: httpx's own
    return await site.visitor.get(url, follow_redirects=False, timeout=30, **parts)


async def _answer(site: Site, url: str) -> tuple[str, int]:
    """The status (or what went wrong) and milliseconds."""
    start = time.monotonic()
    try:
        status = str((await _get(site, url)).status_code)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        status = in_words(error)
    return status, round((time.monotonic() - start) * 1000)


async def _compare(
    site: Site, page: _Page, url: str, production: str | None, expected: Expected
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


async def _pages_of_the_sitemap(site: Site, url: str) -> tuple[_Page, ...]:
    """A post and an image, as the site itself lists them; none on an empty blog."""
    try:
        tree = fromstring((await _get(site, url + "/sitemap-posts.xml")).text)
    except (httpx.HTTPError, ParseError, DefusedXmlException):
        return ()
    post, image = (_address(tree, path) for path in (".//s:url/s:loc", ".//image:loc"))
    found = [_Page(post.path, "a post", 200)] if post else []
    # An image on another host (a CDN) is not this slot's to serve.
    if image and (post is None or image.netloc == post.netloc):
        found.append(_Page(image.path, "an image", 200))
    return tuple(found)


def _address(tree: Element, path: str) -> SplitResult | None:
    """The first address the sitemap gives at `path`. What it says is the blog's own text: only a real path is used."""
    try:
        found = urlsplit((tree.findtext(path, "", _SITEMAP)).strip())
    except ValueError:
        return None
    return found if found.path.startswith("/") else None


async def _wrong_files(site: Site, slot: str, expected: Expected) -> list[str]:
    """The exact version, from the slot's files."""
    deployed = await site.version(slot)
    if deployed != expected.version:
        return [f"its files are version {deployed}, expected {expected.version}"]
    return []


async def _wrong_process(site: Site, url: str, expected: Expected) -> list[str]:
    """Major.minor, from the process that really answers."""
    try:
        running = str((await _get(site, f"{url}/ghost/api/admin/site/")).json()["site"]["version"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ["it does not tell its version at /ghost/api/admin/site/"]
    if running != expected.version.rpartition(".")[0]:
        return [f"the process that answers is version {running}, expected {expected.version}"]
    return []


async def _lost_portal(site: Site, url: str, production: str) -> list[str]:
    """Members sign in through the portal script: where production has it, staging must."""
    try:
        here, there = await asyncio.gather(_get(site, url + "/"), _get(site, production + "/"))
    except httpx.HTTPError as error:
        return [f"the front page could not be compared ({in_words(error)})"]
    lost = _PORTAL in there.text and _PORTAL not in here.text
    return ["the front page lost its portal script"] if lost else []


async def _wrong_totals(site: Site, url: str, expected: Expected) -> list[str]:
    wrong = []
    # Ghost keeps posts and pages in one table, and lists them apart.
    for what, total, lists in (
        ("posts", expected.posts, ("posts", "pages")),
        ("members", expected.members, ("members",)),
    ):
        if total is None:
            continue
        try:
            served = sum([await _total(site, url, name) for name in lists])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            wrong.append(f"the staff API does not list {what} (is admin_key still valid?)")
            continue
        if served != total:
            wrong.append(f"it serves {served} {what}, its database holds {total}")
    return wrong


async def _total(site: Site, url: str, what: str) -> int:
    answer = await _get(
        site,
        f"{url}/ghost/api/admin/{what}/",
        params={"limit": "1"},
        headers={"Authorization": f"Ghost {admin_token(site.config.admin_key or '')}"},
    )
    return int(answer.json()["meta"]["pagination"]["total"])


def admin_token(key: str) -> str:
    """A token of five minutes for Ghost's Admin API from a key "id:secret" (secret in hex)."""
    key_id, _, secret = key.partition(":")
    if not key_id or not re.fullmatch(r"[0-9a-fA-F]+", secret) or len(secret) % 2:
        raise ValueError("an Admin API key looks like id:secret")
    now = int(time.time())
    claims = {"iat": now, "exp": now + 300, "aud": "/admin/"}
    return jwt.encode(claims, bytes.fromhex(secret), algorithm="HS256", headers={"kid": key_id})
