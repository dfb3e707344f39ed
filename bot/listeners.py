"""What Slack sends, taken apart: every listener acknowledges at once and hands on to the door."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltContext, AsyncRespond
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.approvals import Buttons
from bot.door import Answer, Door, Knock
from bot.home import Home
from bot.identity import Visitor
from bot.refusals import slack_error
from bot.render.message import Message
from bot.render.modals import answered
from bot.render.replies import unexpected
from bot.render.simpler import simplified

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.04
AT_MOST_SECONDS = 0.4
"""Of many commands at once the work on the first begins when for `QUIET_SECONDS` no other was acknowledged, or after
this long: Slack gives up on a command that is not acknowledged within three seconds."""

Body = dict[str, Any]  # Any: Slack's payloads
Press = Callable[[Knock, str, Answer], Awaitable[None]]
Submit = Callable[[Knock, str, str, Answer], Awaitable[None]]


class Burst:
    """Commands that come at once: all are acknowledged before the work on the first begins."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = 0.0

    async def is_over(self) -> None:
        """Called with each acknowledgement; returns once a moment has passed without another."""
        arrived = self._last = self._clock()
        limit = arrived + AT_MOST_SECONDS
        while (left := min(self._last + QUIET_SECONDS, limit) - self._clock()) > 0:  # noqa: ASYNC110 - time is the event
            await asyncio.sleep(left)


@dataclass(frozen=True)
class Listeners:
    """Everything that can be asked for in Slack, ready to be registered on an app."""

    door: Door
    buttons: Buttons
    home: Home
    client: AsyncWebClient
    own_commands: Mapping[str, str] = field(default_factory=dict)
    """Sites' own slash commands, command to site."""
    burst: Burst = field(default_factory=Burst)

    def register(self, app: AsyncApp) -> None:
        """Afterwards `app` answers the slash command, every button, mentions, direct messages and the Home tab."""
        for slash in (self.door.slash, *self.own_commands):
            app.command(slash)(self._command)
        presses: dict[str, Press] = {
            "approve": self.buttons.approve,
            "reject": self.buttons.reject,
            "break_glass": self.buttons.break_glass,
            "cancel": self.buttons.cancel,
            "rollback": self.buttons.rollback,
            "confirm_rollback": self.buttons.confirm_rollback,
            "keep_version": self.buttons.keep_version,
            "keep": self.buttons.keep,
            "swap_back": self.buttons.swap_back,
            "carry": self.buttons.carry,
            "undo_migration": self.buttons.undo_migration,
            "upgrade": self.buttons.upgrade,
            "skip": self.buttons.skip,
            "unskip": self.buttons.unskip,
            "remind": self.buttons.remind,
            "queue": self.door.queue,
            "unschedule": self.buttons.unschedule,
            "stop_old": self.buttons.stop_old,
        }
        for name, press in presses.items():
            # `upgrade:0`: several buttons of a message need ids of their own.
            app.action(re.compile(rf"^{name}(:.*)?$"))(self._pressed(name, press))
        app.action("look_again")(self._look_again)
        app.view("reject")(self._submitted("reject", self.buttons.rejected))
        app.view("break_glass")(self._submitted("break_glass", self.buttons.glass_broken))
        app.action(re.compile(r"^open:"))(_acknowledged)
        app.event("app_mention")(self._mention)
        app.event("message")(self._direct_message)
        app.event("app_home_opened")(self._home_opened)
        app.error(self._failed)

    async def _command(self, ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        await ack()
        await self.burst.is_over()
        text = body.get("text", "").strip()
        visitor = Visitor(body["user_id"], _teams(body.get("team_id")))
        slash = str(body.get("command") or self.door.slash)
        channel, site = body["channel_id"], self.own_commands.get(slash, "")
        knock = Knock(visitor, channel, text, channel, body["trigger_id"], slash, site)
        await self.door.command(knock, text, _privately(respond))

    async def _mention(self, ack: AsyncAck, event: Body, body: Body, context: AsyncBoltContext) -> None:
        await ack()
        text = re.sub(rf"<@{context.bot_user_id}(\|[^>]*)?>", " ", event.get("text", ""))
        await self._asked(event, body, text)

    async def _direct_message(self, ack: AsyncAck, event: Body, body: Body) -> None:
        await ack()
        # Edits, joins and our own messages come here too; only a person's own words are a question.
        if event.get("channel_type") == "im" and not event.get("subtype") and not event.get("bot_id"):
            await self._asked(event, body, event.get("text", ""))

    async def _asked(self, event: Body, body: Body, text: str) -> None:
        if "user" not in event:
            return
        visitor = Visitor(event["user"], _teams(event.get("user_team"), event.get("team")))
        knock = Knock(visitor, event["channel"], text.strip(), event["channel"], body["event_id"])
        await self.door.question(knock, text, self._in_thread(event), event.get("thread_ts"))

    def _submitted(self, name: str, submit: Submit) -> Callable[..., Awaitable[None]]:
        """The listener of one modal; the answer goes where its button was clicked."""

        async def listener(ack: AsyncAck, body: Body, view: Body) -> None:
            await ack()
            approval, channel, reason = answered(view)
            visitor = _visitor(body["user"])
            knock = Knock(visitor, channel, name, approval, body["trigger_id"])
            # Asked for on the Home there is no channel to answer in.
            home = partial(self.home.publish, visitor)
            await submit(knock, approval, reason, self._to(visitor.user, channel) if channel else home)

        return listener

    def _to(self, user: str, channel: str) -> Answer:
        """Answer a modal, which has no address to answer to: privately, in the channel.

        Where Slack does not let that in (they left the channel, say), directly: it closed as if all had gone well.
        """

        async def answer(message: Message) -> None:
            blocks = list(message.blocks)
            try:
                await self.client.chat_postEphemeral(
                    channel=channel, user=user, text=message.text, blocks=blocks
                )
            except SlackApiError as error:
                log.warning("An answer goes to the person directly", extra={"why": slack_error(error)})
                opened = await self.client.conversations_open(users=user)
                there = opened["channel"]["id"]
                await self.client.chat_postMessage(
                    channel=there, text=message.text, blocks=blocks, unfurl_links=False, unfurl_media=False
                )

        return answer

    async def _home_opened(self, ack: AsyncAck, event: Body) -> None:
        await ack()
        if event.get("tab") == "home":
            await self.home.publish(Visitor(event["user"], _teams(event.get("user_team"), event.get("team"))))

    async def _look_again(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        await self.home.publish(_visitor(body["user"]))

    def _pressed(self, name: str, press: Press) -> Callable[..., Awaitable[None]]:
        """The listener of one button. One on the Home is answered there, since nobody can be written to from it."""

        async def listener(ack: AsyncAck, body: Body, action: Body, respond: AsyncRespond) -> None:
            await ack()
            visitor = _visitor(body["user"])
            channel = (body.get("channel") or {}).get("id") or body["container"].get("channel_id", "")
            knock = Knock(visitor, channel, name, str(action["value"]), body["trigger_id"])
            thread = (body.get("message") or {}).get("thread_ts")
            answer = partial(self.home.publish, visitor) if body.get("view") else _privately(respond, thread)
            await press(knock, str(action["value"]), answer)

        return listener

    def _in_thread(self, event: Body) -> Answer:
        """Answer a mention where it was made, for all to see: an ephemeral message in a closed thread is lost."""
        thread = event.get("thread_ts")
        if thread is None and event.get("channel_type") != "im":
            thread = event["ts"]

        async def answer(message: Message) -> None:
            await self.client.chat_postMessage(
                channel=event["channel"],
                thread_ts=thread,
                text=message.text,
                blocks=list(message.blocks),
                unfurl_links=False,
                unfurl_media=False,
            )

        return answer

    async def _failed(self, error: Exception, body: Body, context: AsyncBoltContext) -> None:
        """Bolt's last resort: a defect is logged with its traceback and told without it."""
        log.error("A listener failed", exc_info=error, extra={"payload": body.get("type", "command")})
        respond = context.respond
        if not body.get("response_url") or respond is None:
            return
        try:
            await _privately(respond)(unexpected(self.door.slash))
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as second:
            log.warning("Nor could that be told", extra={"why": str(second)})


async def _acknowledged(ack: AsyncAck) -> None:
    """A button that opens a link still sends its click."""
    await ack()


def _privately(respond: AsyncRespond, thread: str | None = None) -> Answer:
    """Answer so that only the person who asked sees it, unless it concerns the whole channel."""

    async def answer(message: Message) -> None:
        for shown in (message, simplified(message)):
            sent = await respond(
                text=shown.text,
                blocks=list(shown.blocks),
                response_type="in_channel" if message.for_all else "ephemeral",
                replace_original=False,
                thread_ts=thread,
                unfurl_links=False,
            )
            if sent.status_code == 200:
                return
            log.warning("An answer was refused", extra={"status": sent.status_code, "body": sent.body})

    return answer


def _visitor(user: Body) -> Visitor:
    return Visitor(user["id"], _teams(user.get("team_id")))


def _teams(*ids: str | None) -> tuple[str, ...]:
    return tuple(team for team in ids if team)
