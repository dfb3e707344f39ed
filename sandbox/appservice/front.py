"""The front end of the sites: routing by port and by host name, holding requests for a site that starts."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from sandbox.appservice.cloud import Cloud
from sandbox.appservice.faults import send
from sandbox.appservice.pages import APPLICATION_ERROR, STOPPED, WELCOME
from sandbox.appservice.site import Site
from sandbox.appservice.slot import Slot
from sandbox.appservice.worker import Worker, WorkerState

_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
_ROUTING_COOKIE = "x-ms-routing-name"
_CHUNK = 1 << 16


class Front:
    """Sends visitors to the process of their slot."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        # A connection a request: no kept-alive connection can be closed by the app just as it is used,
        # and each request belongs to exactly one process, also in the moment of a swap.
        self._client = _client(aiohttp.TCPConnector(limit=0, force_close=True))

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()

    async def handle(self, site: Site, asked: Slot, request: web.Request) -> web.StreamResponse:
        """Answer a visitor of a slot."""
        slot, routed = _route_traffic(site, asked, request)
        if not slot.record.running:
            return _page(403, STOPPED)
        worker = slot.occupant.worker  # taken once: this request stays with this process
        return await self._forward(worker, request, routed)

    async def _forward(self, worker: Worker, request: web.Request, routed: str | None) -> web.StreamResponse:
        deadline = time.monotonic() + self._cloud.options.hold_seconds
        crashes = worker.crashes
        while True:
            if worker.state is WorkerState.EMPTY:
                return _page(200, WELCOME)
            if worker.crashes > crashes:
                return _page(503, APPLICATION_ERROR)
            if time.monotonic() > deadline:
                return _page(503, APPLICATION_ERROR)
            worker.want()
            try:
                with worker.request():
                    async with self._client_of(worker) as client:
                        answer = await self._ask(client, worker, request)
                        return await _pass_on(answer, request, routed)
            except (aiohttp.ClientConnectorError, _NotListening):
                # Not listening (yet): nothing of the request was sent, so it may be tried again.
                await worker.explain_silence()
                await asyncio.sleep(0.02)
            except (aiohttp.ClientError, ConnectionError):
                return _page(502, APPLICATION_ERROR)

    @asynccontextmanager
    async def _client_of(self, worker: Worker) -> AsyncIterator[aiohttp.ClientSession]:
        if worker.pipe is None:
            yield self._client
            return
        async with _client(worker.connector()) as client:
            yield client

    async def _ask(
        self, client: aiohttp.ClientSession, worker: Worker, request: web.Request
    ) -> aiohttp.ClientResponse:
        if not worker.accepts:
            raise _NotListening
        url = URL(f"http://{worker.host}:{worker.port}{request.raw_path}", encoded=True)
        body = request.content.iter_chunked(_CHUNK) if request.can_read_body else None
        return await client.request(
            request.method, url, headers=_forwarded_headers(request), data=body, allow_redirects=False
        )


def _client(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    client = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )
    # aiohttp would send a GET, PUT or DELETE again when the app dies of it; a front end must not.
    client._retry_connection = False
    return client


class _NotListening(Exception):
    """The process is not running at this moment."""


def _route_traffic(site: Site, asked: Slot, request: web.Request) -> tuple[Slot, str | None]:
    """Traffic routing of production: by query, then by cookie, then by the share of rampUpRules.

    Returns the slot and, when a rule decided, the routing name for the cookie.
    """
    rules = (site.production.record.web.get("experiments") or {}).get("rampUpRules") or []
    if not asked.is_production or (not rules and _ROUTING_COOKIE not in request.query):
        return asked, None
    pinned = request.query.get(_ROUTING_COOKIE) or request.cookies.get(_ROUTING_COOKIE)
    if pinned == "self":
        return asked, pinned
    if pinned and pinned in site.slots:
        return site.slots[pinned], pinned
    draw = random.uniform(0, 100)  # noqa: S311 - a share of visitors, no secret
    for rule in rules:
        draw -= float(rule.get("reroutePercentage", 0))
        slot = next((one for one in site.slots.values() if rule.get("name") == one.name), None)
        if slot and draw < 0:
            return slot, slot.name
    return asked, "self"


def _forwarded_headers(request: web.Request) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP
    )
    remote = request.remote or "127.0.0.1"
    before = headers.get("X-Forwarded-For")
    headers["X-Forwarded-For"] = f"{before}, {remote}" if before else remote
    headers["X-Forwarded-Proto"] = request.scheme
    headers.pop("Expect", None)  # aiohttp has answered it
    return headers


async def _pass_on(
    answer: aiohttp.ClientResponse, request: web.Request, routed: str | None
) -> web.StreamResponse:
    async with answer:
        headers = CIMultiDict(
            (name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
        )
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
        if routed:
            response.set_cookie(_ROUTING_COOKIE, routed, path="/")
        try:
            await response.prepare(request)
            if request.method != "HEAD":
                async for chunk in answer.content.iter_any():
                    await send(request, response, chunk)
            await response.write_eof()
        except aiohttp.ClientPayloadError:
            # The app broke off in the middle of its answer: so does the front end, or it would look whole.
            if request.transport:
                request.transport.abort()
        except ConnectionError:
            with contextlib.suppress(ConnectionError):
                answer.close()  # the visitor went away
    return response


def _page(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html")
