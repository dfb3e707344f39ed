"""People in the shop: they look and they order, at a steady pace, and remember every order that was acknowledged."""

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

LOOKED_AT = ("/", "/products", "/health", "/version")
ORDERS_EVERY = 3
"""One request in so many places an order."""
MOST_REQUESTS = 40_000
MOST_SECONDS = 900
ANSWER_SECONDS = 60
AT_ONCE = 20
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class NotHere(Exception):
    """The load is for servers of this machine only."""


@dataclass
class Load:
    """What people met with. `ordered` are the tokens of acknowledged orders, in no particular order."""

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def lost(self, in_database: list[str]) -> list[str]:
        """Acknowledged orders that are not in the database, and those that are in it more than once."""
        found: dict[str, int] = {}
        for token in in_database:
            found[token] = found.get(token, 0) + 1
        return [token for token in self.ordered if found.get(token) != 1]


@asynccontextmanager
async def load_on(url: str, per_second: float = 10) -> AsyncIterator[Load]:
    """People come to the shop for as long as the block lasts, and for a quarter of an hour at most.

    When it ends, everybody has been answered.
    """
    if urlsplit(url).hostname not in _LOOPBACK:
        raise NotHere(url)
    load = Load()
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, trust_env=False) as http:
        coming = asyncio.create_task(_people(http, load, per_second))
        try:
            yield load
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _people(http: httpx.AsyncClient, load: Load, per_second: float) -> None:
    """One after another comes in; nobody waits for the one before, as long as the shop is not full."""
    until = time.monotonic() + MOST_SECONDS
    inside: set[asyncio.Task[None]] = set()
    try:
        for number in itertools.count():
            if number >= MOST_REQUESTS or time.monotonic() > until:
                return
            person = asyncio.create_task(_visit(http, load, number))
            inside.add(person)
            person.add_done_callback(inside.discard)
            await asyncio.sleep(1 / per_second)
            while len(inside) >= AT_ONCE:
                await asyncio.wait(inside, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if inside:
            await asyncio.wait(inside)


async def _visit(http: httpx.AsyncClient, load: Load, number: int) -> None:
    orders = number % ORDERS_EVERY == 0
    token = uuid.uuid4().hex
    path = "/orders" if orders else LOOKED_AT[number % len(LOOKED_AT)]
    began = time.monotonic()
    try:
        if orders:
            answer = await http.post(path, json={"token": token, "product": number % 3 + 1, "quantity": 1})
        else:
            answer = await http.get(path)
    except httpx.HTTPError as error:
        load.failures.append(f"{path}: {type(error).__name__}")
        return
    finally:
        load.requests += 1
        load.slowest = max(load.slowest, time.monotonic() - began)
    if answer.status_code != (201 if orders else 200):
        load.failures.append(f"{path}: HTTP {answer.status_code}")
    elif orders:
        load.ordered.append(token)
    elif path == "/version":
        version = str(answer.json()["version"])
        if version not in load.versions[-1:]:
            load.versions.append(version)
