"""Connections to many hosts, a pool for each: httpx's own looks at every idle connection before each request."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import cast
from urllib.request import getproxies

import httpx

AT_ONCE = 100
COPIES_AT_ONCE = 40
"""A file that goes from one slot to another takes two of these, and has the first while it waits for the second."""
IDLE_OF_A_HOST = 10
HOSTS_AT_REST = 20
"""So many hosts that nothing is asked of keep connections; a process may have a thousand files open, as a rule."""
REST_SECONDS = 5.0
"""How long a connection is kept that nobody uses."""


@dataclass
class _Pool:
    transport: httpx.AsyncHTTPTransport
    requests: int = 0
    used_at: float = 0.0


class PoolForEachHost(httpx.AsyncBaseTransport):
    """A transport of httpx's: at most `at_once` requests at a time, to however many hosts.

    A host's pool is closed when nothing was asked of it for `REST_SECONDS`, or when more than `HOSTS_AT_REST` are
    at rest: the one that was used longest ago.
    """

    def __init__(self, tls: ssl.SSLContext, at_once: int = AT_ONCE) -> None:
        self._tls = tls
        self._turns = asyncio.Semaphore(at_once)
        self._limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=IDLE_OF_A_HOST, keepalive_expiry=REST_SECONDS
        )
        self._pools: dict[tuple[str, str, int | None], _Pool] = {}  # the one used longest ago first

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._turn(request)
        host = (request.url.scheme, request.url.host, request.url.port)
        pool = self._pools.pop(host, None) or _Pool(
            httpx.AsyncHTTPTransport(verify=self._tls, http2=True, limits=self._limits)
        )
        self._pools[host] = pool
        pool.requests += 1
        try:
            answer = await pool.transport.handle_async_request(request)
        except BaseException:
            await self._over(pool)
            raise
        content = cast(
            "httpx.AsyncByteStream", answer.stream
        )  # as what comes from an asynchronous transport always is
        answer.stream = _Told(content, lambda: self._over(pool))
        return answer

    async def aclose(self) -> None:
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.transport.aclose()

    async def _turn(self, request: httpx.Request) -> None:
        limit = request.extensions.get("timeout", {}).get("pool")
        try:
            async with asyncio.timeout(limit):
                await self._turns.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("", request=request) from error

    async def _over(self, pool: _Pool) -> None:
        """A request to this host is over; what was at rest for too long is closed."""
        self._turns.release()
        pool.requests -= 1
        pool.used_at = now = time.monotonic()
        at_rest = [host for host, one in self._pools.items() if not one.requests]
        too_long = [
            self._pools.pop(host)
            for place, host in enumerate(at_rest)
            if len(at_rest) - place > HOSTS_AT_REST or now - self._pools[host].used_at > REST_SECONDS
        ]
        for one in too_long:
            await one.transport.aclose()


def direct(tls: ssl.SSLContext) -> PoolForEachHost | None:
    """How hosts are reached; None, which leaves it to httpx, where the environment names a proxy."""
    return None if getproxies().keys() & {"http", "https", "all"} else PoolForEachHost(tls)


class _Told(httpx.AsyncByteStream):
    """An answer's content, which tells when it was read or given up."""

    def __init__(self, content: httpx.AsyncByteStream, over: Callable[[], Awaitable[None]]) -> None:
        self._content = content
        self._over: Callable[[], Awaitable[None]] | None = over

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._content)

    async def aclose(self) -> None:
        over, self._over = self._over, None
        try:
            await self._content.aclose()
        finally:
            if over is not None:
                await over()
