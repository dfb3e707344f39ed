"""Reasons: why it is rejected, and why one person decides alone. And approvals that take more than one."""

import asyncio

import pytest

from bot.identity import Roles
from release.model import State, Verdict
from tests.bot.conftest import IN_BOTH_MODES, Team

pytestmark = IN_BOTH_MODES


async def test_who_rejects_says_why_and_everybody_reads_it(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.rejects("ben", card, "The front page   lost its picture")
    await team.sees("You rejected", who="ben")
    told = await team.sees("Rejected: blog", who="ann", without="Approve")
    assert "Reason: The front page lost its picture" in told["plain"]
    ended = await team.records.release(release.id)
    assert (ended.state, ended.reason) == (State.REJECTED, "The front page lost its picture")


async def test_who_may_not_reject_reads_so_where_the_question_was(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.ask("PUT", "groups", handle="approvers", users=["cleo"])
    await team.clicks("ben", "Reject", card)
    await team.sees("This takes an approver, and you are not one", who="ben")
    modal = await team.sees_modal("This takes an approver, and you are not one", "ben")
    assert modal["submit"] is None
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL


async def test_the_question_opens_while_slack_is_slow_to_say_who_clicked(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.ask("PUT", "groups", handle="approvers", users=["cleo"])
    await team.breaks("users.info", hang=4)  # by then Slack opens no modal for that click any more
    await team.clicks("ben", "Reject", card)
    await team.submits("ben", "Why not?", "I would rather not")
    await team.sees("This takes an approver, and you are not one", who="ben")

    async def looked_twice() -> bool:
        refusals = [line for line in await team.audited() if "refused: This takes an approver" in line]
        return len(refusals) == 2

    await team.eventually(looked_twice, seconds=15)
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL


@pytest.mark.parametrize("method", ["users.info", "conversations.info", "usergroups.users.list"])
async def test_who_cannot_be_looked_up_rejects_nothing(team: Team, method: str) -> None:
    release, card = await team.waits_for_approval()
    await team.breaks(method, retry_after=3)
    await team.clicks("ben", "Reject", card)
    await team.sees_modal("so I did nothing", "ben")
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL


async def test_a_reason_that_comes_after_somebody_else_decided_changes_nothing(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.clicks("ben", "Reject", card)
    await team.sees_modal("Why not?", "ben")
    await team.clicks("cleo", "Approve", card, confirm=True)
    await team.sees("You approved", who="cleo")
    await team.submits("ben", "Why not?", "Too late")
    await team.sees("already approved by @cleo", who="ben")
    assert (await team.records.release(release.id)).state is State.PROMOTING


@pytest.mark.parametrize("refused", ["user_not_in_channel", "not_in_channel", "channel_not_found"])
async def test_who_cannot_be_answered_where_they_clicked_is_told_directly(team: Team, refused: str) -> None:
    _, card = await team.waits_for_approval()
    await team.clicks("ben", "Reject", card)
    await team.sees_modal("Why not?", "ben")
    await team.clicks("cleo", "Approve", card, confirm=True)
    await team.sees("You approved", who="cleo")
    await team.breaks("chat.postEphemeral", error=refused)
    await team.submits("ben", "Why not?", "Too late")
    await team.sees("already approved by @cleo", who="ben", channel="@ghostbot")


async def test_two_approvers_are_needed_where_the_site_says_so(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.engine.stages(release.id, "6.40.0", "6.65.0", needed=2)
    card = await team.sees("It takes 2 of you: 0 so far", button="Approve")
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("Your yes counts: 1 of 2", who="ben")
    await team.sees("1 so far. @ben said yes", button="Approve")
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL
    await team.clicks("ben", "Approve", card, confirm=True)
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL, "one person is one"
    await team.clicks("cleo", "Approve", card, confirm=True)
    await team.sees("You approved", who="cleo")
    assert (await team.records.release(release.id)).state is State.PROMOTING
    assert len(team.engine.started) == 2
    audited = await team.audited()
    assert any("approve: 1 of 2" in line for line in audited)


async def test_of_three_yes_at_once_the_second_decides_and_it_starts_once(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.engine.stages(release.id, "6.40.0", "6.65.0", needed=2)
    approval = await team.records.approval_of(release.id)
    assert approval is not None
    people = (team.ben, str(team.addresses["users"]["cleo"]), str(team.addresses["users"]["gus"]))
    decided = await asyncio.gather(
        *(team.records.decide(approval.id, Verdict.APPROVED, person) for person in people)
    )
    assert sum(one is not None and one.won for one in decided) == 1
    assert (await team.records.release(release.id)).state is State.PROMOTING


async def test_one_person_breaks_the_glass_with_a_reason_that_the_channel_reads(team: Team) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ann, team.ben), break_glass=(team.ann,)))
    release, card = await team.waits_for_approval()
    await team.clicks("ann", "Approve", card, confirm=True)
    refused = await team.sees("You asked for this release", who="ann", button="Break the glass")
    await team.clicks("ann", "Break the glass", refused)
    await team.submits("ann", "Why can it not wait?", "The blog is down")
    told = await team.sees("broke the glass", who="ben")
    assert "Reason: The blog is down" in told["plain"]
    assert (await team.records.release(release.id)).state is State.PROMOTING
    assert any("decided: approved: break-glass: The blog is down" in line for line in await team.audited())


async def test_the_channel_reads_the_reason_of_who_breaks_the_glass_on_their_home(team: Team) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ben,), break_glass=(team.ben,)))
    release = await team.starts_upgrade()
    await team.engine.stages(release.id, "6.40.0", "6.65.0", needed=2)
    await team.ask("POST", "home", **{"as": "ben"})
    await team.sees("It waits for you", who="ben", channel=None, surface="home")
    click = {"as": "ben", "home": True, "action_id": f"approve:{release.id}", "confirm": True}
    await team.ask("POST", "click", **click)
    await team.sees("1 of 2", who="ben", channel=None, surface="home")
    await team.ask("POST", "click", **{"as": "ben", "home": True, "action_id": "break_glass"})
    await team.submits("ben", "Why can it not wait?", "The blog is down")
    await team.sees("You broke the glass", who="ben", channel=None, surface="home")
    told = await team.sees("broke the glass", who="ann", without="Approve")
    assert "Reason: The blog is down" in told["plain"]


async def test_a_bot_that_is_killed_right_after_the_glass_broke_tells_the_channel_later_and_once(
    team: Team,
) -> None:
    release, _ = await team.waits_for_approval()
    approval = await team.records.approval_of(release.id)
    assert approval is not None
    await team.stop_bot()
    await team.releases.break_glass(approval.id, team.ben, "The blog is down")
    await team.start_bot()
    told = await team.sees("broke the glass", who="ann")
    assert "Reason: The blog is down" in told["plain"]
    await team.engine.promotes(release.id, "6.40.0", "6.65.0")
    await team.sees("is live on 6.65.0", button="Rollback")
    assert len([one for one in await team.messages() if "broke the glass" in one["plain"]]) == 1


async def test_who_lost_that_role_meanwhile_breaks_nothing(team: Team) -> None:
    await team.ask("PUT", "groups", handle="releasers", users=["ann"])
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ann, team.ben), break_glass=("S0RELEASERS",)))
    release, card = await team.waits_for_approval()
    await team.clicks("ann", "Approve", card, confirm=True)
    offered = await team.sees("You asked for this release", who="ann", button="Break the glass")
    await team.clicks("ann", "Break the glass", offered)

    async def let_in() -> bool:
        return any("break_glass: asked for a reason" in line for line in await team.audited())

    await team.eventually(let_in)
    await team.ask("PUT", "groups", handle="releasers", users=["cleo"])
    await team.submits("ann", "Why can it not wait?", "The blog is down")
    await team.sees("and you are not one", who="ann")
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL
    await team.clicks("ann", "Break the glass", offered)
    await team.sees_modal("and you are not one")


async def test_without_that_role_nobody_is_offered_the_glass(team: Team) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ann, team.ben)))
    _, card = await team.waits_for_approval()
    await team.clicks("ann", "Approve", card, confirm=True)
    refused = await team.sees("You asked for this release", who="ann")
    assert "Break the glass" not in [one["label"] for one in refused["buttons"]]


@pytest.mark.parametrize("needed", [2, 3])
async def test_the_glass_also_stands_for_those_who_are_missing(team: Team, needed: int) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ben,), break_glass=(team.ben,)))
    release = await team.starts_upgrade()
    await team.engine.stages(release.id, "6.40.0", "6.65.0", needed=needed)
    card = await team.sees("Approve blog", button="Approve")
    await team.clicks("ben", "Approve", card, confirm=True)
    counted = await team.sees(f"1 of {needed}", who="ben", button="Break the glass")
    await team.clicks("ben", "Break the glass", counted)
    await team.submits("ben", "Why can it not wait?", "Everybody is on the plane")
    await team.sees("Everybody is on the plane", who="ann")
    assert (await team.records.release(release.id)).state is State.PROMOTING
