"""A local Slack for tests, a person's hands in it, and real Bolt apps that connect to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.app.async_server import AsyncSlackAppServer
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import LocalSlack, start

Json = dict[str, Any]


class Refused(AssertionError):
    """The control API said no."""


class Hands:
    """What people do and see in the workspace, through the control API."""

    def __init__(self, slack: LocalSlack, session: aiohttp.ClientSession) -> None:
        self.addresses = slack.as_json()
        self._session = session

    async def ask(self, verb: str, path: str, **body: Any) -> Json:
        """One call; Refused with the problem when it cannot be done."""
        async with self._session.request(verb, self.addresses["control"] + path, json=body) as answer:
            found: Json = await answer.json()
            if answer.status >= 400:
                raise Refused(found.get("problem", ""), found.get("seen"))
            return found

    async def types(self, who: str, text: str, channel: str = "releases", **more: Any) -> Json:
        return await self.ask("POST", "type", **{"as": who, "channel": channel, "text": text, **more})

    async def clicks(self, who: str, label: str, message: Json, **more: Any) -> Json:
        wish = {"as": who, "channel": message["channel"], "ts": message["ts"], "text": label, **more}
        return await self.ask("POST", "click", **wish)

    async def sees(
        self, contains: str, who: str = "ann", channel: str | None = "releases", **more: Any
    ) -> Json:
        wish = {"as": who, "channel": channel, "contains": contains, "timeout": 5, **more}
        return await self.ask("POST", "wait", **wish)

    async def sees_modal(self, contains: str, who: str = "ann") -> Json:
        return await self.ask(
            "POST", "wait", **{"as": who, "contains": contains, "surface": "view", "timeout": 5}
        )

    async def rejects(self, who: str, card: Json, why: str = "Not today") -> None:
        """Click Reject, and say why."""
        await self.clicks(who, "Reject", card)
        await self.submits(who, "Why not?", why)

    async def submits(self, who: str, question: str, text: str) -> None:
        """Write into the modal that asks this, and send it."""
        view = await self.sees_modal(question, who)
        await self.ask("POST", "submit", **{"as": who, "view_id": view["id"], "values": {"reason": text}})

    async def messages(self, who: str = "ann", channel: str = "releases") -> list[Json]:
        found = await self.ask("GET", f"messages?as={who}&channel={channel}")
        return list(found["messages"])

    async def conditions(self, **changes: Any) -> None:
        await self.ask("PUT", "conditions", **changes)

    async def eventually(self, true: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
        """Wait until something becomes true."""
        async with asyncio.timeout(seconds):
            while not await true():  # noqa: ASYNC110 - the condition is on the other side of HTTP
                await asyncio.sleep(0.01)


class Bots:
    """Starts real Bolt apps against the local Slack and stops them after the test."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._stack = AsyncExitStack()

    def client(self, which: str = "bot_token") -> AsyncWebClient:
        return AsyncWebClient(token=self._hands.addresses[which], base_url=self._hands.addresses["api"])

    def app(self) -> AsyncApp:
        return AsyncApp(client=self.client(), signing_secret=self._hands.addresses["signing_secret"])

    async def connect(self, app: AsyncApp) -> AsyncSocketModeHandler:
        """Connect by Socket Mode; it is closed after the test, or earlier by the test itself."""
        before = (await self._hands.ask("GET", "sockets"))["connections"]
        handler = AsyncSocketModeHandler(
            app, self._hands.addresses["app_token"], web_client=self.client("app_token"), ping_interval=1
        )
        await handler.connect_async()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
        self._stack.push_async_callback(handler.close_async)

        async def connected() -> bool:
            return bool((await self._hands.ask("GET", "sockets"))["connections"] > before)

        await self._hands.eventually(connected)
        return handler

    async def listen(self, app: AsyncApp) -> str:
        """Serve HTTP mode; returns the address for the manifest."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        server = AsyncSlackAppServer(port, path="/slack/events", app=app, host="127.0.0.1")
        runner = web.AppRunner(server.web_app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self._stack.push_async_callback(runner.cleanup)
        return f"http://127.0.0.1:{port}/slack/events"

    async def stop(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def slack(tmp_path: Path) -> AsyncIterator[LocalSlack]:
    """A local Slack on a free port."""
    running = await start(tmp_path / "slack", "127.0.0.1", 0)
    yield running
    await running.stop()


@pytest.fixture
async def hands(slack: LocalSlack) -> AsyncIterator[Hands]:
    """People's hands in it."""
    async with aiohttp.ClientSession() as session:
        yield Hands(slack, session)


@pytest.fixture
async def bots(hands: Hands) -> AsyncIterator[Bots]:
    """Bolt apps for it."""
    started = Bots(hands)
    yield started
    await started.stop()
