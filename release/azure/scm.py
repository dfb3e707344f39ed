"""One slot's SCM site over HTTP: what may be sent again is, what acts goes out once, refusals become ours."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from release.azure.errors import ScmRefused, ScmUnreachable, SlotFull
from release.azure.sign_in import SignIn
from release.connections import COPIES_AT_ONCE
from release.masking import masked_start
from release.trouble import in_words

T = TypeVar("T")
PASSING = frozenset({408, 429, 500, 502, 503, 504})
CHUNK = 256 * 1024
# What httpx raises for a call that failed; the last two are no HTTPErrors.
CallFailed = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
# Nothing has been sent yet, so even a call that acts may be made again.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LISTINGS_AT_ONCE = 8
# A conflict that lasts is no passing trouble.
_CONFLICTS = 3


class Scm:
    """The SCM site at `url`. `name` is for people; `patience` in seconds bounds waiting for a recycling site.

    `copies` limits how many files go to other slots at once, over all SCM sites that share `http`.
    """

    def __init__(
        self,
        url: str,
        name: str,
        sign_in: SignIn,
        http: httpx.AsyncClient,
        patience: float = 90,
        copies: asyncio.Semaphore | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self._sign_in = sign_in
        self._http = http
        self._patience = patience
        # A blog has hundreds of folders, and visitors' probes share the client's connections.
        self._listings = asyncio.Semaphore(_LISTINGS_AT_ONCE)
        self._copies = copies or asyncio.Semaphore(COPIES_AT_ONCE)

    def _vfs(self, path: str) -> str:
        # A name that is no UTF-8 is asked for byte by byte, as it was listed.
        return f"{self._url}/api/vfs/{quote(path, errors='surrogateescape')}"

    async def _headers(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        return {"Authorization": await self._sign_in.header(), **(extra or {})}

    async def _repeatable(self, method: str, url: str, **parts: Any) -> httpx.Response:  # Any: httpx's own
        """Send a request that does no harm when it arrives twice, until it is answered or patience ends.

        `content` may be a function that opens a fresh stream for every try.
        """
        open_content = parts.pop("content", None)
        deadline = time.monotonic() + self._patience
        pause = 0.2
        conflicts = 0
        while True:
            wait = 0.0
            try:
                headers = await self._headers(parts.get("headers"))
                content = open_content() if callable(open_content) else open_content
                response = await self._http.request(
                    method, url, **{**parts, "headers": headers, "content": content}
                )
                if time.monotonic() < deadline and await self._another_way_in(response):
                    continue
                self._refused(response, method)
                conflicts += response.status_code == 409
                if response.status_code not in PASSING and (
                    response.status_code != 409 or conflicts == _CONFLICTS
                ):
                    return response
                trouble = f"HTTP {response.status_code}"
                wait = _retry_after(response)
            except CallFailed as error:
                trouble = in_words(error)
            pause = max(pause, wait)
            if time.monotonic() + pause > deadline:
                raise ScmUnreachable(self.name, trouble)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5)

    async def _read(
        self, url: str, read: Callable[[httpx.Response], T], headers: dict[str, str] | None = None
    ) -> T:
        """What `read` makes of the answer to a GET.

        Where it raises ScmUnreachable, as for a page that says the site is starting, it is asked again until
        patience ends.
        """
        deadline = time.monotonic() + self._patience
        while True:
            response = await self._repeatable("GET", url, headers=headers)
            try:
                return read(response)
            except ScmUnreachable:
                if time.monotonic() + 1 > deadline:
                    raise
            await asyncio.sleep(1)

    async def _once(self, method: str, url: str, **parts: Any) -> httpx.Response:  # Any: httpx's own
        """Send a request that acts: it arrives at most once. ScmUnreachable does not tell whether it did."""
        open_content = parts.pop("content", None)
        deadline = time.monotonic() + self._patience
        while True:
            headers = await self._headers(parts.get("headers"))
            content = open_content() if callable(open_content) else open_content
            try:
                response = await self._http.request(
                    method, url, **{**parts, "headers": headers, "content": content}
                )
            except _NOT_SENT as error:
                if time.monotonic() > deadline:
                    raise ScmUnreachable(self.name, in_words(error)) from error
                await asyncio.sleep(1)
                continue
            except CallFailed as error:
                raise ScmUnreachable(self.name, in_words(error)) from error
            if time.monotonic() < deadline and await self._another_way_in(response):
                continue
            self._refused(response, method)
            if response.status_code in PASSING:
                raise ScmUnreachable(self.name, f"HTTP {response.status_code}")
            return response

    async def _another_way_in(self, response: httpx.Response) -> bool:
        """Whether a request was refused for how it signed in, and there is another way: a newer token, a password."""
        if response.status_code not in (401, 403):
            return False
        return await self._sign_in.another(response.request.headers.get("Authorization"))

    @property
    def with_password(self) -> bool:
        """The site lets the bot in by a publishing password only."""
        return self._sign_in.with_password

    def _refused(self, response: httpx.Response, method: str) -> None:
        """Raises for what no repetition cures: no rights, no space."""
        if response.status_code in (401, 403):
            raise ScmRefused(self.name, method, f"HTTP {response.status_code}{self._sign_in.words}")
        if response.status_code < 400:
            return
        told = said(response)
        full = "not enough space" in told.lower() or "no space left" in told.lower()
        if response.status_code == 507 or full:
            raise SlotFull(self.name, told or "HTTP 507")

    def _expect(self, response: httpx.Response, what: str, *statuses: int) -> httpx.Response:
        if response.status_code not in statuses:
            raise ScmRefused(self.name, what, f"HTTP {response.status_code} {said(response)}".strip())
        return response

    def _json(self, response: httpx.Response, what: str) -> Any:  # Any: JSON
        """The JSON of an answer; a page that says the site is starting is not Kudu's answer."""
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise ScmUnreachable(self.name, f"{what} got an answer that is no JSON") from error

    def _unreadable(self, what: str) -> ScmUnreachable:
        return ScmUnreachable(self.name, f"{what} got an answer of another shape than Kudu's")

    async def reachable(self) -> None:
        """Raises ScmUnreachable or ScmRefused; returns when the SCM site answers."""
        self._expect(await self._repeatable("GET", self._vfs("site/")), "listing files", 200, 404)


def said(response: httpx.Response) -> str:
    """What Kudu says of a refusal, one short line; its bodies can be whole pages."""
    try:
        body = response.json()
    except (ValueError, RecursionError, httpx.ResponseNotRead):
        return ""
    if not isinstance(body, dict):
        return ""
    told = (str(body.get(name) or "") for name in ("ExceptionMessage", "Message", "message"))
    lines = next((text for text in told if text), "").splitlines()
    return masked_start(lines[0], 200) if lines else ""


async def chunks(path: Path) -> AsyncIterator[bytes]:
    """A file as a stream, read beside the event loop."""
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


def _retry_after(response: httpx.Response) -> float:
    """Seconds; the form with a date is not used by Kudu."""
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else 0.0
