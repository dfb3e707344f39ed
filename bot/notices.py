"""New versions of Ghost, announced once each in one channel."""

import logging
from datetime import UTC, datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.posted import marked, post_once, whereabouts
from bot.refusals import CLOSED_CHANNEL, GONE, slack_error
from bot.render.message import Message
from bot.render.notice import version_notice
from release.model import SentMessage, Skip, Versions
from release.notes import Notes
from release.releases import Releases
from release.version import Version

log = logging.getLogger(__name__)

PART = "notice"
CLOSED = "notice closed"
OWNER = "version:"
LOOKED_FOR_SINCE = timedelta(days=1)
"""A notice whose answer never came is looked for in that much of its channel: far longer than a restart takes."""


class Notices:
    """`channel` None means that nobody wants notices; `client` is one of `client_that_posts_once`."""

    def __init__(
        self,
        client: AsyncWebClient,
        releases: Releases,
        notes: Notes,
        channel: str | None,
        slash: str = "/ghost",
    ) -> None:
        self._client = client
        self._releases = releases
        self._notes = notes
        self.channel = channel
        self._slash = slash
        self._drawn: tuple[Skip, ...] | None = None  # the skips that the notices were last made to show

    async def look(self, versions: Versions) -> None:
        """Afterwards people know of each new version that is for one of the sites, and notices say how things stand."""
        await self.announce(versions, *versions.wanted())
        await self.close_outdated(versions)
        await self.add_notes(versions)

    async def announce(self, versions: Versions, *new: str) -> None:
        """Announce each of `new` that is neither announced nor skipped yet.

        A version Slack could not be told of stays unannounced and is told by the next call.
        """
        if self.channel is None:
            return
        for version in new:
            told = await self._releases.records.message(_owner(version), PART)
            if versions.skipped(version) or (told is not None and told.ts):
                continue
            await self._notes.learn(version, _passes(version, versions))
            notice = await self._notice(version, versions)
            sent = SentMessage(_owner(version), PART, self.channel, "", "")
            try:
                await post_once(self._client, self._releases.records, sent, _since(), notice)
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                log.warning(
                    "A new version could not be announced", extra={"version": version, "why": str(error)}
                )
                return

    async def close_outdated(self, versions: Versions) -> None:
        """Take the buttons off notices of versions that every site has, or that a newer notice has replaced."""
        told = await self._open_ones()
        posted = [version for version, sent in told.items() if sent.ts]
        for version in told:
            if versions.may_be_wanted(version):
                continue
            if versions.sites and all(site.is_past(version) for site in versions.sites):
                await self._close(version, versions, "Every site runs it, or a newer one.")
            elif newer := [one for one in posted if Version.parse(one) > Version.parse(version)]:
                offered = [site.newest for site in versions.sites if site.offers(version)]
                instead = next((one for one in offered if one in newer), newer[-1])
                await self._close(version, versions, f"Ghost {instead} is out since: see its own notice.")

    async def follow_skips(self) -> None:
        """The notices with buttons show what is skipped now, however somebody skipped it or took that back.

        One that Slack could not change now is changed with the next look for versions.
        """
        skips = await self._releases.records.skips()
        if skips == self._drawn:
            return
        told = await self._open_ones()
        versions = await self._releases.versions(None) if told else None
        if versions is not None:
            for version in told:
                await self._draw(version, versions)
        self._drawn = versions.skips if versions else skips

    async def add_notes(self, versions: Versions) -> None:
        """What could not be told when a notice was posted is added as soon as it can be had."""
        for version in await self._open_ones():
            await self._notes.learn(version, _passes(version, versions))
            await self._draw(version, versions)

    async def link(self, version: str) -> str | None:
        """Where the notice of this version is; None where there is none, or Slack does not say."""
        sent = await self._releases.records.message(_owner(version), PART)
        if sent is None or not sent.ts:
            return None
        try:
            answer = await self._client.chat_getPermalink(channel=sent.channel, message_ts=sent.ts)
        except (SlackClientError, aiohttp.ClientError, TimeoutError):
            return None
        return str(answer["permalink"])

    async def _open_ones(self) -> dict[str, SentMessage]:
        """The notices that are not closed for good, by version, oldest first; those whose answer never came, too."""
        records = self._releases.records
        closed = set(await records.owners_of(CLOSED))
        open_ones = [owner for owner in await records.owners_of(PART) if owner not in closed]
        sent = await records.messages_of_part(PART, open_ones)
        versions = sorted((owner.removeprefix(OWNER) for owner in open_ones), key=Version.parse)
        return {version: sent[_owner(version)] for version in versions}

    async def _close(self, version: str, versions: Versions, why: str) -> None:
        sent = await self._releases.records.message(_owner(version), PART)
        if sent is not None and await self._draw(version, versions, why):
            await self._releases.records.remember_message(_owner(version), CLOSED, sent.channel, sent.ts, "")

    async def _notice(self, version: str, versions: Versions, closed: str | None = None) -> Message:
        new = await self._notes.known(version, _passes(version, versions))
        return version_notice(version, versions, closed, self._slash, new)

    async def _draw(self, version: str, versions: Versions, closed: str | None = None) -> bool:
        """Whether the notice shows what is so now, or nobody can see it any more: then it is closed for good."""
        sent = await self._releases.records.message(_owner(version), PART)
        notice = await self._notice(version, versions, closed)
        if sent is None or sent.digest == notice.digest:
            return True
        records = self._releases.records
        try:
            found = await whereabouts(self._client, records, sent, _since())
            if found is None:
                return True  # it was never posted
            await self._client.chat_update(
                channel=found.channel,
                ts=found.ts,
                text=notice.text,
                blocks=marked(notice.blocks, _owner(version), PART),
            )
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("A notice could not be changed", extra={"version": version, "why": str(error)})
            if not isinstance(error, SlackApiError) or slack_error(error) not in GONE | CLOSED_CHANNEL:
                return False
            await records.remember_message(_owner(version), CLOSED, sent.channel, sent.ts, "")
            return True
        await records.remember_message(_owner(version), PART, found.channel, found.ts, notice.digest)
        return True


def _since() -> datetime:
    return datetime.now(UTC) - LOOKED_FOR_SINCE


def _owner(version: str) -> str:
    return f"{OWNER}{version}"


def _passes(version: str, versions: Versions) -> tuple[str, ...]:
    """The versions that one site or another leaps over on the way to this one."""
    ours = Version.parse(version)
    found = {one for site in versions.sites for one in site.passes}
    return tuple(sorted((one for one in found if Version.parse(one) < ours), key=Version.parse))
