"""What waits for a time, or for its site to be free: begun as if it were typed then, by the one who asked for it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.door import utc_now
from bot.identity import People, SlackSilent, Visitor
from bot.render.message import Message
from bot.render.scheduled import not_begun, waits_now
from commands import COMMANDS, find
from commands.command import Command, Request, UsageError, Words
from release.errors import ReleaseError, SiteBusy
from release.model import Scheduled, ScheduledState
from release.releases import Releases

log = logging.getLogger(__name__)

# A bot that was down at that moment begins it afterwards, but nobody's evening upgrade the next morning.
LATE_AT_MOST = timedelta(minutes=30)
WAITS_AT_MOST = timedelta(hours=12)
# Far longer than it takes to begin a release, which is a few lookups.
CUT_OFF_AFTER = timedelta(minutes=2)


class Schedule:
    """Looked through every few seconds by one of the replicas; `look` may run twice at once all the same."""

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

    async def look(self) -> None:
        """Begin what is due; one a site, since a site has one release at a time."""
        records = self._releases.records
        for one in await records.cut_off_in_starting(CUT_OFF_AFTER):
            await self._mend(one)
        begun: set[str] = set()
        for one in await records.scheduled():
            if one.site in begun or not await self._is_due(one):
                continue
            if await records.claim(one):
                begun.add(one.site)
                await self._begin(one)

    async def _is_due(self, one: Scheduled) -> bool:
        """Whether it is to be begun now; one that is too late is ended and told."""
        now = self._clock()
        if one.at is not None:
            if now < one.at:
                return False
            if now > one.at + LATE_AT_MOST:
                late = "I could not begin it at that time, nor within half an hour after."
                await self._end(one, ScheduledState.MISSED, late, "")
                return False
            return True
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
            await self._releases.records.wait_again(one, one.at)
        except SiteBusy as error:
            await self._releases.records.wait_again(one)
            await self._tell(one, waits_now(one, error, self._slash))
        except UsageError as error:
            await self._end(one, ScheduledState.REFUSED, str(error), "")
        except ReleaseError as error:
            await self._end(one, ScheduledState.REFUSED, str(error), error.advice)
        else:
            await self._releases.records.end_scheduled(one, ScheduledState.STARTED)

    async def _mend(self, one: Scheduled) -> None:
        """Somebody was killed while starting it: the release that was begun is its, or it waits again."""
        history = await self._releases.records.history(one.site, limit=5)
        since = one.claimed_at or one.asked_at
        if any(release.asked_by == one.by and release.asked_at >= since for release in history):
            await self._releases.records.end_scheduled(one, ScheduledState.STARTED)
        else:
            await self._releases.records.wait_again(one)

    async def _end(self, one: Scheduled, state: ScheduledState, why: str, advice: str) -> None:
        if await self._releases.records.end_scheduled(one, state, why=why):
            await self._tell(one, not_begun(one, state, why, advice, self._slash))

    async def _tell(self, one: Scheduled, message: Message) -> None:
        try:
            await self._client.chat_postMessage(
                channel=one.channel, text=message.text, blocks=list(message.blocks), unfurl_links=False
            )
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("A scheduled order could not be told", extra={"order": one.id, "why": str(error)})
