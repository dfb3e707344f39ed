"""What Slack sends is acknowledged before anything is done about it."""

import ast
import asyncio
from pathlib import Path
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

import bot
from bot.listeners import Listeners


class Recorder:
    """Stands where the door stands, and writes down what came in which order."""

    slash = "/ghost"

    def __init__(self) -> None:
        self.order: list[str] = []

    async def command(self, *_knock: Any, **_more: Any) -> None:
        self.order.append("done")

    async def ack(self) -> None:
        await asyncio.sleep(0)  # as a message to Slack does, it lets others go on
        self.order.append("acknowledged")


async def test_of_many_commands_at_once_all_are_acknowledged_before_the_first_is_done() -> None:
    door: Any = Recorder()
    nobody: Any = None
    listeners = Listeners(door, nobody, nobody, AsyncWebClient())
    body = {"user_id": "U1", "team_id": "T1", "channel_id": "C1", "trigger_id": "1", "text": "status"}
    typed = (listeners._command(door.ack, body, nobody) for _ in range(50))
    await asyncio.gather(*typed)
    assert door.order == ["acknowledged"] * 50 + ["done"] * 50


def test_nothing_that_is_posted_unfurls_what_somebody_typed() -> None:
    posts = [
        (path.name, call.lineno, {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords})
        for path in Path(bot.__path__[0]).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("chat_postMessage")
    ]
    assert posts
    assert not [place for *place, given in posts if given.get("unfurl_links") != "False"]
