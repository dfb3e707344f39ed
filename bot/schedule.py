"""What waits for a time, or for its site to be free: begun as if it were typed then, by the one who asked for it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.door import utc_now
from bot.identity import People, SlackSilent, Visitor
from bot.posted import post_once
from bot.refusals import is_limited, is_silent, slack_error
from bot.render.message import Message
from bot.render.scheduled import not_begun, waits_now
from commands import COMMANDS, find
from commands.command import Command, Request, UsageError, Words
from release.azure.errors import AzureUnavailable, ScmUnreachable
from release.errors import ReleaseError, SiteBusy
from release.ghost.errors import RegistryUnreachable
from release.ghost.git import RepositoryUnreachable
from release.migrations.errors import TargetUnreachable
from release.model import Scheduled, ScheduledState, SentMessage
from release.releases import Releases

log = logging.getLogger(__name__)

# A bot that was down at that moment begins it afterwards, but nobody's evening upgrade the next morning.
LATE_AT_MOST = timedelta(minutes=30)
WAITS_AT_MOST = timedelta(hours=12)
# Far longer than it takes to begin a release, which is a few lookups.
CUT_OFF_AFTER = timedelta(minutes=2)
TRIED_AGAIN_AFTER = timedelta(seconds=30)
PASSING = (AzureUnavailable, ScmUnreachable, RegistryUnreachable, RepositoryUnreachable, TargetUnreachable)
"""What may be over in a minute. Nobody is there at night to type an order again."""
NOT_BEGUN = "not begun"
"""The part under which the records know the message that an order was not begun."""


class Schedule:
    """Looked through every few seconds by one of the replicas; `look` may run twice at once all the same.

    `client` is one of `client_that_posts_once`.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        people: People,
        releases: Releases,
        slash: str = "/ghost",
        commands: tuple[Command[Any], ...] = COMMANDS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._people = people
        self._releases = releases
        self._slash = slash
        self._commands = commands
        self._clock = clock
        # An order each: not before then is it tried again, and why it could not begin.
        self._hindered: dict[str, tuple[datetime, ReleaseError]] = {}

    async def look(self) -> None:
        """Begin what is due; one a site, since a site has one release at a time."""
        records = self._releases.records
        for one in await records.cut_off_in_starting(CUT_OFF_AFTER):
            await self._mend(one)
        begun: set[str] = set()
        waiting = await records.scheduled()
        self._hindered = {one.id: self._hindered[one.id] for one in waiting if one.id in self._hindered}
        for one in waiting:
            if one.site in begun or not await self._is_due(one):
                continue
            if await records.claim(one):
                begun.add(one.site)
                await self._begin(one)

    async def _is_due(self, one: Scheduled) -> bool:
        """Whether it is to be begun now; one that is too late is ended and told."""
        now = self._clock()
        if one.at is not None:
            again_at, why = self._hindered.get(one.id, (one.at, None))
            if now > one.at + LATE_AT_MOST:
                late = f"I could not begin it at that time, nor within half an hour after. {why or ''}"
                await self._end(one, ScheduledState.MISSED, late.strip(), why.advice if why else "")
                return False
            return now >= again_at
        if now > (one.claimed_at or one.asked_at) + WAITS_AT_MOST:
            await self._end(one, ScheduledState.EXPIRED, f"{one.site} was not free for 12 hours.", "")
            return False
        return await self._releases.records.open_release(one.site) is None

    async def _begin(self, one: Scheduled) -> None:
        name, *rest = one.order.split()
        command = find(name, self._commands)
        try:
            if command is None:
                raise UsageError(f"There is no command “{name}” any more.")
            await self._people.identify(Visitor(one.by, ()))
            await self._people.authorise(one.by, command.needs, one.channel, fresh=True)
            request = Request(
                one.by, one.channel, self._commands, self._clock(), self._people.zone_of(one.by)
            )
            await command.run(command.parse(Words(tuple(rest))), request, self._releases)
        except SlackSilent as error:
            log.warning("Slack could not be asked", extra={"order": one.id, "problem": str(error)})
            await self._releases.records.unclaim(one)
        except SiteBusy as error:
            await self._releases.records.wait_again(one)
            await self._say(one, waits_now(one, error, self._slash))
        except UsageError as error:
            await self._end(one, ScheduledState.REFUSED, str(error), "")
        except ReleaseError as error:
            if one.at is None or not isinstance(error, PASSING):
                await self._end(one, ScheduledState.REFUSED, str(error), error.advice)
                return
            log.warning("An order is tried again", extra={"order": one.id, "problem": str(error)})
            self._hindered[one.id] = (self._clock() + TRIED_AGAIN_AFTER, error)
            await self._releases.records.unclaim(one)
        else:
            await self._releases.records.end_scheduled(one, ScheduledState.STARTED)

    async def _mend(self, one: Scheduled) -> None:
        """Somebody was killed while starting it: the release that was begun is its, or it waits again."""
        history = await self._releases.records.history(one.site, limit=5)
        since = one.claimed_at or one.asked_at
        if any(release.asked_by == one.by and release.asked_at >= since for release in history):
            await self._releases.records.end_scheduled(one, ScheduledState.STARTED)
        else:
            await self._releases.records.wait_again(one, one.at)

    async def _end(self, one: Scheduled, state: ScheduledState, why: str, advice: str) -> None:
        """It is over once that is told; until then it is found, and told, again."""
        records = self._releases.records
        if await self._tell(one, not_begun(one, state, why, advice, self._slash)):
            await records.end_scheduled(one, state, why=why)
        else:
            await records.unclaim(one)

    async def _tell(self, one: Scheduled, message: Message) -> bool:
        """Whether it is told, once; or is not to be told there at all."""
        sent = SentMessage(one.id, NOT_BEGUN, one.channel, "", "")
        try:
            await post_once(self._client, self._releases.records, sent, one.at or one.asked_at, message)
        except SlackApiError as error:
            log.warning(
                "An order that did not begin could not be told", extra=_about(one, slack_error(error))
            )
            return not (is_limited(error) or is_silent(error))
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning(
                "An order that did not begin could not be told yet", extra=_about(one, type(error).__name__)
            )
            return False
        return True

    async def _say(self, one: Scheduled, message: Message) -> None:
        """Say what it does no harm not to hear."""
        try:
            await self._client.chat_postMessage(
                channel=one.channel, text=message.text, blocks=list(message.blocks), unfurl_links=False
            )
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("A scheduled order could not be told", extra=_about(one, str(error)))


def _about(one: Scheduled, why: str) -> dict[str, str]:
    return {"order": one.id, "why": why}
