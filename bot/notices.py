"""New versions of Ghost, announced once each in one channel."""

import logging

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.render.message import person
from bot.render.notice import version_notice
from release.model import Versions
from release.releases import Releases
from release.version import Version

log = logging.getLogger(__name__)

PART = "notice"
CLOSED = "notice closed"
OWNER = "version:"


class Notices:
    """`channel` None means that nobody wants notices."""

    def __init__(self, client: AsyncWebClient, releases: Releases, channel: str | None) -> None:
        self._client = client
        self._releases = releases
        self._channel = channel

    async def announce(self, versions: Versions, *new: str) -> None:
        """Announce each of `new` that is neither announced nor skipped yet.

        A version Slack could not be told of stays unannounced and is told by the next call.
        """
        if self._channel is None:
            return
        for version in new:
            if version in versions.skipped or await self._releases.records.message(_owner(version), PART):
                continue
            notice = version_notice(version, versions)
            await self._releases.records.may_act()
            try:
                answer = await self._client.chat_postMessage(
                    channel=self._channel,
                    text=notice.text,
                    blocks=list(notice.blocks),
                    unfurl_links=False,
                    unfurl_media=False,
                )
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                log.warning(
                    "A new version could not be announced", extra={"version": version, "why": str(error)}
                )
                return
            await self._releases.records.remember_message(
                _owner(version), PART, str(answer["channel"]), str(answer["ts"]), notice.digest
            )

    async def close_outdated(self, versions: Versions) -> None:
        """Take the buttons off notices of versions that every site has, or that a newer notice has replaced."""
        records = self._releases.records
        closed = set(await records.owners_of(CLOSED))
        open_ones = [owner for owner in await records.owners_of(PART) if owner not in closed]
        told = sorted((owner.removeprefix(OWNER) for owner in open_ones), key=Version.parse)
        for version in told:
            ours = Version.parse(version)
            if versions.sites and all(
                site.current and Version.parse(site.current) >= ours for site in versions.sites
            ):
                await self._close(version, versions, "Every site runs it, or a newer one.")
            elif version != told[-1]:
                await self._close(version, versions, f"Ghost {told[-1]} is out since: see its own notice.")

    async def close(self, version: str, skipped_by: str) -> None:
        """Take the buttons off a notice whose version was skipped, and say who skipped it."""
        why = f"Skipped by {person(skipped_by)}: nobody is asked about this version again."
        await self._close(version, await self._releases.versions(None), why)

    async def _close(self, version: str, versions: Versions, why: str) -> None:
        sent = await self._releases.records.message(_owner(version), PART)
        if sent is None:
            return
        notice = version_notice(version, versions, why)
        try:
            await self._client.chat_update(
                channel=sent.channel, ts=sent.ts, text=notice.text, blocks=list(notice.blocks)
            )
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("A notice could not be closed", extra={"version": version, "why": str(error)})
            return
        await self._releases.records.remember_message(
            _owner(version), PART, sent.channel, sent.ts, notice.digest
        )
        await self._releases.records.remember_message(_owner(version), CLOSED, sent.channel, sent.ts, "")


def _owner(version: str) -> str:
    return f"{OWNER}{version}"
