"""Who wanted to be reminded of a new version is, by a direct message, once it is time."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.door import utc_now
from bot.notices import Notices
from bot.refusals import is_limited, is_silent, slack_error
from bot.render.notice import reminded
from release.model import Reminder, Versions
from release.releases import Releases

log = logging.getLogger(__name__)

CUT_OFF_AFTER = timedelta(minutes=2)
"""Far longer than telling one takes: whoever claimed it that long ago was killed, and it is told by another."""


class Reminders:
    """Looked through every few seconds by one of the replicas; `look` may run twice at once all the same."""

    def __init__(
        self,
        client: AsyncWebClient,
        releases: Releases,
        notices: Notices,
        clock: Callable[[], datetime] = utc_now,
        slash: str = "/ghost",
    ) -> None:
        self._client = client
        self._releases = releases
        self._notices = notices
        self._clock = clock
        self._slash = slash

    async def look(self) -> None:
        """Tell what is due. What nobody needs to hear any more ends without a word."""
        records = self._releases.records
        due = [one for one in await records.reminders() if one.at <= self._clock()]
        versions = await self._releases.versions(None) if due else None
        for one in due:
            if versions is None or not await records.claim_reminder(one, CUT_OFF_AFTER):
                continue
            if versions.skipped(one.version) or not _is_wanted(one.version, versions):
                await records.end_reminder(one, "nothing left to upgrade")
            elif await self._tell(one, versions):
                await records.end_reminder(one, "told")

    async def _tell(self, one: Reminder, versions: Versions) -> bool:
        """Whether it is over: told, or not to be told to this person at all."""
        link = await self._notices.link(one.version)
        message = reminded(one.version, versions, link, self._slash)
        await self._releases.records.may_act()
        try:
            opened = await self._client.conversations_open(users=one.by)
            await self._client.chat_postMessage(
                channel=opened["channel"]["id"],
                text=message.text,
                blocks=list(message.blocks),
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiError as error:
            log.warning("nobody could be reminded", extra={"by": one.by, "why": slack_error(error)})
            return not (is_limited(error) or is_silent(error))
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("nobody could be reminded yet", extra={"why": type(error).__name__})
            return False
        return True


def _is_wanted(version: str, versions: Versions) -> bool:
    """Whether some site may still go there. One that cannot be asked now may."""
    return not all(site.is_past(version) for site in versions.sites)
