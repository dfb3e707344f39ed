"""What people decide about releases that are under way, and what time decides."""

from datetime import UTC, datetime, timedelta

from release.asked.freezing import Freezing
from release.errors import (
    BeingWatched,
    NoOldSlot,
    NothingToCancel,
    NotWatched,
    ReleaseError,
    TooLateToCancel,
)
from release.freezes import (
    OPEN_ALWAYS,
)
from release.model import (
    BROKEN_GLASS,
    Decided,
    Kind,
    Release,
    State,
    Step,
    StepState,
    Verdict,
    WatchDecided,
    WatchEnd,
)


class NoSuchApproval(ReleaseError):
    problem = "This question is not one of this bot's."
    remedy = "Look at /ghost status for what waits for a decision."


class Deciding(Freezing):
    """Of several decisions the first counts."""

    async def decide(self, approval: str, verdict: Verdict, by: str, reason: str | None = None) -> Decided:
        """Approve or reject: of racing decisions one wins, and only it starts the promotion."""
        decided = await self._decided(approval, verdict, by, reason)
        if decided is None:
            raise NoSuchApproval
        return decided

    async def break_glass(self, approval: str, by: str, reason: str) -> Decided:
        """Approve alone, whoever asked and whatever is frozen; the reason is kept and told."""
        decided = await self._decided(approval, Verdict.APPROVED, by, BROKEN_GLASS + reason, alone=True)
        if decided is None:
            raise NoSuchApproval
        return decided

    async def _decided(
        self,
        approval_id: str,
        verdict: Verdict,
        by: str | None,
        reason: str | None = None,
        alone: bool = False,
    ) -> Decided | None:
        """Decide, and start what follows: the promotion, or undoing what was done to staging."""
        approval = await self.records.approval(approval_id)
        if approval is None:
            return None
        release = await self.records.release(approval.release)
        if verdict is Verdict.APPROVED and approval.verdict is Verdict.PENDING and not alone:
            await self._may_go_live(release.kind, release.site)
        undo = _leaves_staging_changed(release, verdict)
        decided = await self.records.decide(approval_id, verdict, by, reason, undo, alone)
        if decided is not None and decided.won and decided.release.state.is_open:
            await self._start(decided.release)
        return decided

    async def stop_old_slot(self, release_id: str) -> Release:
        """The old version's slot is stopped now, not after its grace. Raises NoOldSlot where none waits for that."""
        release = await self.records.release(release_id)
        facts = release.facts
        if release.state is not State.LIVE or facts.old_slot_stops_at is None or facts.old_slot_stopped_at:
            raise NoOldSlot(release.site)
        if facts.old_slot_stops_at > datetime.now(UTC):
            await self.records.note(release_id, old_slot_stops_at=datetime.now(UTC))
        return await self.records.release(release_id)

    async def end_watch(self, release_id: str, end: WatchEnd, by: str) -> WatchDecided:
        """Keep a release that is being watched, or take it back. The decision that stands; the first one wins.

        Raises NotWatched where nothing was left to decide.
        """
        release = await self.records.release(release_id)
        if release.is_watched:
            return await self.records.decide_watch(release_id, WatchDecided(end, datetime.now(UTC), by))
        if release.facts.watch is not None:
            return release.facts.watch
        raise NotWatched(release.id, release.state.replace("_", " "), release.site)

    async def cancel(self, site: str | None, by: str) -> Release:
        """Stop the open release of a site between two steps. Raises TooLateToCancel once the swap was asked for."""
        chosen = self._site(site)
        release = await self.records.open_release(chosen.name)
        if release is None:
            raise NothingToCancel(chosen.name)
        if release.state is State.AWAITING_APPROVAL:
            approval = await self.records.approval_of(release.id)
            if approval is not None:
                decided = await self._decided(approval.id, Verdict.CANCELLED, by)
                if decided is not None and decided.won:
                    return decided.release
        if release.is_watched:
            raise BeingWatched(chosen.name, release.id)
        if release.state is State.UNDOING:
            return release
        if release.step(Step.SWAP).state is not StepState.PENDING or release.state is State.ROLLING_BACK:
            raise TooLateToCancel(release.id, chosen.name)
        if not await self.records.ask_cancel(release.id, by):
            raise TooLateToCancel(release.id, chosen.name)
        return await self.records.release(release.id)

    async def expire_approvals(self) -> None:
        """Questions nobody answered in time are closed, and their sites are free again."""
        for approval in await self.records.overdue_approvals():
            await self._decided(approval.id, Verdict.EXPIRED, None, "nobody decided in time")

    async def remind_approvers(self) -> None:
        """Questions that nobody has answered for a while are asked again, once."""
        now = datetime.now(UTC)
        for one in await self.records.waiting():
            if one.reminded or one.frozen is not None:  # while it is frozen nobody could approve it
                continue
            site = self._sites.get(one.site)
            after = site.config.remind_after if site else timedelta()
            if after and one.asked_at + after <= now < one.expires_at:
                await self.records.note(one.release, reminded_at=now)

    async def tell_freezes(self) -> None:
        """What waits for an approval knows the freeze that keeps it from going live, and when that is over."""
        moment = datetime.now(UTC)
        typed = await self.records.freezes(moment)
        for one in await self.records.waiting():
            if one.kind in OPEN_ALWAYS:
                continue
            found = self._frozen(one.site, typed, moment)
            if found != one.frozen:
                await self.records.note(one.release, frozen=found)


def _leaves_staging_changed(release: Release, verdict: Verdict) -> bool:
    """Whether staging has to be given back what it was.

    Who cancels wants it undone. A candidate that was rejected, or waited in vain, stays: it can still be swapped
    in. But an old slot that was started only to be looked at is stopped again, and what waits for a migration which
    nobody wants, or runs on a scratch database, is of no use.
    """
    before = release.facts.staging_before
    if before is None:
        return False
    if release.kind is Kind.DEPLOY_ASKING_FIRST or release.kind.rehearses:
        return True
    only_started = release.kind.goes_back or release.kind is Kind.SWAP
    return verdict is Verdict.CANCELLED or (only_started and not before.running)
