"""A local GitHub for tests: what it is told to publish, and how it is told to misbehave."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from release.ghost.release_notes import GhostNotes
from sandbox.github import start


class GitHub:
    """`notes` reads from it as the bot does."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self.http = http
        self._url = url
        self.notes = GhostNotes(http, url)
        self.impatient = GhostNotes(http, url, seconds=0.5)

    async def tells(self, method: str, path: str, **wish: Any) -> Any:  # Any: JSON
        answer = await self.http.request(method, f"{self._url}/_sandbox/{path}", json=wish)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def publishes(self, version: str, body: str) -> None:
        await self.tells("PUT", f"releases/v{version}", body=body)

    async def breaks(self, **how: Any) -> None:
        """The next requests go wrong as told."""
        await self.tells("POST", "faults", **how)

    async def asked_for(self) -> list[str]:
        """The versions that were asked for, in order."""
        told = await self.tells("GET", "requests")
        return [row["path"].rpartition("/v")[2] for row in told["requests"]]


@asynccontextmanager
async def local_github() -> AsyncIterator[GitHub]:
    hub = await start()
    try:
        async with httpx.AsyncClient(timeout=10) as http:
            yield GitHub(http, hub.url)
    finally:
        await hub.stop()
