"""What a well Ghost answers, and how it tells who it is."""

import asyncio
from urllib.parse import SplitResult, urlsplit
from xml.etree.ElementTree import Element, ParseError  # what defusedxml returns, and raises for broken XML

import httpx
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from release.ghost.admin_api import AdminApi, admin_api
from release.shape import Expected, Page
from release.site import Site
from release.trouble import in_words

_SITEMAP = {
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "image": "http://www.google.com/schemas/sitemap-image/1.1",
}
_PORTAL = "data-ghost="

# What a Ghost answers when it is well, measured on 6.65 (facts about Ghost); others may answer as their own
# production does.
_PAGES = (
    Page("/", "front page", 200),
    Page("/rss/", "feed", 200),
    Page("/sitemap.xml", "sitemap", 200),
    Page("/robots.txt", "robots", 200),
    Page("/ghost/", "admin", 200),
    Page("/members/api/site/", "members' site", 200),
    Page("/members/api/member/", "members' session", 204),
    Page("/ghost/api/admin/users/me/", "staff API without a key", 403),
    Page("/this-page-is-not-there-ghostbot/", "a page that is not there", 404),
)


class GhostPages:
    """A blog's pages, its feed, its admin, and the version that the process tells."""

    front = _PAGES[0]
    probed = ("/", "/rss/", "/robots.txt")

    async def of(self, site: Site, url: str) -> tuple[Page, ...]:
        return _PAGES + await _pages_of_the_sitemap(site, url)

    async def process(self, site: Site, url: str, expected: Expected) -> list[str]:
        """Major.minor, from the process that really answers."""
        where = f"{admin_api(expected.version).path}/site/"
        try:
            running = str((await site.ask(f"{url}{where}")).json()["site"]["version"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return [f"it does not tell its version at {where}"]
        if running != expected.version.rpartition(".")[0]:
            return [f"the process that answers is version {running}, expected {expected.version}"]
        return []

    async def more(self, site: Site, url: str, production: str | None, expected: Expected) -> list[str]:
        wrong = await _lost_portal(site, url, production) if production is not None else []
        if site.config.admin_key:
            wrong += await _wrong_totals(site, url, expected)
        return wrong


async def _pages_of_the_sitemap(site: Site, url: str) -> tuple[Page, ...]:
    """A post and an image, as the site itself lists them; none on an empty blog."""
    try:
        tree = fromstring((await site.ask(url + "/sitemap-posts.xml")).text)
    except (httpx.HTTPError, ParseError, DefusedXmlException):
        return ()
    post, image = (_address(tree, path) for path in (".//s:url/s:loc", ".//image:loc"))
    below = await site.path()
    # A post elsewhere than below the site's path is asked for as it is told, and not found: so it should be.
    found = [Page(post.path.removeprefix(below), "a post", 200, read=True)] if post else []
    # An image on another host (a CDN), or beside the blog, is not this slot's to serve.
    if image and (post is None or image.netloc == post.netloc) and image.path.startswith(f"{below}/"):
        found.append(Page(image.path.removeprefix(below), "an image", 200))
    return tuple(found)


def _address(tree: Element, path: str) -> SplitResult | None:
    """The first address the sitemap gives at `path`. What it says is the blog's own text: only a real path is used."""
    try:
        found = urlsplit((tree.findtext(path, "", _SITEMAP)).strip())
    except ValueError:
        return None
    return found if found.path.startswith("/") else None


async def _lost_portal(site: Site, url: str, production: str) -> list[str]:
    """Members sign in through the portal script: where production has it, staging must."""
    try:
        here, there = await asyncio.gather(site.ask(url + "/"), site.ask(production + "/"))
    except httpx.HTTPError as error:
        return [f"the front page could not be compared ({in_words(error)})"]
    lost = _PORTAL in there.text and _PORTAL not in here.text
    return ["the front page lost its portal script"] if lost else []


async def _wrong_totals(site: Site, url: str, expected: Expected) -> list[str]:
    wrong, api = [], admin_api(expected.version)
    # Ghost keeps posts and pages in one table, and lists them apart.
    for what, total, lists in (
        ("posts", expected.posts, ("posts", "pages")),
        ("members", expected.members, ("members",)),
    ):
        if total is None:
            continue
        try:
            served = sum([await _total(site, url, name, api) for name in lists])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            wrong.append(f"the staff API does not list {what} (is admin_key still valid?)")
            continue
        if served != total:
            wrong.append(f"it serves {served} {what}, its database holds {total}")
    return wrong


async def _total(site: Site, url: str, what: str, api: AdminApi) -> int:
    answer = await site.ask(
        f"{url}{api.path}/{what}/",
        params={"limit": "1"},
        headers={"Authorization": f"Ghost {api.token(site.config.admin_key or '')}"},
    )
    return int(answer.json()["meta"]["pagination"]["total"])
