"""A real Bolt app on Socket Mode: commands, clicks, modals, events, and broken connections."""

import asyncio
from typing import Any

from tests.sandbox.slack_fixtures import Bots, Hands

Json = dict[str, Any]
BUTTON: Json = {
    "type": "button",
    "action_id": "go",
    "text": {"type": "plain_text", "text": "Go"},
    "value": "x1",
}
CONFIRM: Json = {
    "title": {"type": "plain_text", "text": "Sure?"},
    "text": {"type": "plain_text", "text": "It goes live."},
    "confirm": {"type": "plain_text", "text": "Yes"},
    "deny": {"type": "plain_text", "text": "No"},
}


def actions(*elements: Json) -> list[Json]:
    return [{"type": "actions", "block_id": "b", "elements": list(elements)}]


async def test_a_command_is_answered_to_one_person_only(hands: Hands, bots: Bots) -> None:
    app = bots.app()

    @app.command("/ghost")
    async def ghost(ack: Any, command: Json) -> None:
        await ack(f"you said {command['text']}")

    await bots.connect(app)
    assert (await hands.types("ann", "/ghost upgrade 5.1 & go"))["ok"]
    message = await hands.sees("you said upgrade 5.1 & go")
    assert message["ephemeral"]
    assert not [one for one in await hands.messages("ben") if "you said" in one["plain"]]


async def test_a_command_carries_what_slack_sends(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()

    @app.command("/ghost")
    async def ghost(ack: Any, command: Json) -> None:
        await ack()
        await heard.put(command)

    await bots.connect(app)
    await hands.types("ann", "/ghost give @ben the #general")
    command = await heard.get()
    ids = hands.addresses
    assert command["text"] == f"give <@{ids['users']['ben']}|ben> the <#{ids['channels']['general']}|general>"
    assert (command["user_id"], command["channel_name"]) == (ids["users"]["ann"], "releases")
    assert command["team_id"] == ids["team_id"]


async def test_a_command_nobody_takes_fails_in_words(hands: Hands) -> None:
    answer = await hands.types("ann", "/ghost status")
    assert answer == {
        "ok": False,
        "error": "dispatch_failed",
        "text": "/ghost failed because the app did not respond",
    }
    assert (await hands.sees("did not respond"))["ephemeral"]


async def test_an_acknowledgement_too_late_is_a_time_out(hands: Hands, bots: Bots) -> None:
    await hands.conditions(ack_seconds=0.1)
    app = bots.app()

    @app.command("/ghost")
    async def ghost(ack: Any) -> None:
        await asyncio.sleep(0.4)
        await ack("late")

    await bots.connect(app)
    assert (await hands.types("ann", "/ghost status"))["error"] == "operation_timeout"
    await hands.sees("operation_timeout")


async def test_commands_in_threads_and_unknown_commands_are_refused(hands: Hands) -> None:
    message = (await hands.types("ann", "hello"))["message"]
    assert not (await hands.types("ann", "/ghost status", thread_ts=message["ts"]))["ok"]
    await hands.sees("/ghost is not supported in threads. Sorry!")
    await hands.types("ann", "/gohst status")
    await hands.sees("/gohst is not a valid command")


async def test_a_click_tells_who_where_and_what(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()

    @app.action("go")
    async def go(ack: Any, body: Json) -> None:
        await ack()
        await heard.put(body)

    await bots.connect(app)
    await bots.client().chat_postMessage(
        channel="#shared", text="t", blocks=actions(BUTTON | {"confirm": CONFIRM})
    )
    message = await hands.sees("Go", channel="shared", button="Go")
    assert await hands.clicks("eve", "Go", message, confirm=False) == {"ok": True, "sent": False}
    assert (await hands.clicks("eve", "Go", message, confirm=True))["sent"]
    body = await heard.get()
    assert body["actions"][0]["value"] == "x1"
    assert body["message"]["ts"] == message["ts"]
    # Slack names our team although eve is of another; only user.team_id tells.
    assert body["team"]["id"] == hands.addresses["team_id"]
    assert body["user"]["team_id"] != hands.addresses["team_id"]


async def test_a_click_while_the_app_is_away_can_be_repeated(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()

    @app.action("go")
    async def go(ack: Any, body: Json) -> None:
        await ack()
        await heard.put(body)

    await bots.client().chat_postMessage(channel="#releases", text="t", blocks=actions(BUTTON))
    message = await hands.sees("Go", button="Go")
    assert (await hands.clicks("ann", "Go", message))["error"] == "dispatch_failed"
    await bots.connect(app)
    assert (await hands.clicks("ann", "Go", message))["sent"]
    assert (await heard.get())["user"]["name"] == "ann"


async def test_a_modal_opens_complains_and_closes(hands: Hands, bots: Bots) -> None:
    app, heard = bots.app(), asyncio.Queue[Json]()
    field: Json = {
        "type": "input",
        "block_id": "why",
        "label": {"type": "plain_text", "text": "Why?"},
        "element": {"type": "plain_text_input", "action_id": "reason"},
    }
    view: Json = {
        "type": "modal",
        "callback_id": "ask",
        "title": {"type": "plain_text", "text": "Reason"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [field],
    }

    @app.command("/ghost")
    async def ghost(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("ask")
    async def asked(ack: Any, body: Json) -> None:
        reason = body["view"]["state"]["values"]["why"]["reason"]["value"]
        if reason == "because":
            await ack(response_action="errors", errors={"why": "Say more."})
            return
        await ack()
        await heard.put({"reason": reason})

    await bots.connect(app)
    await hands.types("ann", "/ghost why")
    modal = await hands.sees_modal("Why?")
    submit = {"as": "ann", "view_id": modal["id"]}
    empty = await hands.ask("POST", "submit", **submit, values={})
    assert empty["errors"] == {"why": "Please complete this required field."}
    short = await hands.ask("POST", "submit", **submit, values={"reason": "because"})
    assert short["errors"] == {"why": "Say more."}
    assert (await hands.ask("POST", "submit", **submit, values={"Why?": "the theme is broken"}))["ok"]
    assert (await heard.get())["reason"] == "the theme is broken"
    assert (await hands.ask("GET", "views?as=ann"))["modals"] == []


async def test_a_mention_not_taken_is_delivered_again(hands: Hands, bots: Bots) -> None:
    await hands.conditions(event_retry_seconds=[0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    await hands.types("ann", "@ghostbot status please")
    app, heard = bots.app(), asyncio.Queue[tuple[Json, Any]]()

    @app.event("app_mention")
    async def mentioned(body: Json, request: Any) -> None:
        await heard.put((body, request.headers.get("x-slack-retry-num")))

    await bots.connect(app)
    body, retry = await asyncio.wait_for(heard.get(), 5)
    assert body["event"]["user"] == hands.addresses["users"]["ann"]
    assert int(retry[0]) > 0
    await hands.types("ann", "@ghostbot again")
    body, retry = await asyncio.wait_for(heard.get(), 5)
    assert retry == ["0"]


async def test_each_delivery_goes_to_one_connection(hands: Hands, bots: Bots) -> None:
    heard: dict[str, list[str]] = {"one": [], "two": []}

    async def connect(name: str) -> None:
        app = bots.app()

        @app.command("/ghost")
        async def ghost(ack: Any, command: Json) -> None:
            heard[name].append(command["text"])
            await ack()

        await bots.connect(app)

    await connect("one")
    await connect("two")
    for number in range(6):
        await hands.types("ann", f"/ghost {number}")
    assert sorted(heard["one"] + heard["two"]) == [str(number) for number in range(6)]
    assert heard["one"]
    assert heard["two"]


async def test_an_app_asked_to_reconnect_is_back_at_once(hands: Hands, bots: Bots) -> None:
    app = bots.app()

    @app.command("/ghost")
    async def ghost(ack: Any) -> None:
        await ack("here")

    await bots.connect(app)
    assert (await hands.ask("POST", "sockets", do="refresh_requested"))["concerned"] == 1

    async def answered() -> bool:
        return bool((await hands.types("ann", "/ghost status"))["ok"])

    await hands.eventually(answered)
    await hands.ask("POST", "sockets", do="drop")
    await hands.eventually(answered)
