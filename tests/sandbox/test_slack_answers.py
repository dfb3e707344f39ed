"""HTTP mode, response_urls, App Home, and what the control API refuses."""

import asyncio
import copy
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.sandbox.slack_fixtures import Bots, Hands, Refused
from tests.sandbox.test_slack_socket_mode import BUTTON, actions

Json = dict[str, Any]


async def http_manifest(hands: Hands, url: str) -> Json:
    manifest: Json = (await hands.ask("GET", "manifest"))["manifest"]
    manifest["settings"]["socket_mode_enabled"] = False
    manifest["settings"]["interactivity"]["request_url"] = url
    manifest["settings"]["event_subscriptions"]["request_url"] = url
    manifest["features"]["slash_commands"][0]["url"] = url
    return await hands.ask("PUT", "manifest", manifest=manifest)


async def test_signed_requests_reach_an_app_in_http_mode(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()

    @app.command("/ghost")
    async def ghost(ack: Any, command: Json) -> None:
        await ack(f"heard {command['text']}")

    @app.action("go")
    async def go(ack: Any, body: Json, request: Any) -> None:
        await ack()
        await heard.put(
            {"action": body["actions"][0]["action_id"], "retry": request.headers.get("x-slack-retry-num")}
        )

    @app.event("app_mention")
    async def mentioned(event: Json, request: Any) -> None:
        await heard.put({"event": event["text"], "retry": request.headers.get("x-slack-retry-num")})

    assert (await http_manifest(hands, await bots.listen(app)))["events_url_verified"]
    await hands.types("ann", "/ghost status")
    await hands.sees("heard status")
    await bots.client().chat_postMessage(channel="#releases", text="t", blocks=actions(BUTTON))
    await hands.clicks("ann", "Go", await hands.sees("Go", button="Go"))
    assert await heard.get() == {"action": "go", "retry": None}
    await hands.types("ann", "hello @ghostbot")
    found = await asyncio.wait_for(heard.get(), 5)
    assert found["retry"] is None
    assert found["event"].startswith("hello <@")


async def test_a_wrong_secret_is_a_failed_command(hands: Hands, bots: Bots) -> None:
    app = bots.app()
    url = await bots.listen(app)
    await http_manifest(hands, url)
    # Nothing is registered for the command, so Bolt answers 404.
    assert (await hands.types("ann", "/ghost status"))["error"] == "dispatch_failed"
    async with aiohttp.ClientSession() as session, session.post(url, data="command=/ghost") as answer:
        assert answer.status == 401


async def test_a_response_url_works_five_times(hands: Hands, bots: Bots) -> None:
    app, urls = bots.app(), asyncio.Queue[str]()

    @app.command("/ghost")
    async def ghost(ack: Any, command: Json) -> None:
        await ack()
        await urls.put(command["response_url"])

    await bots.connect(app)
    await hands.types("ann", "/ghost status")
    url = await urls.get()
    async with aiohttp.ClientSession() as session:

        async def answer(**body: Any) -> tuple[int, str]:
            async with session.post(url, json=body) as got:
                return got.status, await got.text()

        assert (await answer(blocks=[{"type": "banner"}]))[0] == 400
        assert await answer(text="working") == (200, "ok")
        assert await answer(text="done", replace_original=True) == (200, "ok")
        assert [one["plain"] for one in await hands.messages()] == ["done"]
        assert (await answer(text="for all", response_type="in_channel"))[0] == 200
        seen = [one["plain"] for one in await hands.messages("ben")]
        assert seen == ["/ghost status", "for all"]
        assert (await answer(delete_original=True))[0] == 200
        assert "done" not in [one["plain"] for one in await hands.messages()]
        assert (await answer(text="fifth"))[0] == 200
        status, text = await answer(text="sixth")
        assert status == 404
        assert "used_url" in text


async def test_a_home_tab_is_published_and_clicked(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()

    @app.event("app_home_opened")
    async def opened(event: Json, client: Any) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": actions(BUTTON)})

    @app.action("go")
    async def go(ack: Any, body: Json) -> None:
        await ack()
        await heard.put(body)

    await bots.connect(app)
    await hands.ask("POST", "home", **{"as": "ann", "tab": "home"})
    await hands.ask("POST", "wait", **{"as": "ann", "surface": "home", "button": "Go", "timeout": 5})
    await hands.ask("POST", "click", **{"as": "ann", "home": True, "text": "Go"})
    body = await heard.get()
    assert body["container"]["type"] == "view"
    assert body["view"]["type"] == "home"


async def test_an_ephemeral_message_is_clicked_and_replaced(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()

    @app.action("go")
    async def go(ack: Any, body: Json, respond: Any) -> None:
        await ack()
        await respond("gone", replace_original=True)
        await heard.put(body)

    await bots.connect(app)
    ids = hands.addresses
    await bots.client().chat_postEphemeral(
        channel=ids["channels"]["releases"], user=ids["users"]["ann"], text="t", blocks=actions(BUTTON)
    )
    message = await hands.sees("Go", button="Go")
    with pytest.raises(Refused, match="sees no such message"):
        await hands.clicks("ben", "Go", message)
    await hands.clicks("ann", "Go", message)
    body = await heard.get()
    assert "message" not in body
    assert body["container"]["is_ephemeral"]
    await hands.sees("gone")


async def test_a_direct_message_reaches_the_app(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()

    @app.event("message")
    async def message(event: Json) -> None:
        await heard.put(event)

    await bots.connect(app)
    await hands.types("ben", "psst", channel="@ghostbot")
    event = await asyncio.wait_for(heard.get(), 5)
    assert (event["channel_type"], event["text"]) == ("im", "psst")
    # The app's own words come back as an event, too; Bolt keeps them from listeners.
    await bots.client().chat_postMessage(channel=event["user"], text="yes?")
    await hands.sees("yes?", who="ben", channel="@ghostbot")
    await hands.types("ben", "nothing", channel="@ghostbot")
    assert (await asyncio.wait_for(heard.get(), 5))["text"] == "nothing"


async def test_a_manifest_is_taken_as_yaml_and_decides_what_works(hands: Hands, bots: Bots) -> None:
    yaml = "display_information: {name: other}\nfeatures:\n  slash_commands:\n    - {command: /other, description: x}\n"
    yaml += "oauth_config: {scopes: {bot: [commands]}}\nsettings: {socket_mode_enabled: true}\n"
    address = hands.addresses["control"] + "manifest"
    async with aiohttp.ClientSession() as session:
        async with session.put(address, data=yaml) as answer:
            assert (await answer.json())["name"] == "other"
        async with session.put(address, data="features: [") as answer:
            assert answer.status == 400
            assert "neither JSON nor YAML" in (await answer.json())["problem"]
    await hands.types("ann", "/ghost status")
    await hands.sees("/ghost is not a valid command")
    assert (await hands.types("ann", "/other"))["error"] == "dispatch_failed"
    with pytest.raises(SlackApiError, match="not_enabled"):
        await bots.client().views_publish(user_id="U0ANN000001", view={"type": "home", "blocks": []})


async def test_modals_are_pushed_updated_and_cleared_by_acknowledgements(hands: Hands, bots: Bots) -> None:
    app = bots.app()

    def view(title: str) -> Json:
        words = {"type": "plain_text", "text": title}
        return {"type": "modal", "callback_id": "v", "title": words, "submit": words, "blocks": []}

    @app.command("/ghost")
    async def ghost(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view("one"))
        with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
            await client.views_open(trigger_id=body["trigger_id"], view=view("one"))

    @app.view("v")
    async def submitted(ack: Any, body: Json) -> None:
        title = body["view"]["title"]["text"]
        if title == "one":
            await ack(response_action="update", view=view("two"))
        elif title == "two":
            await ack(response_action="push", view=view("three"))
        else:
            await ack(response_action="clear")

    await bots.connect(app)
    await hands.types("ann", "/ghost")
    for title, depth in (("one", 1), ("two", 1), ("three", 2)):
        shown = await hands.sees_modal(title)
        assert len((await hands.ask("GET", "views?as=ann"))["modals"]) == depth
        assert (await hands.ask("POST", "submit", **{"as": "ann", "view_id": shown["id"]}))["ok"]
    assert (await hands.ask("GET", "views?as=ann"))["modals"] == []


async def test_an_eleventh_connection_is_one_too_many(hands: Hands, bots: Bots) -> None:
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        for number in range(11):
            opened = await bots.client("app_token").apps_connections_open(
                app_token=hands.addresses["app_token"]
            )
            socket = await stack.enter_async_context(session.ws_connect(str(opened["url"])))
            hello = await socket.receive_json()
            if number < 10:
                assert (hello["type"], hello["num_connections"]) == ("hello", number + 1)
            else:
                assert (hello["type"], hello["reason"]) == ("disconnect", "too_many_websockets")


@pytest.mark.parametrize(
    ("place", "name", "length"),
    [
        (("display_information",), "name", 36),
        (("display_information",), "description", 141),
        (("display_information",), "long_description", 174),
        (("features", "bot_user"), "display_name", 81),
        (("features", "slash_commands", 0), "usage_hint", 1001),
    ],
)
async def test_a_manifest_with_more_words_than_slack_takes_is_refused(
    hands: Hands, place: tuple[str | int, ...], name: str, length: int
) -> None:
    before = (await hands.ask("GET", "manifest"))["manifest"]
    changed = copy.deepcopy(before)
    part = changed
    for key in place:
        part = part[key]
    part[name] = "x" * length
    with pytest.raises(Refused, match=f"{name}.* has {length} characters"):
        await hands.ask("PUT", "manifest", manifest=changed)
    assert (await hands.ask("GET", "manifest"))["manifest"] == before


async def test_a_redelivered_command_arrives_twice(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[str]()

    @app.command("/ghost")
    async def ghost(ack: Any, command: Json) -> None:
        await ack()
        await heard.put(command["trigger_id"])

    await bots.connect(app)
    await hands.types("ann", "/ghost status")
    assert (await hands.ask("POST", "redeliver"))["ok"]
    assert await heard.get() == await heard.get()


async def test_people_can_do_only_what_they_may(hands: Hands) -> None:
    with pytest.raises(Refused, match="deactivated"):
        await hands.types("dora", "hello")
    with pytest.raises(Refused, match="cannot see"):
        await hands.types("gus", "hello", channel="releases")
    with pytest.raises(Refused, match="cannot see"):
        await hands.types("ben", "hello", channel="secrets")
    with pytest.raises(Refused, match="has to join"):
        await hands.types("cleo", "hello", channel="random")
    await hands.ask("POST", "join", **{"as": "cleo", "channel": "random"})
    await hands.types("cleo", "hello", channel="random")
    with pytest.raises(Refused, match="nobody called"):
        await hands.types("zoe", "hello")
    with pytest.raises(Refused, match="Nothing like that"):
        await hands.sees("something else", timeout=0.1)
    with pytest.raises(Refused, match="Nothing like that"):
        await hands.sees("hello", channel="random", who="cleo", without="hello", timeout=0.1)
    await hands.sees("hello", channel="random", who="cleo", without="hell")


async def test_foreign_pages_cannot_drive_the_workspace(hands: Hands) -> None:
    address = hands.addresses["control"] + "type"
    body = {"as": "ann", "channel": "releases", "text": "hello"}
    foreign = ({"Origin": "https://evil.example"}, {"Host": "evil.example"})
    for headers in foreign:
        async with (
            aiohttp.ClientSession() as session,
            session.post(address, json=body, headers=headers) as answer,
        ):
            assert answer.status == 403
    assert await hands.messages() == []


async def test_terminals_can_follow_what_happens(hands: Hands) -> None:
    after = (await hands.ask("GET", "messages?as=ann"))["last"]
    await hands.types("ann", "hello <b>")
    found = await hands.ask("GET", f"events?after={after}&wait=5")
    assert [one["message"]["text"] for one in found["events"] if one["type"] == "message"] == [
        "hello &lt;b&gt;"
    ]
