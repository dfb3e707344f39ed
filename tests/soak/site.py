"""One site of a soak, as it is seen from outside: by its visitors, in its folders, and in Azure's own log."""

import asyncio
import contextlib
import re
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx

from demo.world import World
from release.ghost.admin_api import admin_token

WRITE_EVERY = 0.7  # seconds
BACKUP = re.compile(r"b-\d{8}-\d{6}-[0-9a-f]{4}")


@dataclass(frozen=True)
class Swap:
    """A swap that Azure carried out."""

    at: datetime


@dataclass
class SeenSite:
    """A site with a visitor who keeps writing to it. `written` are the titles that production said it has taken."""

    world: World
    name: str
    key: str
    channel: str
    written: dict[str, datetime] = field(default_factory=dict)
    refused: int = 0
    _events: dict[tuple[str, str, str], None] = field(default_factory=dict)

    async def write(self, stop: asyncio.Event) -> None:
        """Publish one post after another until `stop`; only what is answered 201 counts as written."""
        url = await self.world.url(self.name)
        number = 0
        async with httpx.AsyncClient(timeout=10) as http:
            while not stop.is_set():
                number += 1
                title = f"{self.name} wrote {number}"
                try:
                    answer = await http.post(
                        f"{url}/ghost/api/admin/posts/",
                        params={"source": "html"},
                        json={"posts": [{"title": title, "html": "<p>words</p>", "status": "published"}]},
                        headers={"Authorization": f"Ghost {admin_token(self.key)}"},
                    )
                except httpx.HTTPError:
                    self.refused += 1
                else:
                    if answer.status_code == 201:
                        self.written[title] = datetime.now().astimezone()
                    else:
                        self.refused += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WRITE_EVERY):
                        await stop.wait()

    async def swaps(self) -> list[datetime]:
        """When Azure's routing switched, as its own log says; asked often enough, the log forgets nothing."""
        for event in (await self.world.site(self.name))["events"]:
            self._events[event["time"], event["slot"], event["event"]] = None
        return sorted(
            datetime.fromisoformat(at) for at, _, event in self._events if event == "routing switched"
        )

    async def version(self) -> str:
        return await self.world.version(self.name)

    async def titles(self, slot: str = "production") -> set[str]:
        """The titles in a slot's database."""
        return titles_in(await self.world.wwwroot(self.name, slot) / "content" / "data" / "ghost.db")


def titles_in(database: Path) -> set[str]:
    """The titles of all posts in a database; none where there is no database."""
    if not database.is_file():
        return set()
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        return {row[0] for row in connection.execute("SELECT title FROM posts")}
