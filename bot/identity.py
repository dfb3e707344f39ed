"""Who is it, and may they? Asked of Slack whenever somebody acts, and refused when Slack does not answer.

What a payload says about a person is not enough: for people of another workspace (Slack Connect) most
of it names our own team (java-slack-sdk issue 1041). `users.info` decides.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.refusals import slack_error
from commands.command import Role
from release.errors import NotPermitted

GROUP_CACHE_SECONDS = 60.0
MEMBER_CACHE_SECONDS = 30.0
SLACK_TROUBLE = (SlackClientError, aiohttp.ClientError, TimeoutError)
"""What the SDK raises when Slack refuses, cannot be reached, or does not answer in time."""

CANNOT_SEE = frozenset({"channel_not_found", "missing_scope"})
"""A private channel without the bot, and a group conversation of people."""
NO_GROUPS_IN_PLAN = frozenset({"plan_upgrade_required", "paid_teams_only"})


@dataclass(frozen=True)
class Roles:
    """Ids of people (U..., W...) and of user groups (S...). No approvers means that nobody may approve."""

    releasers: tuple[str, ...]
    approvers: tuple[str, ...]
    self_approval: bool = False
    allow_shared_channels: bool = False
    break_glass: tuple[str, ...] = ()

    def holders(self, role: Role) -> tuple[str, ...]:
        if role is Role.EITHER:
            return tuple(dict.fromkeys(self.releasers + self.approvers))
        if role is Role.BREAKER:
            return self.break_glass
        return self.approvers if role is Role.APPROVER else self.releasers


class SlackSilent(NotPermitted):
    problem = "Slack did not tell me {0} ({1}), so I did nothing."
    remedy = "Try again in a minute. If it stays like this, ask whoever runs the bot to look at its log."


@dataclass(frozen=True)
class Visitor:
    """A person as a payload names them. `teams` holds every workspace the payload says is theirs."""

    user: str
    teams: tuple[str, ...]


class People:
    """The members of the workspace and their roles, as Slack knows them at this moment."""

    def __init__(
        self, client: AsyncWebClient, roles: Roles, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.roles = roles
        self._client = client
        self._clock = clock
        self._team: str | None = None
        self._workspace = ""
        self._groups: dict[str, tuple[float, frozenset[str]]] = {}
        self._zones: dict[str, str] = {}
        self._members_seen: dict[str, float] = {}  # when Slack last said that they are

    def link_to(self, channel: str, ts: str) -> str:
        """Where a message is, as Slack's own permalinks say it; empty while the workspace's address is not known."""
        return f"{self._workspace}archives/{channel}/p{ts.replace('.', '')}" if self._workspace and ts else ""

    def zone_of(self, user: str) -> str:
        """The time zone of somebody who was identified, as Slack names it; UTC where it does not."""
        return self._zones.get(user, "UTC")

    async def identify(self, visitor: Visitor, looks: bool = False) -> None:
        """Pass only a living, full member of our own workspace. Raises NotPermitted for everyone else.

        For one who only `looks` an answer of the last half minute does: Slack takes about a hundred of these
        questions a minute, and whoever looks again and again must not keep others from acting.
        """
        ours = await self._our_team()
        if any(team != ours for team in visitor.teams):
            raise _stranger()
        known = self._members_seen.get(visitor.user)
        if looks and known is not None and self._clock() - known < MEMBER_CACHE_SECONDS:
            return
        answer = await self._ask("who you are", "users.info", {"user": visitor.user})
        user = answer["user"]
        if user.get("is_stranger") or user.get("team_id") != ours:
            raise _stranger()
        if user.get("deleted"):
            raise NotPermitted("This account is deactivated.", "Use the account of an active member.")
        if user.get("is_bot") or user.get("id") == "USLACKBOT":
            raise NotPermitted("Bots may not give me orders.", "A person has to type or click this.")
        if user.get("is_restricted") or user.get("is_ultra_restricted"):
            raise NotPermitted(
                "Guests may not use this bot.", "Ask a full member of this workspace to do it for you."
            )
        self._zones[visitor.user] = str(user.get("tz") or "UTC")
        self._members_seen[visitor.user] = self._clock()

    async def authorise(self, user: str, role: Role, channel: str, fresh: bool = False) -> None:
        """Pass only who holds `role`, in a channel that is ours alone. Raises NotPermitted.

        `fresh` asks Slack for the members of groups anew instead of trusting an answer of the last minute.
        """
        if role is Role.ANYONE:
            return
        await self.our_channel(channel)
        holders = self.roles.holders(role)
        if user in holders:
            return
        for group in (holder for holder in holders if holder.startswith("S")):
            if user in await self._members(group, fresh):
                return
        if not holders:
            raise NotPermitted(
                f"Nobody is set as {role}, so nobody may do this.",
                f"Whoever runs the bot adds people or user groups to the {_many(role)} in its settings.",
            )
        raise NotPermitted(
            f"This takes {_one(role)}, and you are not one.",
            f"Ask {_one(role)} to do it, or whoever runs the bot to add you.",
        )

    async def _our_team(self) -> str:
        if self._team is None:
            answer = await self._ask("which workspace this is", "auth.test", {})
            self._team = str(answer["team_id"])
            self._workspace = str(answer.get("url") or "")
        return self._team

    async def our_channel(self, channel: str) -> None:
        """Pass only a channel that the bot sees and whose people are all of our workspace. Raises NotPermitted.

        The App Home has no channel. A direct message is refused: nobody could approve what nobody sees.
        """
        if not channel:
            return
        if channel.startswith("D"):
            raise NotPermitted(
                "I tell a release where it was asked for, and nobody else would see it here.",
                "Type this in a channel of your team.",
            )
        try:
            answer = await self._ask("whose channel this is", "conversations.info", {"channel": channel})
        except SlackSilent as error:
            if error.args[1] in CANNOT_SEE:
                raise NotPermitted(
                    "I cannot see this conversation, so I could not tell its people how it goes.",
                    "Type this in a channel, and /invite me first if it is private.",
                ) from error
            raise
        shared = answer["channel"].get("is_ext_shared") or answer["channel"].get("is_pending_ext_shared")
        if shared and not self.roles.allow_shared_channels:
            raise NotPermitted(
                "This channel is shared with another organisation.",
                "Do this in a channel of your own workspace.",
            )

    async def _members(self, group: str, fresh: bool) -> frozenset[str]:
        known = self._groups.get(group)
        if known is not None and not fresh and self._clock() - known[0] < GROUP_CACHE_SECONDS:
            return known[1]
        try:
            answer = await self._ask("who is in the group", "usergroups.users.list", {"usergroup": group})
        except SlackSilent as error:
            if error.args[1] in NO_GROUPS_IN_PLAN:
                raise NotPermitted(
                    "The bot's settings name a user group, and this workspace's plan has none.",
                    "Whoever runs the bot lists people's ids (U...) instead.",
                ) from error
            raise
        members = frozenset(answer["users"])
        self._groups[group] = (self._clock(), members)
        return members

    async def _ask(self, what: str, method: str, arguments: dict[str, str]) -> Any:  # Any: Slack's JSON
        try:
            return (await self._client.api_call(method, params=arguments)).data
        except SlackApiError as error:
            raise SlackSilent(what, slack_error(error)) from error
        except SLACK_TROUBLE as error:
            raise SlackSilent(what, "no answer") from error


def _one(role: Role) -> str:
    return f"an {role}" if role is Role.APPROVER else f"a {role}"


def _many(role: Role) -> str:
    return "releasers or approvers" if role is Role.EITHER else f"{role}s"


def _stranger() -> NotPermitted:
    return NotPermitted(
        "Only members of the workspace this bot belongs to may use it.",
        "Ask someone of that workspace to do it for you.",
    )
