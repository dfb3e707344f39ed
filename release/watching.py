"""Production after a release went live, asked as its visitors ask: well, or sick for long enough to be believed."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from release.model import Release
from release.shape import Page
from release.site import PRODUCTION, Site

# Besides the front page: enough to notice that the theme, the database or the admin is gone, and little to serve.
PAGES = 5
ASKS = 5
"""How often production is asked within `sick_seconds`: one unlucky answer, or two, are not a sickness."""
PATIENCE = 10.0
"""Seconds until an answer counts as none. A first visitor after a cold start waits long, but no longer than this."""
FRONT = Page("/", "front page", 200)
_GHOSTS_OWN = frozenset({"/", "/ghost/", "/members/api/site/"})


@dataclass(frozen=True)
class Watched:
    """One address, the statuses it may lawfully answer, and whether it is Ghost's own and not an editor's."""

    path: str
    what: str
    lawful: frozenset[str]
    ghosts_own: bool

    def wrong(self, answer: str) -> bool:
        """No answer and an error of the server always are, unless the smoke test found just that.

        People may unpublish a post, change the routes or make the blog private meanwhile: that is no sickness. But
        Ghost's own addresses do not disappear; that the platform answers 403 for them is how a stopped site looks.
        """
        if answer in self.lawful:
            return False
        if not answer.isdigit() or int(answer) >= 500:
            return True
        return self.ghosts_own and int(answer) >= 400


def pages_to_watch(release: Release, front: Page = FRONT) -> tuple[Watched, ...]:
    """The front page and a few of the pages of the smoke test, with what it found lawful."""
    known = {page.path: page for page in release.facts.pages if page.ok and page.staging.isdigit()}
    paths = [front.path, *(path for path in known if path != front.path)][: PAGES + 1]
    # What staging answered when it was tested is what production answers now.
    return tuple(
        Watched(
            path,
            known[path].what if path in known else "front page",
            frozenset({known[path].expected, known[path].staging} if path in known else {str(front.status)}),
            path in _GHOSTS_OWN,
        )
        for path in paths
    )


async def what_is_wrong(site: Site, pages: tuple[Watched, ...]) -> str | None:
    """The first page of production that is wrong, in words; None while all are well."""
    url = await site.url(PRODUCTION)
    answers = await asyncio.gather(*(_answer(site, url + page.path) for page in pages))
    for page, answer in zip(pages, answers, strict=True):
        if page.wrong(answer):
            return f"{page.what} ({urlsplit(page.path).path}) answers {answer}"
    return None


async def _answer(site: Site, url: str) -> str:
    try:
        # The limit of the whole answer: the client's own one is for each part of it.
        async with asyncio.timeout(PATIENCE):
            return str((await site.visitor.get(url, follow_redirects=False, timeout=PATIENCE)).status_code)
    except TimeoutError:
        return f"nothing within {PATIENCE:.0f} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"nothing ({type(error).__name__})"


class Streak:
    """Failures in a row. Sick is what failed every time, `ASKS` times or more, for at least `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: float | None = None
        self._failures = 0
        self.why = ""

    def saw(self, wrong: str | None, began: float | None = None) -> None:
        """One more look at production, which began at this moment of the monotonic clock."""
        if wrong is None:
            self._began, self._failures = None, 0
            return
        if self._began is None:
            self._began = time.monotonic() if began is None else began
        self._failures += 1
        self.why = wrong

    def is_sick(self, now: float | None = None) -> bool:
        moment = time.monotonic() if now is None else now
        return self._began is not None and self._failures >= ASKS and moment - self._began >= self._seconds
