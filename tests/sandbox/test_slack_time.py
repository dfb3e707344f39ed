"""What runs out, is counted or comes again: retries over HTTP, triggers, response_urls, tiers, dead sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError

from tests.sandbox.slack_fixtures import Bots, Hands
from tests.sandbox.test_slack_answers import http_manifest

Json = dict[str, Any]
MODAL: Json = {"type": "modal", "title": {"type": "plain_text", "text": "Ask"}, "blocks": []}


class Endpoint:
    """An app's events address that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.asked: asyncio.Queue[tuple[Json, str | None, str | None]] = asyncio.Queue()

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["type"] == "url_verification":
            return web.Response(text=body["challenge"])
        retries = (request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason"))
        await self.asked.put((body, *retries))
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return web.Response(status=status, headers=headers)


@pytest.fixture
async def endpoint(hands: Hands) -> AsyncIterator[Endpoint]:
    """An endpoint, installed as the app's address."""
    found = Endpoint()
    application = web.Application()
    application.router.add_post("/slack/events", found.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await http_manifest(hands, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    yield found
    await runner.cleanup()


async def test_a_refused_event_comes_again_and_says_so(hands: Hands, endpoint: Endpoint) -> None:
    await hands.conditions(event_retry_seconds=[0, 0.05, 0.1])
    endpoint.answers = [(500, {}), (404, {})]
    await hands.types("ann", "@ghostbot hello")
    seen = [await asyncio.wait_for(endpoint.asked.get(), 5) for _ in range(3)]
    assert [attempt for _, attempt, _ in seen] == [None, "1", "2"]
    assert seen[1][2] == "http_error"
    assert len({body["event_id"] for body, _, _ in seen}) == 1


async def test_an_app_can_ask_for_no_retries(hands: Hands, endpoint: Endpoint) -> None:
    await hands.conditions(event_retry_seconds=[0, 0])
    endpoint.answers = [(500, {"X-Slack-No-Retry": "1"})]
    await hands.types("ann", "@ghostbot one")
    await hands.types("ann", "@ghostbot two")
    words = {(await asyncio.wait_for(endpoint.asked.get(), 5))[0]["event"]["text"][-3:] for _ in range(2)}
    assert words == {"one", "two"}
    assert endpoint.asked.empty()


async def test_events_of_strangers_name_their_workspace(hands: Hands, endpoint: Endpoint) -> None:
    await hands.types("eve", "@ghostbot let me in", channel="shared")
    body, _, _ = await asyncio.wait_for(endpoint.asked.get(), 5)
    assert body["is_ext_shared_channel"]
    assert body["team_id"] == hands.addresses["team_id"]
    assert body["event"]["user_team"] != hands.addresses["team_id"]


async def test_a_trigger_lasts_three_seconds(hands: Hands, bots: Bots) -> None:
    await hands.conditions(trigger_seconds=0.05)
    app, triggers = bots.app(), asyncio.Queue[str]()

    @app.command("/ghost")
    async def ghost(ack: Any, body: Json) -> None:
        await ack()
        await triggers.put(body["trigger_id"])

    await bots.connect(app)
    await hands.types("ann", "/ghost")
    trigger = await triggers.get()
    await asyncio.sleep(0.06)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await bots.client().views_open(trigger_id=trigger, view=MODAL)


async def test_a_response_url_lasts_half_an_hour(hands: Hands, bots: Bots) -> None:
    await hands.conditions(response_url_seconds=0)
    app, urls = bots.app(), asyncio.Queue[str]()

    @app.command("/ghost")
    async def ghost(ack: Any, body: Json) -> None:
        await ack()
        await urls.put(body["response_url"])

    await bots.connect(app)
    await hands.types("ann", "/ghost")
    async with (
        aiohttp.ClientSession() as session,
        session.post(await urls.get(), json={"text": "late"}) as answer,
    ):
        assert answer.status == 404
        assert "expired_url" in await answer.text()


async def test_updates_of_all_messages_share_one_limit(bots: Bots) -> None:
    client = bots.client()
    places = [await client.chat_postMessage(channel=f"#{name}", text="x") for name in ("releases", "general")]

    async def many(times: int) -> None:
        for number in range(times):
            place = places[number % 2]
            await client.chat_update(channel=str(place["channel"]), ts=str(place["ts"]), text=f"{number}")

    await many(50)
    with pytest.raises(SlackApiError) as refusal:
        await many(50)
    assert refusal.value.response.status_code == 429
    assert int(refusal.value.response.headers["Retry-After"]) >= 1


async def test_a_dead_socket_is_a_time_out_until_the_app_notices(hands: Hands, bots: Bots) -> None:
    await hands.conditions(ack_seconds=0.1)
    app = bots.app()

    @app.command("/ghost")
    async def ghost(ack: Any) -> None:
        await ack()

    await bots.connect(app)
    await hands.ask("POST", "sockets", do="freeze")
    assert (await hands.types("ann", "/ghost"))["error"] == "operation_timeout"

    async def answered() -> bool:
        return bool((await hands.types("ann", "/ghost"))["ok"])

    # The SDK pings every second here and gives up when no pong comes.
    await hands.eventually(answered, 8)
