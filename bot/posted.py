"""Finds a message that was posted and never heard of again: its answer got lost, or the bot was killed before it came.

Slack takes a message twice without a word, so the bot looks for its own before it posts again. Every
message bears a mark that people do not see: the id of its first block.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.refusals import is_limited, is_silent, slack_error
from bot.render.message import SlackBlock

log = logging.getLogger(__name__)

PAGES = 5
PAGE = 200
CLOCKS_DIFFER = timedelta(minutes=10)
"""Slack's clock and ours: messages are looked for from that much before the release was asked for."""


def mark(release: str, part: str) -> str:
    """What tells one message of one release from all others; at most 255 characters, as Slack wants it."""
    return f"told:{release}:{part}"


def marked(blocks: Sequence[SlackBlock], release: str, part: str) -> list[SlackBlock]:
    """The blocks with the mark on the first of them."""
    return [
        {**block, **({} if number else {"block_id": mark(release, part)})}
        for number, block in enumerate(blocks)
    ]


async def find(
    client: AsyncWebClient, channel: str, thread: str | None, since: datetime, release: str, part: str
) -> str | None:
    """The `ts` of the message that bears this mark, in a thread or at the top of a channel; None: it is not there.

    Also None where Slack does not let the bot look, for whatever reason: it cannot know then, and a message twice is
    better than none. Raises what the client raises when Slack does not answer, or not now.
    """
    arguments: dict[str, Any] = {"channel": channel, "limit": PAGE}
    if thread is None:
        method = "conversations.history"
        arguments["oldest"] = f"{(since - CLOCKS_DIFFER).timestamp():.6f}"
    else:
        method = "conversations.replies"
        arguments["ts"] = thread
    for _ in range(PAGES):
        try:
            answer = await client.api_call(method, params=arguments)
        except SlackApiError as error:
            if is_silent(error) or is_limited(error):
                raise
            log.warning(
                "Whether a message was posted cannot be looked up, so it is posted again",
                extra={"release": release, "part": part, "answer": slack_error(error)},
            )
            return None
        for message in answer.get("messages") or []:
            if any(block.get("block_id") == mark(release, part) for block in message.get("blocks") or []):
                return str(message["ts"])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return None
        arguments["cursor"] = cursor
    return None
