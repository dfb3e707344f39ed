"""Whether a swap's warm-up finds the app: asked as Azure asks, and held against what Azure is told to take for warm.

Before it swaps, Azure asks the staging slot over plain http from inside and takes any answer for warm, unless
WEBSITE_SWAP_WARMUP_PING_STATUSES says which ones. An app that sends plain http to https answers without having done
any work, is swapped in, and starts cold in production: a minute of waiting where it could have been 1 to 3 s.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import httpx

from release.errors import ReleaseError
from release.site import PRODUCTION, Site, path_of

log = logging.getLogger(__name__)

WARM_UP_PATH = "WEBSITE_SWAP_WARMUP_PING_PATH"
WARM_UP_STATUSES = "WEBSITE_SWAP_WARMUP_PING_STATUSES"

ANSWER_SECONDS = 20
_USER_AGENT = "SiteWarmup"
_HOST = "localhost"
# Where the SCM container of App Service for Linux finds the app's, as Kudu itself does for its web SSH.
_APP = "$(cut -d: -f1 /appsvctmp/ipaddr_$WEBSITE_ROLE_INSTANCE_ID)"
_PORT_OF_CODE, _PORT_OF_CONTAINERS = "8080", "80"
_TOLD = re.compile(r"(\d{3}),(\S*?),(\S*)")
COLD = "which then starts cold in production: its first visitor waits a minute instead of 1 to 3 s"


@dataclass(frozen=True)
class Answered:
    """What the app answered at the warm-up's path. `location` is where a redirect leads, without its query.

    From inside it was asked exactly as Azure asks. From outside the front end adds `X-Forwarded-Proto: http`, which
    the warm-up does not have.
    """

    path: str
    status: int
    location: str = ""
    inside: bool = True

    @property
    def in_words(self) -> str:
        return f"{self.status} to {self.location}" if self.location else str(self.status)


async def warm_up_findings(site: Site) -> tuple[str, ...]:
    """What is wrong with how Azure will decide that the next swap's app is warm, one sentence a slot, with the cure.

    A slot that is stopped, or cannot be asked, is judged by its settings.
    """
    return tuple(
        found for found in await asyncio.gather(*(_finding(site, slot) for slot in _slots(site))) if found
    )


def _slots(site: Site) -> tuple[str, ...]:
    # Production too: the app in it is mostly built alike, and staging is stopped between releases.
    return PRODUCTION, site.staging


async def _finding(site: Site, slot: str) -> str | None:
    settings = await site.app.settings(slot)
    found = judged(settings, await answer_to_warm_up(site, slot, settings))
    return f"{slot}: {found}" if found else None


async def answer_to_warm_up(
    site: Site, slot: str, settings: Mapping[str, str] | None = None
) -> Answered | None:
    """What the slot answers to a request like the warm-up's; None where it is stopped or cannot be asked so.

    Changes nothing, and no failure of it is one of a release.
    """
    try:
        found = await site.app.slot(slot)
        if not found.running:
            return None
        settings = await site.app.settings(slot) if settings is None else settings
        path = "/" + settings.get(WARM_UP_PATH, "").lstrip("/")
        usual = _PORT_OF_CONTAINERS if found.container else _PORT_OF_CODE
        port = settings.get("WEBSITES_PORT") or usual
        answered = await _from_inside(site, slot, path, port) if found.linux and port.isdecimal() else None
        # With httpsOnly it is App Service that answers from outside, and not the app.
        if answered is None and not found.https_only:
            answered = await _from_outside(site, slot, path)
    except (ReleaseError, httpx.HTTPError, httpx.InvalidURL) as error:
        log.info(
            "the warm-up could not be tried", extra={"slot": site.app.called(slot), "problem": str(error)}
        )
        return None
    return answered


async def _from_inside(site: Site, slot: str, path: str, port: str) -> Answered | None:
    line = (
        f"curl --silent --output /dev/null --max-time {ANSWER_SECONDS} --user-agent {_USER_AGENT} "
        f"--header Host:{_HOST} --write-out %{{http_code}},%{{url_effective}},%{{redirect_url}} "
        f"http://{_APP}:{port}{quote(path, safe='/?=%~')}"
    )
    try:
        written = await (await site.kudu(slot)).output_of(line, ANSWER_SECONDS + 10)
    except ReleaseError as error:
        log.info("not asked from inside", extra={"slot": site.app.called(slot), "problem": str(error)})
        return None
    told = _TOLD.match((written or "").strip())
    if told is None or told[1] == "000":
        return None
    asked, location = urlsplit(told[2]), told[3]
    # curl makes a whole address of a redirect to a path, with the one that it asked.
    location = location.removeprefix(f"{asked.scheme}://{asked.netloc}")
    return Answered(path, int(told[1]), _without_query(location))


async def _from_outside(site: Site, slot: str, path: str) -> Answered:
    plain = "http://" + (await site.origin(slot)).partition("://")[2]
    answer = await site.visitor.get(
        plain + path, follow_redirects=False, timeout=ANSWER_SECONDS, headers={"User-Agent": _USER_AGENT}
    )
    location = answer.headers.get("Location", "") if answer.is_redirect else ""
    return Answered(path, answer.status_code, _without_query(location), inside=False)


def _without_query(location: str) -> str:
    """An address for people to see; what follows the `?` can be a secret."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    return parts._replace(query="", fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl()


def judged(settings: Mapping[str, str], answered: Answered | None) -> str | None:
    """What is wrong with these settings for an app that answers so, and the cure; None where all is well."""
    listed = settings.get(WARM_UP_STATUSES, "")
    statuses = {int(one) for one in re.findall(r"\d+", listed)}
    if answered is None:
        return _by_settings(statuses, listed, settings.get("url", ""))
    if answered.status < 300:
        return _well(statuses, listed, answered)
    if answered.status < 400 and answered.status in statuses:
        return None  # somebody has said that this app is warm when it answers so
    how = "plain http from inside" if answered.inside else "plain http, asked from outside"
    asked = f"it answers a swap's warm-up ({how}, {answered.path}) with {answered.in_words}"
    if statuses and answered.status not in statuses:
        ends = f"{WARM_UP_STATUSES}={listed} does not take that, so a swap would wait in vain and fail"
    else:
        ends = f"Azure takes that for warm and swaps in an app that has done no work, {COLD}"
    return f"{asked}. {ends}. {_cure(answered)}"


def _cure(answered: Answered) -> str:
    health = f"set {WARM_UP_PATH} to a path that answers 200 over plain http, and {WARM_UP_STATUSES}=200"
    if answered.status >= 400:
        return f"{health[0].upper()}{health[1:]}."
    to = urlsplit(answered.location)
    only_started = (
        f"where it answers so only once it has started, {WARM_UP_STATUSES}=200,{answered.status} is enough"
    )
    if to.scheme == "https":
        cures = [
            "let the app send to https only what says `X-Forwarded-Proto: http` (the warm-up has no such header; "
            "HTTPS Only in Azure does the same for visitors)",
            "except 127.0.0.1 and ::1 in it",
            health,
            only_started,
        ]
        if not answered.inside:
            cures.insert(
                0, "if the app already lets through what has no `X-Forwarded-Proto`, nothing is to do"
            )
    elif to.netloc and to.hostname != _HOST:
        cures = ["except 127.0.0.1 and ::1 from the app's change of host", health, only_started]
    else:
        cures = [f"set {WARM_UP_PATH}={to.path or '/'} and {WARM_UP_STATUSES}=200", only_started]
    return f"One of these cures it: {'; '.join(f'({n}) {cure}' for n, cure in enumerate(cures, 1))}."


def _well(statuses: set[int], listed: str, answered: Answered) -> str | None:
    good = f"Set {WARM_UP_PATH}={answered.path} and {WARM_UP_STATUSES}={answered.status}."
    if not statuses:
        return f"{WARM_UP_STATUSES} is not set, so Azure takes any answer for warm, even a 503. {good}"
    if any(status >= 400 for status in statuses):
        return f"{WARM_UP_STATUSES}={listed} takes an error for warm. {good}"
    if answered.status not in statuses:
        return (
            f"it answers a swap's warm-up with {answered.status}, and {WARM_UP_STATUSES}={listed} does not take that: "
            f"a swap would wait in vain and fail. {good}"
        )
    if any(300 <= status < 400 for status in statuses):
        return (
            f"{WARM_UP_STATUSES}={listed} takes a redirect for warm, and the app does not need that. {good}"
        )
    return None


def _by_settings(statuses: set[int], listed: str, url: str) -> str | None:
    """The same for an app that could not be asked; one that is told its address in `url` sends plain http to it."""
    secure = url.startswith("https://")
    good = "200,301" if secure else "200"
    if not statuses:
        return (
            f"{WARM_UP_STATUSES} is not set, so Azure takes any answer for warm, even a 503. "
            f"Set {WARM_UP_PATH}={path_of(url)}/ and {WARM_UP_STATUSES}={good}."
        )
    if any(status >= 400 for status in statuses):
        return f"{WARM_UP_STATUSES}={listed} takes an error for warm. Set it to {good}."
    redirects = {status for status in statuses if 300 <= status < 400}
    if redirects and url.startswith("http://"):
        return f"{WARM_UP_STATUSES}={listed} takes a redirect for warm. Set it to {good}."
    if secure and 301 not in redirects:
        return (
            f"{WARM_UP_STATUSES}={listed}, but an app with the url {url} answers Azure's warm-up (plain http) "
            f"with 301 only, so a swap would wait in vain and fail. Set it to {good}."
        )
    return None
