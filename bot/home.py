"""The App Home: published anew whenever a person opens it."""

import logging

from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.identity import People, Visitor
from bot.render.home import closed_view, home_view
from bot.render.message import Message
from bot.threads import PARENT
from commands.command import Role
from release.errors import NotPermitted, ReleaseError
from release.model import SiteStatus
from release.releases import Releases

log = logging.getLogger(__name__)

RELEASES_SHOWN = 8


class Home:
    def __init__(
        self, client: AsyncWebClient, people: People, releases: Releases, slash: str = "/ghost"
    ) -> None:
        self._client = client
        self._people = people
        self._releases = releases
        self._slash = slash

    async def publish(self, visitor: Visitor, told: Message | None = None) -> None:
        """Show `visitor` every site, or why there is nothing to see; on top what they are `told`, if anything."""
        try:
            await self._people.identify(visitor)
            sites = await self._releases.status(None)
            history = await self._releases.history(None, RELEASES_SHOWN)
            threads, decides = await self._threads(sites), await self._decides(visitor.user)
            view = home_view(sites, history, threads, visitor.user, self._slash, decides, told)
        except ReleaseError as error:
            view = closed_view(f"{error} {error.advice}")
        await self._client.views_publish(user_id=visitor.user, view=view)

    async def _decides(self, user: str) -> bool:
        """Whether this person is an approver."""
        try:
            await self._people.authorise(user, Role.APPROVER, "")
        except NotPermitted:
            return False
        return True

    async def _threads(self, sites: tuple[SiteStatus, ...]) -> dict[str, str]:
        """Links to the threads of the releases that are open."""
        links: dict[str, str] = {}
        for status in sites:
            release = status.open_release
            if release is None:
                continue
            top = await self._releases.records.message(release.id, PARENT)
            if top is None or not top.ts:
                continue
            try:
                answer = await self._client.chat_getPermalink(channel=top.channel, message_ts=top.ts)
            except SlackClientError as error:
                log.warning("No link to a thread", extra={"release": release.id, "why": str(error)})
                continue
            links[release.id] = str(answer["permalink"])
        return links
