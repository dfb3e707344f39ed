"""Finds a message that was posted and never heard of again: its answer got lost, or the bot was killed before it came.

Slack takes a message twice without a word, so the bot looks for its own before it posts again. Every
message bears a mark that people do not see: the id of its first block.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.refusals import is_limited, is_silent, slack_error
from bot.render.message import Message, SlackBlock
from release.model import SentMessage
from release.records import Records

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


def client_that_posts_once(token: str, api_url: str) -> AsyncWebClient:
    """A client that sends again only what Slack says that it did not take.

    The SDK's own sends again when a connection breaks, too.
    """
    limited = AsyncRateLimitErrorRetryHandler(max_retry_count=5)
    return AsyncWebClient(token=token, base_url=api_url, retry_handlers=[limited])


async def post_once(
    client: AsyncWebClient, records: Records, sent: SentMessage, since: datetime, message: Message
) -> SentMessage:
    """The message is in Slack, however often this is called, and the records know where.

    `sent` is what they hold of it, or would: owner, part and channel. `client` is one of `client_that_posts_once`.
    Raises what it raises.
    """
    found = await whereabouts(client, records, sent, since)
    if found is not None:
        return found
    await records.may_act()
    # Written down first: whoever is killed before the answer, or never gets one, looks before posting again.
    await records.remember_message(sent.owner, sent.part, sent.channel, "", "")
    answer = await client.chat_postMessage(
        channel=sent.channel,
        text=message.text,
        blocks=marked(message.blocks, sent.owner, sent.part),
        unfurl_links=False,
        unfurl_media=False,
    )
    told = SentMessage(sent.owner, sent.part, str(answer["channel"]), str(answer["ts"]), message.digest)
    await records.remember_message(told.owner, told.part, told.channel, told.ts, told.digest)
    return told


async def whereabouts(
    client: AsyncWebClient, records: Records, sent: SentMessage, since: datetime
) -> SentMessage | None:
    """Where that message is; None where it was not posted. One whose answer never came is looked for."""
    known = await records.message(sent.owner, sent.part)
    if known is None or known.ts:
        return known
    ts = await find(client, known.channel, None, since, known.owner, known.part)
    if ts is None:
        return None
    await records.remember_message(known.owner, known.part, known.channel, ts, "")
    return replace(known, ts=ts)
