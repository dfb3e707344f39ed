"""The release notes of Ghost: from GitHub's API of releases, as plain words.

Whoever may write there writes into our messages, so it is read as foreign text: bounded, one line a change, and
without markup, addresses and signs that nobody sees.
"""

import asyncio
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import httpx

from release.errors import ReleaseError
from release.model.notes import ReleaseNotes

# docs.github.com, REST API, "Getting started": a request without a User-Agent is refused. Uncompressed, so that its
# size is known before it is read.
HEADERS = {
    "Accept": "application/vnd.github+json",
    "Accept-Encoding": "identity",
    "User-Agent": "ghostbot",
}
SECONDS = 5.0
MOST_BYTES = 256_000
MOST_LINES = 2000
LINE = 1000
WORDS = 200
LINES_KEPT = 20
LIMITED_SECONDS = (60.0, 3600.0)

# "Code injection" alone is not among them: it is a feature of Ghost.
_SECURITY = re.compile(
    r"\bsecurity\b|\bCVE-\d|\bGHSA-|\bXSS\b|\bSSRF\b|\bCSRF\b|\bRCE\b|\bvulnerab|\bcross-site\b|\bpath traversal\b"
    r"|\b(?:SQL|HTML|command|script) injection\b|\bprivilege escalation\b|\bauth\w* bypass"
    r"|[\U0001F512\U0001F510\U0001F6E1]",
    re.IGNORECASE,
)
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_RULE = re.compile(r"\s{0,3}([-*_])(\s*\1){2,}\s*$")
_BULLET = re.compile(r"\s*[*+-]\s+")
_HASH = re.compile(r"^(\[?[0-9a-f]{7,40}\]?\s+)")
_LINK = re.compile(r"!?\[([^\[\]]{0,300})\]\([^()\s]{0,500}(\s[^()]{0,100})?\)")
_ADDRESS = re.compile(r"<?(?:[a-z][a-z0-9+.-]{1,15}://|www\.|mailto:)[^\s()<>\[\]]*>?", re.IGNORECASE)
_REFERENCE = re.compile(r"[(\[]\s*(#\d+|[\w./-]+#\d+)?\s*[)\]]")
_MARKS = re.compile(r"[*`~]|(?<!\w)_+|_+(?!\w)")
# "* message - Author" is how Ghost writes them: a name, not half a sentence.
_AUTHOR = re.compile(r"\s-\s(\S+|[A-Z@]\S*(\s\S+){1,3})$")


class NoSuchNotes(ReleaseError):
    problem = "There are no release notes of Ghost {0} yet."
    remedy = "They are read again later."


class NotesUnreachable(ReleaseError):
    problem = "The release notes could not be read: {0}."
    remedy = "Let the bot reach release_notes_url, or leave that empty where links to them are enough."


class NotesLimited(ReleaseError):
    """GitHub takes 60 requests an hour from an address that is not signed in; `args[0]` is for how many seconds."""

    problem = "GitHub answers no more requests of this machine for {0} seconds."
    remedy = "Nothing has to be done: they are read again then."


class GhostNotes:
    """The notes of published versions, read anew by each call."""

    def __init__(self, http: httpx.AsyncClient, url: str, seconds: float = SECONDS) -> None:
        self._http = http
        self._seconds = seconds
        self._url = url.rstrip("/")

    async def of(self, version: str, now: float) -> ReleaseNotes:
        """The notes of this version. Raises NoSuchNotes, NotesUnreachable or NotesLimited; `now` is the time (Unix)."""
        url = f"{self._url}/repos/TryGhost/Ghost/releases/tags/v{version}"
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._http.stream("GET", url, headers=HEADERS, timeout=self._seconds) as answer,
            ):
                _refuse_wrong(answer, version, now)
                text = await _read(answer)
        except TimeoutError as error:
            raise NotesUnreachable(f"no answer within {self._seconds:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotesUnreachable(type(error).__name__) from error
        # In a thread: the longest ones there may be take half a second, and nothing else is to wait for that.
        return await asyncio.to_thread(lambda: read_notes(version, _body(text, version)))


def _refuse_wrong(answer: httpx.Response, version: str, now: float) -> None:
    if answer.status_code == httpx.codes.OK:
        return
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NoSuchNotes(version)
    if answer.status_code in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS):
        seconds = _limited(answer.headers, now)
        if seconds is not None:
            raise NotesLimited(f"{seconds:.0f}")
    raise NotesUnreachable(f"HTTP {answer.status_code}")


def _limited(headers: Mapping[str, str], now: float) -> float | None:
    """For how many seconds nothing is to be asked, where the answer is about the number of requests."""
    least, most = LIMITED_SECONDS
    after = headers.get("retry-after", "")
    if re.fullmatch(r"\d{1,9}", after):
        return min(max(float(after), least), most)
    if headers.get("x-ratelimit-remaining") != "0":
        return None
    reset = headers.get("x-ratelimit-reset", "")
    return min(max(float(reset) - now, least), most) if re.fullmatch(r"\d{1,12}", reset) else most


async def _read(answer: httpx.Response) -> bytes:
    found = bytearray()
    async for part in answer.aiter_raw():
        found += part
        if len(found) > MOST_BYTES:
            raise NotesUnreachable(f"more than {MOST_BYTES:,} bytes")
    return bytes(found)


def _body(text: bytes, version: str) -> str:
    """The notes in GitHub's answer about one release."""
    try:
        told: Any = json.loads(text)  # Any: whatever it says
    except (ValueError, RecursionError) as error:
        raise NotesUnreachable("the answer is no JSON") from error
    if not isinstance(told, dict) or told.get("tag_name") != f"v{version}":
        raise NotesUnreachable(f"the answer is not about {version}")
    body = told.get("body")
    return body if isinstance(body, str) else ""


def read_notes(version: str, body: str) -> ReleaseNotes:
    """The changes that Markdown lists: a bullet each. Prose counts only where it names security."""
    security: dict[str, None] = {}  # in their order, each once
    notable: dict[str, None] = {}
    more = 0
    about_security = False
    for line in (whole[:LINE] for whole in body.splitlines()[:MOST_LINES]):
        if _HEADING.match(line) or _RULE.match(line):
            about_security = _SECURITY.search(line) is not None
            continue
        bullet = _BULLET.match(line)
        text = plain(_AUTHOR.sub("", line[bullet.end() :].rstrip()) if bullet else line)
        if not any(letter.isalnum() for letter in text):
            continue
        if _SECURITY.search(line) or (bullet and about_security):
            security[_without_emoji(text)] = None
        elif bullet and _has_emoji(text):
            notable[text] = None
        elif bullet:
            more += 1
    kept = tuple(security)[:LINES_KEPT], tuple(notable)[:LINES_KEPT]
    left = len(security) + len(notable) - len(kept[0]) - len(kept[1])
    return ReleaseNotes(version, *kept, more + left)


def plain(text: str) -> str:
    """Markdown as words in one line: no marks, addresses, references to issues, or signs that nobody sees."""
    text = "".join(letter if _is_seen(letter) else " " for letter in text)
    text = _ADDRESS.sub("", _LINK.sub(r"\1", text))
    text = _HASH.sub("", _MARKS.sub("", text).strip())
    text = " ".join(_REFERENCE.sub("", text).split()).rstrip(" :")
    return text if len(text) <= WORDS else text[: WORDS - 1].rstrip() + "…"


def _is_seen(letter: str) -> bool:
    """Neither a control sign nor one that turns or hides what follows, nor half a character."""
    return unicodedata.category(letter) not in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def _has_emoji(text: str) -> bool:
    return unicodedata.category(text[0]) == "So"


def _without_emoji(text: str) -> str:
    """Without the sign in front: that it is about security is said in words."""
    while text and (unicodedata.category(text[0]) == "So" or text[0] in "\ufe0e\ufe0f "):
        text = text[1:]
    return text
