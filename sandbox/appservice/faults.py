"""Faults on demand, and the log of every request: what tests use to see and to disturb."""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

Where = Callable[[web.Request], tuple[str, str | None]]
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_BYTES_LEFT = web.RequestKey("bytes_left", int)
_HOSTS = ("arm", "scm", "site", "identity")


class BadFault(Exception):
    """A fault that makes no sense."""


@dataclass
class Fault:
    """What happens to the next `count` requests that match, after `skip` of them were let by.

    With `seconds` it happens to all of them from the first one on, for so long.
    """

    id: int
    method: str = ""
    path: str = ""  # a regular expression, searched in the path with its query
    host: str = ""  # arm, scm, site or identity
    slot: str = ""  # "blog" or "blog/staging"
    count: int = 1
    skip: int = 0
    seconds: float | None = None
    status: int | None = None
    retry_after: int | None = None
    hang: float = 0.0  # seconds
    drop: bool = False
    truncate: int | None = None  # bytes of the real answer's body
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False  # do the work, then answer the fault
    ends_at: float | None = None

    @classmethod
    def from_json(cls, number: int, row: dict[str, Any]) -> "Fault":
        """Read a fault; raises BadFault with what is wrong."""
        unknown = set(row) - {name for name in cls.__dataclass_fields__ if name not in ("id", "ends_at")}
        if unknown:
            raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
        fault = cls(id=number, **row)
        if fault.count < 1 or fault.skip < 0:
            raise BadFault("count is at least 1, skip at least 0")
        try:
            re.compile(fault.path)
        except re.error as error:
            raise BadFault(f"path is not a regular expression: {error}") from error
        if fault.host and fault.host not in _HOSTS:
            raise BadFault(f"host is one of {', '.join(_HOSTS)}")
        if fault.status is None and not fault.hang and not fault.drop and fault.truncate is None:
            raise BadFault("say what happens: status, hang, drop or truncate")
        return fault

    def matches(self, host: str, slot: str | None, request: web.Request) -> bool:
        """Whether this fault is for this request."""
        return (
            self.count > 0
            and self.host in ("", host)
            and self.slot in ("", slot or "")
            and self.method.upper() in ("", request.method)
            and re.search(self.path, request.path_qs) is not None
        )


@dataclass(frozen=True)
class Seen:
    """One request that was answered (status 0: the connection was dropped)."""

    number: int
    time: float
    host: str
    slot: str | None
    method: str
    path: str
    status: int
    seconds: float


class Faults:
    """The faults that wait for their requests, and the requests seen."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.seen: deque[Seen] = deque(maxlen=20_000)
        self._faults = 0
        self._requests = 0

    def add(self, row: dict[str, Any]) -> Fault:
        """Have something go wrong; raises BadFault."""
        self._faults += 1
        fault = Fault.from_json(self._faults, row)
        self.waiting.append(fault)
        return fault

    def as_json(self) -> list[dict[str, Any]]:
        """The faults that still wait."""
        return [asdict(fault) for fault in self.waiting]

    def middleware(self, where: Where) -> Any:
        """For one server; `where` names the host kind and the slot of a request."""

        @web.middleware
        async def disturb(request: web.Request, handler: _Handler) -> web.StreamResponse:
            host, slot = where(request)
            if request.path.startswith("/_sandbox/") and host == "arm":
                return await handler(request)
            began = time.monotonic()
            status = 0
            try:
                fault = self._take(host, slot, request)
                answer = await (_disturbed(fault, request, handler) if fault else handler(request))
                status = answer.status
            except web.HTTPException as error:
                status = error.status
                raise
            else:
                return answer
            finally:
                self._requests += 1
                self.seen.append(
                    Seen(
                        self._requests,
                        time.time(),
                        host,
                        slot,
                        request.method,
                        request.path_qs,
                        status,
                        round(time.monotonic() - began, 4),
                    )
                )

        return disturb

    def _take(self, host: str, slot: str | None, request: web.Request) -> Fault | None:
        now = time.monotonic()
        self.waiting = [fault for fault in self.waiting if fault.ends_at is None or fault.ends_at > now]
        for fault in self.waiting:
            if not fault.matches(host, slot, request):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.seconds is not None:
                fault.ends_at = fault.ends_at or now + fault.seconds
                return fault
            fault.count -= 1
            if not fault.count:
                self.waiting.remove(fault)
            return fault
        return None


async def _disturbed(fault: Fault, request: web.Request, handler: _Handler) -> web.StreamResponse:
    if fault.truncate is not None:
        return await _truncated(request, handler, fault.truncate)
    if fault.hang and not fault.after:
        await asyncio.sleep(fault.hang)
    answer = None
    if fault.after or (fault.status is None and not fault.drop):
        answer = await handler(request)
    if fault.hang and fault.after:
        await asyncio.sleep(fault.hang)
    if fault.drop:
        _drop(request)
        return web.Response(status=500)
    if fault.status is None and answer is not None:
        return answer
    with contextlib.suppress(ConnectionError):
        await request.read()  # an unread body would make aiohttp close the connection
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    kind = "application/json" if fault.body.startswith(("{", "[")) else "text/plain"
    return web.Response(status=fault.status or 500, headers=headers, text=fault.body, content_type=kind)


def _drop(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()


async def _truncated(request: web.Request, handler: _Handler, size: int) -> web.StreamResponse:
    """Let the headers and `size` bytes of the body through, then drop the connection."""
    request[_BYTES_LEFT] = size
    answer = await handler(request)
    if not answer.prepared and isinstance(answer, web.Response):
        body = answer.body if isinstance(answer.body, bytes) else b""
        cut = web.StreamResponse(status=answer.status, headers=answer.headers)
        cut.content_length = len(body)
        await cut.prepare(request)
        await send(request, cut, body)
        return cut
    return answer


async def send(request: web.Request, response: web.StreamResponse, chunk: bytes) -> None:
    """Write a piece of a streamed body: every handler that streams does it here, so that it can be cut off."""
    left = request.get(_BYTES_LEFT)
    if left is None:
        await response.write(chunk)
        return
    request[_BYTES_LEFT] = left - len(chunk)
    if left > 0:
        await response.write(chunk[:left])
    if left <= len(chunk):
        await asyncio.sleep(0.05)  # what was written still has to leave
        _drop(request)
