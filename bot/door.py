"""The one door: whatever comes from Slack is acknowledged, identified, authorised, run and answered here."""

import hashlib
import html
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from bot.identity import People, Visitor
from bot.render.message import Message
from bot.render.replies import nothing_to_cancel, refusal, reply, usage_error
from bot.render.scheduled import busy
from bot.replays import KEPT_SECONDS
from bot.subject import subject
from commands import COMMANDS, find, unknown
from commands.command import (
    Command,
    HistoryReply,
    Reply,
    Request,
    Role,
    ScheduledFor,
    UsageError,
    Words,
    known_site,
)
from commands.later import now_and_later, time_of
from release.errors import NotPermitted, ReleaseError, SiteBusy
from release.masking import without_secrets
from release.model import Release
from release.records import Deed
from release.records.rows import NoSuchRelease
from release.releases import Releases

log = logging.getLogger(__name__)

STOPS = "cancel"

Answer = Callable[[Message], Awaitable[None]]
Mistake = TypeVar("Mistake", UsageError, ReleaseError)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Knock:
    """One thing asked for by one person. `delivery` is Slack's id of it: a second arrival is the same one.

    `what` and `about` are for the audit: `approve`, `r-7f3k2`. `slash` is the command that was typed, where one was:
    answers name it. `site` is the one it is of where no word names another: that of an own command, or of a thread.
    """

    visitor: Visitor
    channel: str
    what: str
    about: str
    delivery: str
    slash: str | None = None
    site: str = ""


class BusyNow(SiteBusy):
    """The last argument is the order, as it was typed, that may wait until the site is free."""

    @property
    def holder(self) -> str:
        """The id of the release that holds the site."""
        return str(self.args[1])

    @property
    def order(self) -> str:
        return str(self.args[-1])


class Door:
    def __init__(
        self,
        people: People,
        releases: Releases,
        slash: str = "/ghost",
        commands: tuple[Command[Any], ...] = COMMANDS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._clock = clock
        self.people = people
        self.slash = slash
        self._commands = commands
        self._releases = releases

    async def command(self, knock: Knock, text: str, answer: Answer) -> None:
        """Run one typed command, from a slash command."""
        name, *rest = words_of(text) or ["help"]
        command = find(name, self._commands)
        needs = command.needs if command else Role.ANYONE

        async def act() -> Message:
            return await self._run(command, name, rest, knock)

        await self.enter(knock, needs, act, answer)

    async def queue(self, knock: Knock, order: str, answer: Answer) -> None:
        """Let an order that was typed wait until its site is free."""
        name, *rest = order.split() or [""]
        command = find(name, self._commands)
        if command is None or not command.can_wait:
            return

        async def act() -> Message:
            site = known_site(command.parse(Words(tuple(rest))).site, self._releases.sites)
            one = await self._releases.schedule(site, order, knock.visitor.user, knock.channel, None)
            return reply(ScheduledFor(one), self.slash)

        await self.enter(knock, command.needs, act, answer)

    async def question(self, knock: Knock, text: str, answer: Answer, thread: str | None = None) -> None:
        """Run one command typed as a mention, where only looking is possible, and stopping what its thread is about.

        In the `thread` of a release its site need not be named.
        """
        name, *rest = words_of(text) or ["help"]
        command = find(name, self._commands)
        stops = command is not None and command.name == STOPS
        about = await self._release_told_in(knock.channel, thread)
        if about is not None:
            knock = replace(knock, site=about.site)

        async def act() -> Message:
            if command is not None and command.needs is not Role.ANYONE and not stops:
                raise NotPermitted(
                    f"Mentions and direct messages are for what everybody may ask, and {command.name} takes a role.",
                    f"Type `{self.slash} {command.usage}` in the channel, outside any thread.",
                )
            if not knock.channel.startswith("D"):  # the answer is for all to see, so all must be ours
                await self.people.our_channel(knock.channel)
            if stops and not rest and about is not None and not about.state.is_open:
                return nothing_to_cancel(about)
            return await self._run(command, name, rest, knock)

        await self.enter(knock, Role.RELEASER if stops else Role.ANYONE, act, answer)

    async def enter(
        self,
        knock: Knock,
        needs: Role,
        act: Callable[[], Awaitable[Message | None]],
        answer: Answer,
        fresh: bool = False,
        at_once: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Let `act` happen if this person may, and answer with what it returns (None: nothing more) or why not.

        `at_once` happens before Slack is asked who this is, so it may not do anything that takes a right.

        A knock delivered twice is answered once, also by two replicas and after a restart. Anything but a
        ReleaseError or a UsageError is a defect and goes on to Bolt's error handler.
        """
        digest = hashlib.sha256(f"delivery {knock.delivery}".encode()).hexdigest()
        if not await self._releases.records.is_new(digest, KEPT_SECONDS):
            what = without_secrets(knock.what)
            log.info("Delivered twice", extra={"delivery": knock.delivery, "what": what})
            return
        user, slash = knock.visitor.user, knock.slash or self.slash
        outcome = "failed by a defect: the log has it"
        told: Message | None
        try:
            if at_once is not None:
                await at_once()
            await self.people.identify(knock.visitor, looks=needs is Role.ANYONE)
            await self.people.authorise(user, needs, knock.channel, fresh)
            told = await act()
        except UsageError as error:
            command = find(knock.what.split(maxsplit=1)[0], self._commands) if knock.what else None
            told = usage_error(_hiding(error), command, slash)
            outcome = f"not understood: {error}"
        except BusyNow as error:
            told = busy(error, error.order, slash, await self._link_to(error.holder))
            outcome = f"refused: {error}"
        except ReleaseError as error:
            told = refusal(_hiding(error), slash)
            outcome = f"refused: {error}"
        else:
            outcome = f"answered: {told.text}" if told else "asked for a reason"
        finally:
            await self._audit(knock, outcome)
        if told is not None:
            await answer(told)

    async def _run(
        self,
        command: Command[Any] | None,
        name: str,
        rest: list[str],
        knock: Knock,
    ) -> Message:
        if command is None:
            raise unknown(name, self._commands)
        if knock.site and command.name == "help" and not rest:
            rest = [knock.site]
        slash = knock.slash or self.slash
        at_once, later = now_and_later(tuple(rest)) if command.can_wait else (tuple(rest), ())
        order = command.parse(Words(at_once))
        if knock.site and getattr(order, "site", knock.site) is None:
            at_once = (knock.site, *at_once)
            order = replace(order, site=knock.site)
        zone = self.people.zone_of(knock.visitor.user)
        request = Request(knock.visitor.user, knock.channel, self._commands, self._clock(), zone)
        typed = " ".join((command.name, *at_once))
        if later and without_secrets(typed) != typed:
            raise UsageError("An address with a password or a signature cannot wait: I keep no secrets.")
        if later:
            at = time_of(later, request)
            site = known_site(order.site, self._releases.sites)
            one = await self._releases.schedule(site, typed, request.by, request.channel, at)
            return reply(ScheduledFor(one), slash)
        try:
            told = await command.run(order, request, self._releases)
            return reply(await self._with_links(told), slash)
        except SiteBusy as error:
            may_wait = command.can_wait and without_secrets(typed) == typed
            raise (BusyNow(*error.args, typed) if may_wait else error) from error

    async def _with_links(self, told: Reply) -> Reply:
        """A history leads to the threads of its releases."""
        if not isinstance(told, HistoryReply):
            return told
        return replace(told, links=await self._links([release.id for release in told.releases]))

    async def _links(self, ids: list[str]) -> dict[str, str]:
        """To the threads of these releases."""
        tops = await self._releases.records.messages_of_part("parent", ids)
        return {owner: self.people.link_to(top.channel, top.ts) for owner, top in tops.items()}

    async def _link_to(self, release: str) -> str:
        return (await self._links([release])).get(release, "")

    async def _release_told_in(self, channel: str, thread: str | None) -> Release | None:
        """The release that a thread is about."""
        owner = await self._releases.records.told_in(channel, thread) if thread else None
        if owner is None:
            return None
        try:
            return await self._releases.records.release(owner)
        except NoSuchRelease:  # a notice, say
            return None

    async def _audit(self, knock: Knock, outcome: str) -> None:
        site, release = await subject(knock.what, knock.about, knock.site, self._releases)
        told = without_secrets(" ".join(outcome.split()))
        what = without_secrets(knock.what)
        deed = Deed(knock.visitor.user, what, knock.about, told, site, release, knock.channel)
        entry = await self._releases.records.audit(deed)
        # Each digest in the log, too: who rewrites the whole chain cannot also rewrite a log kept elsewhere.
        log.info("Audited", extra={"entry": entry.id, "digest": entry.digest})


def _hiding(error: Mistake) -> Mistake:
    """The error without what an address among the typed words may carry: answers to mentions are for all to see."""
    error.args = tuple(without_secrets(one) if isinstance(one, str) else one for one in error.args)
    return error


def words_of(text: str) -> list[str]:
    """What was typed, as words. Slack turns addresses into links, names into ids and `&` into an entity; undo it.

    An address that somebody typed whole is given back whole; `blog.example.com`, which Slack made one of, as it was.
    """
    text = re.sub(r"<((?:https?://|mailto:)[^|>]*)(?:\|([^>]*))?>", _as_typed, text)
    text = re.sub(r"<(@|#|!subteam\^)\w+\|([^>]+)>", _as_named, text)
    return html.unescape(text).split()


def _as_named(mention: re.Match[str]) -> str:
    return ("#" if mention[1] == "#" else "@") + mention[2].removeprefix("@")


def _as_typed(link: re.Match[str]) -> str:
    target, label = link.group(1), link.group(2)
    if target.startswith("mailto:"):
        return label or target.removeprefix("mailto:")
    if label is not None:
        # A long address may be shown shortened; then it is the target that was meant.
        return label if not label.startswith(("http://", "https://")) else target
    path = target.partition("://")[2].partition("/")[2]
    return target if path else target.partition("://")[2].rstrip("/")
