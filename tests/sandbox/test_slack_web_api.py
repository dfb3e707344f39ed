"""The Web API through the real SDK: what it refuses, and how."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.slack import start
from tests.sandbox.slack_fixtures import Bots, Hands

Json = dict[str, Any]


def text(words: str, kind: str = "plain_text") -> Json:
    return {"type": kind, "text": words}


def section(words: str) -> Json:
    return {"type": "section", "text": text(words, "mrkdwn")}


def button(words: str = "Go", **more: Any) -> Json:
    return {"type": "button", "text": text(words), **more}


def row(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def task(task_id: str = "1", **more: Any) -> Json:
    return {"type": "task_card", "task_id": task_id, "title": "Back up", "status": "pending", **more}


TABLE: Json = {"type": "table", "rows": [[{"type": "raw_text", "text": "posts"}]]}
PLAN: Json = {"type": "plan", "title": "Upgrade", "tasks": [task()]}
WRONG: dict[str, tuple[list[Json], str]] = {
    "too many blocks": ([section("x")] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "long section": (
        [section("x" * 3001)],
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    "empty text": ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "no text": ([{"type": "section"}], "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    "odd verbatim": (
        [{"type": "context", "elements": [{**text("x", "mrkdwn"), "verbatim": "yes"}]}],
        "must provide a boolean [json-pointer:/blocks/0/elements/0/verbatim]",
    ),
    "many fields": ([{"type": "section", "fields": [text("x")] * 11}], "no more than 10 items allowed"),
    "long header": ([{"type": "header", "text": text("x" * 151)}], "must be less than 151 characters"),
    "mrkdwn header": ([{"type": "header", "text": text("x", "mrkdwn")}], "json-pointer:/blocks/0/text/type"),
    "many buttons": (
        [row(*[button()] * 26)],
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "long button": ([row(button("x" * 76))], "must be less than 76 characters"),
    "long value": ([row(button(value="x" * 2001))], "must be less than 2001 characters"),
    "wrong style": ([row(button(style="green"))], "must be one of: primary, danger"),
    "wrong url": ([row(button(url="javascript:x"))], "invalid url"),
    "same action_id": ([row(button(action_id="a"), button(action_id="a"))], "duplicate action_id: a"),
    "same block_id": ([section("x") | {"block_id": "b"}] * 2, "duplicate block_id: b"),
    "long block_id": ([section("x") | {"block_id": "b" * 256}], "must be less than 256 characters"),
    "unknown block": ([{"type": "banner"}], "unsupported type: banner [json-pointer:/blocks/0/type]"),
    "unknown key": ([section("x") | {"colour": "red"}], "invalid additional property: colour"),
    "alert in a message": ([{"type": "alert", "text": text("x")}], "unsupported type: alert"),
    "two tables": ([TABLE, TABLE], "only_one_table_allowed"),
    "plan and task": ([PLAN, task("2")], "cannot be mixed"),
    "unknown state": ([task(status="done")], "must be one of: pending, in_progress, complete, error"),
    "same task twice": ([PLAN | {"tasks": [task(), task()]}], "duplicate task_id: 1"),
    "long markdown": ([{"type": "markdown", "text": "x" * 12_001}], "must be less than 12001 characters"),
    "much markdown": ([{"type": "markdown", "text": "x" * 7_000}] * 2, "in total"),
    "many context parts": (
        [{"type": "context", "elements": [text("x")] * 11}],
        "no more than 10 items allowed",
    ),
    "picture of nothing": ([{"type": "image", "alt_text": "x"}], "either `image_url` or `slack_file`"),
    "unknown file": ([{"type": "image", "alt_text": "x", "slack_file": {"id": "F1"}}], "invalid slack file"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_wrong_blocks_are_refused_with_the_place(bots: Bots, name: str) -> None:
    blocks, message = WRONG[name]
    with pytest.raises(SlackApiError) as refusal:
        await bots.client().chat_postMessage(channel="#releases", text="t", blocks=blocks)
    answer = refusal.value.response
    assert answer["error"] == "invalid_blocks"
    assert any(message in one for one in answer["response_metadata"]["messages"])


async def test_all_kinds_of_message_blocks_are_taken(hands: Hands, bots: Bots) -> None:
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "r"}]}],
    }
    confirm = {
        "title": text("Sure?"),
        "text": text("x", "mrkdwn"),
        "confirm": text("Yes"),
        "deny": text("No"),
    }
    option = {"text": text("One"), "value": "1"}
    blocks = [
        {"type": "header", "text": text("Upgrade")},
        section("*bold*") | {"accessory": {"type": "overflow", "action_id": "o", "options": [option]}},
        PLAN
        | {
            "tasks": [
                task(details=rich, output=rich, sources=[{"type": "url", "url": "https://x.y", "text": "s"}])
            ]
        },
        TABLE,
        {"type": "markdown", "text": "# Title"},
        {"type": "divider"},
        {"type": "context", "elements": [text("small")]},
        row(button(confirm=confirm), {"type": "static_select", "action_id": "s", "options": [option]}),
        {"type": "card", "title": text("Card", "mrkdwn"), "actions": [button()]},
        rich,
    ]
    await bots.client().chat_postMessage(channel="#releases", text="t", blocks=blocks)
    message = await hands.sees("Upgrade")
    assert [control["type"] for control in message["buttons"]] == [
        "overflow",
        "button",
        "static_select",
        "button",
    ]
    assert all(block["block_id"] for block in message["blocks"])


async def refusal_of(client: AsyncWebClient, method: str, **arguments: Any) -> Json:
    with pytest.raises(SlackApiError) as refusal:
        await client.api_call(method, json=arguments)
    data = refusal.value.response.data
    assert isinstance(data, dict)
    return data


async def test_posting_where_one_may_not(hands: Hands, bots: Bots) -> None:
    client, channels = bots.client(), hands.addresses["channels"]
    post = "chat.postMessage"
    assert (await refusal_of(client, post, channel="nowhere", text="x"))["error"] == "channel_not_found"
    assert (await refusal_of(client, post, channel=channels["secrets"], text="x"))[
        "error"
    ] == "channel_not_found"
    assert (await refusal_of(client, post, channel=channels["releases"], text=" "))["error"] == "no_text"
    assert (await refusal_of(client, post, channel=channels["releases"], blocks="{"))[
        "error"
    ] == "invalid_blocks_format"
    long = [section("x" * 2900)] * 5
    refused = await refusal_of(client, post, channel=channels["releases"], text="x", blocks=long)
    assert refused["error"] == "msg_blocks_too_long"
    assert (await refusal_of(client, post, text="x"))["error"] == "invalid_arguments"
    await client.chat_postMessage(channel=channels["random"], text="public, so chat:write.public lets it in")
    manifest = (await hands.ask("GET", "manifest"))["manifest"]
    manifest["oauth_config"]["scopes"]["bot"].remove("chat:write.public")
    await hands.ask("PUT", "manifest", manifest=manifest)
    assert (await refusal_of(client, post, channel=channels["random"], text="x"))["error"] == "not_in_channel"
    whisper = await refusal_of(
        client, "chat.postEphemeral", channel=channels["releases"], user="U0GUS000001", text="x"
    )
    assert whisper["error"] == "user_not_in_channel"


async def test_updating_with_text_alone_drops_the_blocks(hands: Hands, bots: Bots) -> None:
    client = bots.client()
    posted = await client.chat_postMessage(channel="#releases", text="one", blocks=[section("one")])
    place: Json = {"channel": posted["channel"], "ts": posted["ts"]}
    await client.chat_update(**place, text="two", blocks=[section("two")])
    message = await hands.sees("two")
    assert "edited" not in message
    await client.chat_update(**place, text="three")
    message = await hands.sees("three")
    assert "blocks" not in message
    assert message["edited"]
    assert (await refusal_of(client, "chat.update", **place, text="x" * 4001))["error"] == "msg_too_long"
    other = (await hands.types("ann", "mine"))["message"]
    refused = await refusal_of(client, "chat.update", channel=other["channel"], ts=other["ts"], text="x")
    assert refused["error"] == "cant_update_message"
    assert (await refusal_of(client, "chat.update", **place | {"ts": "1.2"}, text="x"))[
        "error"
    ] == "message_not_found"


async def test_tokens_and_scopes_are_checked(hands: Hands, bots: Bots) -> None:
    api = hands.addresses["api"]
    assert (await refusal_of(AsyncWebClient(base_url=api), "auth.test"))["error"] == "not_authed"
    assert (await refusal_of(AsyncWebClient("xoxb-no", base_url=api), "auth.test"))["error"] == "invalid_auth"
    assert (await refusal_of(bots.client("app_token"), "auth.test"))["error"] == "not_allowed_token_type"
    assert (await refusal_of(bots.client(), "apps.connections.open"))["error"] == "not_allowed_token_type"
    assert (await refusal_of(bots.client(), "chat.shout"))["error"] == "unknown_method"
    manifest = (await hands.ask("GET", "manifest"))["manifest"]
    manifest["oauth_config"]["scopes"]["bot"] = ["chat:write", "channels:read"]
    await hands.ask("PUT", "manifest", manifest=json.dumps(manifest))
    refused = await refusal_of(bots.client(), "users.info", user="U0ANN000001")
    assert (refused["error"], refused["needed"]) == ("missing_scope", "users:read")
    assert "chat:write" in refused["provided"]
    answer = await bots.client().auth_test()
    assert "chat:write" in answer.headers["x-oauth-scopes"]


async def test_most_methods_that_read_do_not_look_at_a_json_body(hands: Hands, bots: Bots) -> None:
    client, channels = bots.client(), hands.addresses["channels"]
    calls: dict[str, tuple[Json, str]] = {
        "users.info": ({"user": hands.addresses["users"]["ann"]}, "user_not_found"),
        "conversations.info": ({"channel": channels["releases"]}, "invalid_arguments"),
        "files.getUploadURLExternal": ({"filename": "log.txt", "length": 3}, "invalid_arguments"),
    }
    for method, (arguments, error) in calls.items():
        assert (await client.api_call(method, data=arguments))["ok"]
        assert (await refusal_of(client, method, **arguments))["error"] == error
    assert (await client.api_call("conversations.history", json={"channel": channels["releases"]}))["ok"]


async def test_too_many_messages_are_told_to_wait_and_the_sdk_does(hands: Hands, bots: Bots) -> None:
    client = bots.client()

    async def many(times: int) -> None:
        for number in range(times):
            await client.chat_postMessage(channel="#releases", text=f"burst {number}")

    await many(5)
    with pytest.raises(SlackApiError) as refusal:
        await many(20)
    assert refusal.value.response.status_code == 429
    assert refusal.value.response.headers["Retry-After"] == "1"
    assert refusal.value.response["error"] == "ratelimited"
    await client.chat_postMessage(channel="#general", text="another channel is not concerned")
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=5))
    await client.chat_postMessage(channel="#releases", text="patience")
    assert (await hands.ask("GET", "calls?method=chat.postMessage"))["ratelimited"] >= 1
    await hands.conditions(rate_limits="generous")
    for number in range(10):
        await client.chat_postMessage(channel="#releases", text=f"generous {number}")


async def test_people_are_who_they_are(hands: Hands, bots: Bots) -> None:
    client, users = bots.client(), hands.addresses["users"]
    people = {
        name: (await client.users_info(user=users[name]))["user"] for name in ("ann", "gus", "dora", "eve")
    }
    assert people["gus"]["is_ultra_restricted"]
    assert people["dora"]["deleted"]
    assert people["eve"]["is_stranger"]
    assert people["eve"]["team_id"] != hands.addresses["team_id"]
    assert not people["ann"]["is_bot"]
    assert people["ann"]["tz"] == "Europe/Berlin"
    bot = (await client.users_info(user=users["ghostbot"]))["user"]
    assert bot["is_bot"]
    with pytest.raises(SlackApiError, match="user_not_found"):
        await client.users_info(user="U1")
    groups = (await client.usergroups_list())["usergroups"]
    assert [group["handle"] for group in groups] == ["approvers", "releasers"]
    await hands.ask("PUT", "groups", handle="approvers", users=["cleo"])
    listed = await client.usergroups_users_list(usergroup=groups[0]["id"])
    assert listed["users"] == [users["cleo"]]
    await hands.conditions(user_groups=False)
    assert (await refusal_of(client, "usergroups.list"))["error"] == "plan_upgrade_required"


async def test_lists_come_in_pages(bots: Bots) -> None:
    client = bots.client()
    names, cursor = [], ""
    while True:
        answer = await client.conversations_list(
            limit=2, cursor=cursor, types="public_channel,private_channel"
        )
        names += [channel["name"] for channel in answer["channels"]]
        cursor = answer["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert sorted(names) == ["general", "random", "releases", "shared"]
    with pytest.raises(SlackApiError, match="invalid_cursor"):
        await client.users_list(cursor="x")
    shared = await client.conversations_info(channel="C0SHARED001")
    assert shared["channel"]["is_ext_shared"]


async def test_a_file_is_uploaded_and_shown(hands: Hands, bots: Bots) -> None:
    client = bots.client()
    await client.files_upload_v2(
        channel=hands.addresses["channels"]["releases"],
        filename="../log.txt",
        content="a line",
        initial_comment="The log",
    )
    message = await hands.sees("log.txt")
    file = message["files"][0]
    assert file["name"] == "log.txt"
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {hands.addresses['bot_token']}"}
        async with session.get(file["url_private"], headers=headers) as answer:
            assert await answer.text() == "a line"
        async with session.get(file["url_private"], allow_redirects=False) as answer:
            assert answer.status == 302


async def test_views_are_checked_and_triggers_work_once(bots: Bots) -> None:
    client = bots.client()
    view: Json = {"type": "modal", "title": text("Ask"), "blocks": [section("x")]}
    assert (await refusal_of(client, "views.open", view=view, trigger_id="1.2.3"))[
        "error"
    ] == "invalid_trigger_id"
    refused = await refusal_of(client, "views.open", view=view | {"title": text("x" * 25)}, trigger_id="1")
    assert refused["error"] == "invalid_arguments"
    assert "/view/title/text" in refused["response_metadata"]["messages"][0]
    field = {"type": "input", "label": text("x"), "element": {"type": "plain_text_input", "action_id": "a"}}
    refused = await refusal_of(client, "views.open", view=view | {"blocks": [field]}, trigger_id="1")
    assert "missing required field: submit" in refused["response_metadata"]["messages"][0]
    refused = await refusal_of(client, "views.open", view=view | {"blocks": [PLAN]}, trigger_id="1")
    assert "unsupported type: plan" in refused["response_metadata"]["messages"][0]


async def test_faults_happen_as_ordered(hands: Hands, bots: Bots) -> None:
    client = bots.client()
    await hands.ask("POST", "faults", method="chat.*", count=1, status=503)
    with pytest.raises(SlackApiError) as refusal:
        await client.chat_postMessage(channel="#releases", text="x")
    assert refusal.value.response.status_code == 503
    await hands.ask("POST", "faults", method="chat.postMessage", error="fatal_error")
    assert (await refusal_of(client, "chat.postMessage", channel="#releases", text="x"))[
        "error"
    ] == "fatal_error"
    await hands.ask("POST", "faults", method="chat.postMessage", drop=True, after=True)
    client.retry_handlers.clear()
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="#releases", text="posted, but the answer got lost")
    await hands.sees("the answer got lost")


async def test_everything_is_still_there_after_a_restart(tmp_path: Path) -> None:
    first = await start(tmp_path, "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        before_it = Hands(first, session)
        await before_it.conditions(event_retry_seconds=[0.1] * 100)
        await before_it.types("ann", "remember me, @ghostbot")
    before = first.as_json()
    await first.stop()
    second = await start(tmp_path, "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        again = Hands(second, session)
        message = await again.sees("remember me")
        client = AsyncWebClient(token=before["bot_token"], base_url=second.as_json()["api"])
        await client.chat_postMessage(channel="#releases", thread_ts=message["ts"], text="a reply")
        assert (await again.sees("remember me"))["reply_count"] == 1
        await the_mention_arrives(again)
    await second.stop()


async def the_mention_arrives(hands: Hands) -> None:
    """What was typed before the restart reaches an app that connects after it."""
    bots, heard = Bots(hands), asyncio.Queue[str]()
    app = bots.app()

    @app.event("app_mention")
    async def mentioned(event: Json) -> None:
        await heard.put(event["text"])

    await bots.connect(app)
    assert "remember me" in await asyncio.wait_for(heard.get(), 5)
    await bots.stop()
