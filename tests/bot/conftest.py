"""A team in a local Slack with the bot among them: real Bolt, real records, real deliveries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.approvals import Buttons
from bot.door import Door
from bot.home import Home
from bot.http_end import http_end
from bot.identity import People, Roles
from bot.listeners import Listeners
from bot.manifest import manifest
from bot.notices import Notices
from bot.pace import Pace
from bot.posted import client_that_posts_once
from bot.replays import refuse_replays
from bot.threads import Threads, client_of_threads
from release.model import Release
from release.notes import Notes
from release.records import Records, open_records
from release.releases import Releases
from tests.bot.stand_ins import Engine, StandInGhosts, StandInSite
from tests.sandbox.slack_fixtures import Hands, hands, slack

__all__ = ["hands", "slack"]

Json = dict[str, Any]  # Any: what the local Slack tells
MANIFEST = Path(__file__).parents[2] / "manifest.yml"
HASTE = Pace(
    post_burst=100,
    posts_a_second=100,
    update_burst=100,
    updates_a_second=100,
    update_spacing=0.05,
    first_pause=0.05,
)
ROLES = Roles(releasers=("S0RELEASERS",), approvers=("S0APPROVERS",))
IN_BOTH_MODES = pytest.mark.parametrize("team", ["socket", "http"], indirect=True)
"""For tests that hold whichever way Slack reaches the bot."""


@dataclass
class Bot:
    """The Slack side of one bot process."""

    app: AsyncApp
    people: People
    notices: Notices
    threads: Threads
    stop: asyncio.Event
    tasks: list[asyncio.Task[None]]
    disconnect: Callable[[], Awaitable[None]]

    async def ends(self) -> None:
        """Stop in good order."""
        self.stop.set()
        await self.disconnect()
        await asyncio.gather(*self.tasks)


class Team(Hands):
    """What people do and see, and what stands behind the bot."""

    def __init__(self, hands: Hands, records: Records, mode: str = "socket") -> None:
        self.__dict__.update(vars(hands))
        self.records = records
        self.mode = mode
        self.engine = Engine(records)
        self.blog = StandInSite("blog", "6.40.0", "6.39.0")
        self.ghosts = StandInGhosts("6.39.0", "6.40.0", "6.64.0", "6.65.0")
        self.releases = Releases({"blog": self.blog}, records, self.ghosts, self.engine.start)
        self.notes = Notes(records, None)
        self.bots: list[Bot] = []
        self.address = ""

    @property
    def ann(self) -> str:
        return str(self.addresses["users"]["ann"])

    @property
    def ben(self) -> str:
        return str(self.addresses["users"]["ben"])

    @property
    def bot(self) -> Bot:
        return self.bots[-1]

    async def start_bot(self, roles: Roles = ROLES, pace: Pace = HASTE) -> Bot:
        """Put the parts together as bot/app.py does, and be reached as the mode says."""
        if self.mode == "http":
            await self.installs(address=await self.serve_bot(roles, pace))
            return self.bot
        ids = self.addresses
        bot = self._put_together(roles, pace)
        app_client = AsyncWebClient(token=ids["app_token"], base_url=ids["api"])
        socket = AsyncSocketModeHandler(bot.app, ids["app_token"], web_client=app_client, ping_interval=5)
        before = (await self.ask("GET", "sockets"))["connections"]
        bot.disconnect = socket.close_async
        await socket.connect_async()  # type: ignore[no-untyped-call]  # Bolt leaves it untyped

        async def is_connected() -> bool:
            return bool((await self.ask("GET", "sockets"))["connections"] > before)

        await self.eventually(is_connected)
        return bot

    async def serve_bot(self, roles: Roles = ROLES, pace: Pace = HASTE) -> str:
        """Put the parts together, and be reached by HTTP; returns the address for the manifest."""
        bot = self._put_together(roles, pace)
        refuse_replays(bot.app, self.records)
        runner = web.AppRunner(http_end(bot.app, "127.0.0.1", 0), shutdown_timeout=0.1)
        await runner.setup()
        bot.disconnect = runner.cleanup
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        return self.address

    async def installs(self, address: str | None = None, sites: Mapping[str, str] | None = None) -> None:
        """The app is what its manifest says now; over HTTP its address has to prove itself."""
        where = address or (self.address if self.mode == "http" else None)
        told = await self.ask("PUT", "manifest", manifest=manifest(sites=sites, address=where))
        assert told["events_url_verified"] or where is None

    def _put_together(self, roles: Roles, pace: Pace) -> Bot:
        ids = self.addresses
        client = AsyncWebClient(token=ids["bot_token"], base_url=ids["api"])
        app = AsyncApp(client=client, signing_secret=ids["signing_secret"])
        people = People(client, roles)
        once = client_that_posts_once(ids["bot_token"], ids["api"])
        notices = Notices(once, self.releases, self.notes, ids["channels"]["releases"])
        door = Door(people, self.releases)
        buttons = Buttons(door, roles, self.releases, notices, client)
        Listeners(
            door,
            buttons,
            Home(client, people, self.releases, channel=ids["channels"]["releases"]),
            client,
            {"/blog": "blog"},
        ).register(app)
        threads = Threads(
            client_of_threads(ids["bot_token"], ids["api"]), self.records, roles.approvers, pace
        )
        stop = asyncio.Event()
        bot = Bot(app, people, notices, threads, stop, [asyncio.create_task(threads.run(stop))], _nothing)
        self.bots.append(bot)
        return bot

    async def stop_bot(self) -> None:
        """The bot's process ends."""
        await self.bots.pop().ends()

    async def starts_upgrade(self) -> Release:
        """Ann asks for an upgrade of the blog."""
        await self.types("ann", "/ghost upgrade 6.65.0")

        async def begun() -> bool:
            return bool(self.engine.started)

        await self.eventually(begun)
        return self.engine.started[-1]

    async def waits_for_approval(self) -> tuple[Release, Json]:
        """An upgrade that is staged, and its approval card."""
        release = await self.starts_upgrade()
        await self.engine.stages(release.id, "6.40.0", "6.65.0")
        return release, await self.sees("Approve blog", button="Approve")

    async def goes_live(self) -> tuple[Release, Json]:
        """An upgrade that is live, and its result in the channel."""
        release, card = await self.waits_for_approval()
        await self.clicks("ben", "Approve", card, confirm=True)
        await self.sees("You approved", who="ben")
        await self.engine.promotes(release.id, "6.40.0", "6.65.0")
        self.blog.versions = {"production": "6.65.0", "staging": "6.40.0"}
        return release, await self.sees("is live on 6.65.0", button="Rollback")

    async def calls(self, method: str) -> list[Json]:
        return list((await self.ask("GET", f"calls?method={method}"))["calls"])

    async def breaks(self, method: str, **how: Any) -> None:
        """The next calls of a Web API method go wrong as told."""
        await self.ask("POST", "faults", method=method, **how)

    async def audited(self) -> list[str]:
        rows = await self.records.audited()
        return [f"{row.deed.by} {row.deed.what}: {row.deed.outcome}" for row in rows]


async def _nothing() -> None:
    """How a bot disconnects that never connected."""


@pytest.fixture
async def team(request: pytest.FixtureRequest, hands: Hands, tmp_path: Path) -> AsyncIterator[Team]:
    """A bot that serves the blog, in a workspace where the app is installed from manifest.yml."""
    records = open_records(f"sqlite:///{tmp_path}/records.db")
    await hands.ask("PUT", "manifest", manifest=MANIFEST.read_text())
    await hands.conditions(rate_limits="off")
    team = Team(hands, records, getattr(request, "param", "socket"))
    await team.start_bot()
    yield team
    for bot in team.bots:
        await bot.ends()
    records.close()
