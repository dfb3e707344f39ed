"""What the buttons do: approvals, cancelling, rollbacks, watching, late writes, versions. All come through the door."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from slack_sdk.models.blocks import ActionsBlock
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot.door import Answer, Door, Knock, utc_now
from bot.identity import Roles
from bot.modal import Modal
from bot.notices import Notices
from bot.render.message import Message, ago, button, escape, person, when
from bot.render.modals import refused, why_alone, why_rejected
from bot.render.replies import nothing_to_cancel, reply, said
from bot.render.rollback import confirmed
from bot.render.standing import untouched
from bot.render.words import release_title
from commands.command import CancelAsked, Role, Skipped, Started, Unscheduled, Unskipped
from commands.moment import next_working_morning, zone_of
from release.errors import NotPermitted
from release.model import Approval, Release, Verdict, WatchEnd
from release.releases import Releases

VERDICT_WORDS = {
    Verdict.PENDING: "still open",
    Verdict.APPROVED: "already approved",
    Verdict.REJECTED: "already rejected",
    Verdict.EXPIRED: "expired",
    Verdict.CANCELLED: "already cancelled",
}


def is_one_of_several(approval: Approval, now: datetime) -> bool:
    """Whether somebody has said yes and it takes others, too."""
    return approval.verdict is Verdict.PENDING and bool(approval.votes) and now < approval.expires_at


class Buttons:
    """One method a button; `value` is what the button carries: an id, and nothing to trust beyond that."""

    def __init__(
        self,
        door: Door,
        roles: Roles,
        releases: Releases,
        notices: Notices,
        client: AsyncWebClient,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._door = door
        self._roles = roles
        self._releases = releases
        self._notices = notices
        self._clock = clock

    async def approve(self, knock: Knock, value: str, answer: Answer) -> None:
        """Promote the release this approval is of, if this is the first decision and by someone else."""

        async def act() -> Message:
            release = await self._asked_for(value)
            if release.asked_by == knock.visitor.user and not self._roles.self_approval:
                raise NotPermitted(
                    "You asked for this release, so you cannot approve it yourself.",
                    "Ask another approver to look at it.",
                )
            return await self._decide(value, Verdict.APPROVED, knock.visitor.user)

        async def with_glass(told: Message) -> None:
            await answer(await self._with_glass(told, knock, value))

        await self._door.enter(knock, Role.APPROVER, act, with_glass, fresh=True)

    async def reject(self, knock: Knock, value: str, answer: Answer) -> None:
        """Ask why; who may not reject it reads so in the same modal."""
        await self._ask_why(knock, value, Role.APPROVER, why_rejected, answer)

    async def rejected(self, knock: Knock, value: str, reason: str, answer: Answer) -> None:
        """End the release this approval is of, for that reason; production stays as it is."""

        async def act() -> Message:
            return await self._decide(value, Verdict.REJECTED, knock.visitor.user, reason)

        await self._door.enter(knock, Role.APPROVER, act, answer, fresh=True)

    async def break_glass(self, knock: Knock, value: str, answer: Answer) -> None:
        """Ask why; who may not approve alone reads so in the same modal."""
        await self._ask_why(knock, value, Role.BREAKER, why_alone, answer)

    async def glass_broken(self, knock: Knock, value: str, reason: str, answer: Answer) -> None:
        """Put the release live on one person's word; its channel is told, as part of its thread."""

        async def act() -> Message:
            release, late = await self._still_open(value)
            if late is not None:
                return late
            decided = await self._releases.break_glass(value, knock.visitor.user, reason)
            if not decided.won:
                return said(self._too_late(decided.approval, release_title(release)))
            return said(
                f":white_check_mark: You broke the glass. {release_title(release)}: it goes live now, and the channel "
                "reads why."
            )

        await self._door.enter(knock, Role.BREAKER, act, answer, fresh=True)

    async def _still_open(self, approval_id: str) -> tuple[Release, Message | None]:
        """The release, and what is to be said where it is decided already."""
        release = await self._asked_for(approval_id)
        approval = await self._releases.records.approval(approval_id)
        if approval is None or approval.verdict is Verdict.PENDING:
            return release, None
        return release, said(self._too_late(approval, release_title(release)))

    async def _ask_why(
        self,
        knock: Knock,
        approval_id: str,
        needs: Role,
        question: Callable[[Release, str, str], View],
        answer: Answer,
    ) -> None:
        """Open the question before Slack is asked anything, then look who clicked.

        Whoever answers it is looked at again.
        """
        modal = Modal(self._client, knock.delivery)

        async def at_once() -> None:
            approval = await self._releases.records.approval(approval_id)
            if approval is not None and approval.verdict is Verdict.PENDING:
                release = await self._releases.records.release(approval.release)
                await modal.open(question(release, approval_id, knock.channel))

        async def act() -> Message | None:
            if modal.is_open:
                return None
            _, late = await self._still_open(approval_id)
            if late is None:
                raise modal.trouble
            return late

        async def also_in_the_modal(told: Message) -> None:
            await modal.show(refused(told))
            await answer(told)

        await self._door.enter(knock, needs, act, also_in_the_modal, fresh=True, at_once=at_once)

    async def _with_glass(self, told: Message, knock: Knock, approval_id: str) -> Message:
        """The answer to a click on Approve, with a way to decide alone for who may, while it is not decided."""
        approval = await self._releases.records.approval(approval_id)
        if approval is None or approval.verdict is not Verdict.PENDING:
            return told
        try:
            await self._door.people.authorise(knock.visitor.user, Role.BREAKER, knock.channel)
        except NotPermitted:
            return told
        glass = button("Break the glass", "break_glass", approval_id, "danger")
        return replace(told, blocks=(*told.blocks, ActionsBlock(elements=[glass]).to_dict()))

    async def cancel(self, knock: Knock, value: str, answer: Answer) -> None:
        """Stop this release before its next step."""

        async def act() -> Message:
            release = await self._releases.records.release(value)
            if not release.state.is_open:
                return nothing_to_cancel(release)
            cancelled = await self._releases.cancel(release.site, knock.visitor.user)
            return reply(CancelAsked(cancelled), self._door.slash)

        await self._door.enter(knock, Role.RELEASER, act, answer)

    async def stop_old(self, knock: Knock, value: str, answer: Answer) -> None:
        """Have the slot of the version before this release stopped soon; a rollback starts it again first."""

        async def act() -> Message:
            release = await self._releases.stop_old_slot(value)
            other = await self._releases.records.open_release(release.site)
            soon = "in a moment" if other is None else f"once this is over: {release_title(other)}"
            return said(
                f":white_check_mark: The old version of {escape(release.site)} is stopped {soon}. A rollback is still "
                "possible, and takes as long as it needs to start."
            )

        await self._door.enter(knock, Role.RELEASER, act, answer)

    async def unschedule(self, knock: Knock, value: str, answer: Answer) -> None:
        """What waits under this id is never begun."""

        async def act() -> Message:
            one = await self._releases.unschedule(value, knock.visitor.user)
            return reply(Unscheduled(one), self._door.slash)

        await self._door.enter(knock, Role.RELEASER, act, answer)

    async def rollback(self, knock: Knock, value: str, answer: Answer) -> None:
        """Prepare to take this release back, if it is still what production runs; it asks before it swaps."""

        async def act() -> Message:
            release = await self._releases.records.release(value)
            if release.undone_by is not None:
                return said(
                    f"{release_title(release)} was taken back already, by rollback {escape(release.undone_by)}."
                )
            rollback = await self._releases.roll_back(
                release.site, knock.visitor.user, release.channel, of=release.id
            )
            return reply(Started(rollback), self._door.slash)

        await self._door.enter(knock, Role.RELEASER, act, answer, fresh=True)

    async def confirm_rollback(self, knock: Knock, value: str, answer: Answer) -> None:
        """Roll back, at the price that was told. Whoever asked may confirm: it is for emergencies."""

        async def act() -> Message:
            await self._rollback_asked_for(value)
            return await self._decide(value, Verdict.APPROVED, knock.visitor.user)

        await self._door.enter(knock, Role.EITHER, act, answer, fresh=True)

    async def keep_version(self, knock: Knock, value: str, answer: Answer) -> None:
        """End the rollback this question is of; production stays as it is."""

        async def act() -> Message:
            await self._rollback_asked_for(value)
            return await self._decide(value, Verdict.REJECTED, knock.visitor.user)

        await self._door.enter(knock, Role.EITHER, act, answer, fresh=True)

    async def keep(self, knock: Knock, value: str, answer: Answer) -> None:
        """Stop watching this release: it stays live, and nothing is swapped back by itself any more."""

        async def act() -> Message:
            return await self._end_watch(value, WatchEnd.KEPT, knock.visitor.user)

        await self._door.enter(knock, Role.EITHER, act, answer, fresh=True)

    async def swap_back(self, knock: Knock, value: str, answer: Answer) -> None:
        """Take this release back while it is still being watched."""

        async def act() -> Message:
            return await self._end_watch(value, WatchEnd.TAKEN_BACK, knock.visitor.user)

        await self._door.enter(knock, Role.EITHER, act, answer, fresh=True)

    async def undo_migration(self, knock: Knock, value: str, answer: Answer) -> None:
        """Run the down migration of this release, if it still is the last that migrated and is not live."""

        async def act() -> Message:
            release = await self._releases.records.release(value)
            started = await self._releases.undo_migration(
                release.site, knock.visitor.user, release.channel, of=release.id
            )
            return reply(Started(started), self._door.slash)

        await self._door.enter(knock, Role.APPROVER, act, answer, fresh=True)

    async def carry(self, knock: Knock, value: str, answer: Answer) -> None:
        """Stage the late writes of this release, if production still runs it and nobody has carried them."""

        async def act() -> Message:
            release = await self._releases.records.release(value)
            started = await self._releases.carry_over(
                release.site, knock.visitor.user, release.channel, of=release.id
            )
            return reply(Started(started), self._door.slash)

        await self._door.enter(knock, Role.RELEASER, act, answer, fresh=True)

    async def upgrade(self, knock: Knock, value: str, answer: Answer) -> None:
        """Start the upgrade that a notice offers, or the Home."""

        async def act() -> Message:
            wish = json.loads(value)
            site, version = str(wish["site"]), str(wish["version"])
            channel = knock.channel or self._notices.channel or ""
            started = await self._releases.upgrade(site, version, knock.visitor.user, channel)
            return reply(Started(started), self._door.slash)

        await self._door.enter(knock, Role.RELEASER, act, answer)

    async def skip(self, knock: Knock, value: str, answer: Answer) -> None:
        """Never mention this version again, unless somebody undoes it."""

        async def act() -> Message:
            await self._releases.skip_version(value, knock.visitor.user)
            await self._notices.follow_skips()
            return reply(Skipped(value, None), self._door.slash)

        await self._door.enter(knock, Role.RELEASER, act, answer)

    async def unskip(self, knock: Knock, value: str, answer: Answer) -> None:
        """The version is offered again."""

        async def act() -> Message:
            await self._releases.unskip_version(value, knock.visitor.user)
            await self._notices.follow_skips()
            return reply(Unskipped(value, None), self._door.slash)

        await self._door.enter(knock, Role.RELEASER, act, answer)

    async def remind(self, knock: Knock, value: str, answer: Answer) -> None:
        """Whoever clicked hears of this version again on their next working day, at nine in the morning."""

        async def act() -> Message:
            zone = zone_of(self._door.people.zone_of(knock.visitor.user))
            at = next_working_morning(self._clock(), zone)
            await self._releases.records.remind(value, knock.visitor.user, at)
            return said(f":alarm_clock: I remind you of Ghost {escape(value)} here in Slack, {when(at)}.")

        await self._door.enter(knock, Role.ANYONE, act, answer)

    async def _end_watch(self, release_id: str, end: WatchEnd, by: str) -> Message:
        decided = await self._releases.end_watch(release_id, end, by)
        title = release_title(await self._releases.records.release(release_id))
        if decided.by == by and decided.end is end:
            what = "is kept; I stop watching" if end is WatchEnd.KEPT else "is being swapped back now"
            return said(f":white_check_mark: {title} {what}.")
        ends = {WatchEnd.KEPT: "kept", WatchEnd.TAKEN_BACK: "swapped back"}
        who = person(decided.by) if decided.by else "me: its time was over, or it was sick"
        return said(f"{title} was already {ends[decided.end]} by {who}, {self._ago(decided.at)}.")

    async def _asked_for(self, approval_id: str) -> Release:
        approval = await self._releases.records.approval(approval_id)
        if approval is None:
            raise NotPermitted(
                "I do not know this approval any more.", "Start the release again to get a new one."
            )
        return await self._releases.records.release(approval.release)

    async def _rollback_asked_for(self, approval_id: str) -> None:
        """A rollback takes no second pair of eyes, everything else does: the ids of others are refused here."""
        release = await self._asked_for(approval_id)
        if not release.kind.goes_back:
            raise NotPermitted(
                "This question is not about a rollback.", "Decide it with the buttons on its own card."
            )

    async def _decide(
        self, approval_id: str, verdict: Verdict, by: str, reason: str | None = None
    ) -> Message:
        await self._asked_for(approval_id)
        decided = await self._releases.decide(approval_id, verdict, by, reason)
        title = release_title(decided.release)
        if verdict is Verdict.APPROVED and is_one_of_several(decided.approval, self._clock()):
            votes, needed = len(decided.approval.votes), decided.approval.needed
            yes = f":ballot_box_with_check: Your yes counts: {votes} of {needed}."
            return said(f"{yes} {title} waits for another approver.")
        if not decided.won:
            return said(self._too_late(decided.approval, title))
        if decided.release.kind.goes_back:
            return said(confirmed(decided.release, verdict))
        if verdict is Verdict.APPROVED:
            return said(
                f":white_check_mark: You approved. {title}: it goes live now; follow it in the thread."
            )
        return said(f":no_entry_sign: You rejected. {title} is over. {untouched(decided.release)}")

    def _too_late(self, approval: Approval, title: str) -> str:
        """`Upgrade blog to 6.65.0: already approved by @ann, 12 s ago.`"""
        text = f"{title}: {VERDICT_WORDS[approval.verdict]}"
        if approval.verdict is Verdict.EXPIRED or approval.verdict is Verdict.PENDING:
            late = self._ago(approval.expires_at)
            return f"{title}: the time to decide ended {late}. Start it again to get a new approval."
        if approval.decided_by:
            text += f" by {person(approval.decided_by)}"
        if approval.decided_at:
            text += f", {self._ago(approval.decided_at)}"
        return f"{text}."

    def _ago(self, moment: datetime) -> str:
        return ago((self._clock() - moment).total_seconds())
