"""The App Home: published anew whenever a person opens it."""

import logging

from slack_sdk.web.async_client import AsyncWebClient

from bot.identity import People, Visitor
from bot.render.home import Seen, closed_view, home_view
from bot.render.message import Message
from bot.threads import PARENT
from commands.command import Role
from release.errors import NotPermitted, ReleaseError
from release.model import Approval, Release, SiteStatus, State, Versions
from release.releases import Releases

log = logging.getLogger(__name__)

RELEASES_SHOWN = 8


class Home:
    def __init__(
        self,
        client: AsyncWebClient,
        people: People,
        releases: Releases,
        slash: str = "/ghost",
        channel: str | None = None,
    ) -> None:
        """What is begun on the Home is told in `channel`; without one nothing is begun there."""
        self._client = client
        self._people = people
        self._releases = releases
        self._slash = slash
        self._channel = channel

    async def publish(self, visitor: Visitor, told: Message | None = None) -> None:
        """Show `visitor` every site, or why there is nothing to see; on top what they are `told`, if anything."""
        try:
            await self._people.identify(visitor)
            sites = await self._releases.status(None)
            history = await self._releases.history(None, RELEASES_SHOWN)
            seen = Seen(
                sites,
                history,
                await self._threads(sites, history),
                await self._questions(visitor.user, sites),
                await self._newer(visitor.user),
                cancels=await self._is(visitor.user, Role.RELEASER),
            )
            view = home_view(seen, visitor.user, self._slash, told)
        except ReleaseError as error:
            view = closed_view(f"{error} {error.advice}")
        await self._client.views_publish(user_id=visitor.user, view=view)

    async def _questions(self, user: str, sites: tuple[SiteStatus, ...]) -> dict[str, Approval]:
        """What this person may decide, by release."""
        approver, either = await self._is(user, Role.APPROVER), await self._is(user, Role.EITHER)
        found: dict[str, Approval] = {}
        for status in sites:
            release = status.open_release
            if release is None or release.state is not State.AWAITING_APPROVAL:
                continue
            may = (
                either
                if release.kind.goes_back
                else approver and (release.asked_by != user or self._people.roles.self_approval)
            )
            approval = await self._releases.records.approval_of(release.id) if may else None
            if approval is not None:
                found[release.id] = approval
        return found

    async def _newer(self, user: str) -> Versions | None:
        """What this person may upgrade to; None where npm does not tell, or nothing can be begun here."""
        if self._channel is None or not await self._is(user, Role.RELEASER):
            return None
        try:
            return await self._releases.versions(None)
        except ReleaseError as error:
            log.warning("The Home does not know the newest version", extra={"why": str(error)})
            return None

    async def _is(self, user: str, role: Role) -> bool:
        try:
            await self._people.authorise(user, role, "")
        except NotPermitted:
            return False
        return True

    async def _threads(self, sites: tuple[SiteStatus, ...], history: tuple[Release, ...]) -> dict[str, str]:
        """Links to the threads of the releases that are open, and of the last ones."""
        shown = {status.open_release.id for status in sites if status.open_release} | {
            one.id for one in history
        }
        tops = await self._releases.records.messages_of_part(PARENT, sorted(shown))
        links = {owner: self._people.link_to(top.channel, top.ts) for owner, top in tops.items()}
        return {owner: link for owner, link in links.items() if link}
