"""Who is let in: members with the role, in channels of their own; everybody else hears why not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.identity import Roles, Visitor
from release.errors import NotPermitted
from release.model import State, WatchEnd
from tests.bot.conftest import IN_BOTH_MODES, Team

pytestmark = IN_BOTH_MODES


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("gus", "Guests may not use this bot"),
        ("dora", "This account is deactivated"),
        ("eve", "Only members of the workspace"),
        ("ghostbot", "Bots may not give me orders"),
    ],
)
async def test_only_living_full_members_come_in(team: Team, who: str, said: str) -> None:
    ours = (str(team.addresses["team_id"]),)  # what most payloads claim of anybody
    people = (await team.ask("GET", "people"))["people"]
    user = next(person["id"] for person in people if person["display"] == who)
    with pytest.raises(NotPermitted, match=said):
        await team.bot.people.identify(Visitor(user, ours))


async def test_a_click_of_a_guest_decides_nothing(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.ask("PUT", "people", name="ben", is_restricted=True)
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("Guests may not use this bot", who="ben")
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL
    assert any("refused: Guests may not use this bot" in line for line in await team.audited())


async def test_a_guest_is_refused_and_told(team: Team) -> None:
    await team.ask("PUT", "channels", name="releases", members=["ann", "ben", "gus"])
    await team.types("gus", "/ghost status")
    told = await team.sees("Guests may not use this bot", who="gus")
    assert told["ephemeral"]


async def test_a_person_of_another_workspace_is_refused(team: Team) -> None:
    await team.types("eve", "/ghost status", channel="shared")
    await team.sees("Only members of the workspace this bot belongs to", who="eve", channel="shared")


async def test_nothing_is_started_from_a_shared_channel(team: Team) -> None:
    await team.types("ann", "/ghost upgrade", channel="shared")
    await team.sees("shared with another organisation", channel="shared")
    assert not team.engine.started
    await team.types("ann", "/ghost status", channel="shared")
    await team.sees("Ghost 6.40.0", channel="shared")


async def test_a_mention_is_not_answered_before_strangers(team: Team) -> None:
    await team.types("ann", "@ghostbot status", channel="shared")
    told = await team.sees("shared with another organisation", channel="shared")
    assert "6.40.0" not in told["plain"]


async def test_nothing_is_started_where_no_approver_can_see_it(team: Team) -> None:
    await team.types("ann", "/ghost upgrade", channel="@ghostbot")
    await team.sees("nobody else would see it here", channel="@ghostbot")
    await team.ask("PUT", "channels", name="backroom", is_private=True, members=["ann", "ben"])
    await team.types("ann", "/ghost upgrade", channel="backroom")
    await team.sees("I cannot see this conversation", channel="backroom")
    assert not team.engine.started


async def test_shared_channels_are_allowed_and_one_that_the_bot_cannot_see_is_still_refused(
    team: Team,
) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ben,), allow_shared_channels=True))
    await team.ask("PUT", "channels", name="backroom", is_private=True, members=["ann", "ben"])
    await team.types("ann", "/ghost upgrade", channel="backroom")
    await team.sees("I cannot see this conversation", channel="backroom")
    assert not team.engine.started
    await team.types("ann", "/ghost upgrade", channel="shared")
    await team.sees("has begun", channel="shared")


async def test_a_member_without_the_role_is_told_whom_to_ask(team: Team) -> None:
    await team.types("cleo", "/ghost upgrade")
    await team.sees("This takes a releaser, and you are not one", who="cleo")
    assert not team.engine.started
    assert any("refused: This takes a releaser" in line for line in await team.audited())


async def test_the_asker_may_not_approve_and_others_may(team: Team) -> None:
    await team.ask("PUT", "groups", handle="approvers", users=["ann", "ben"])
    release, card = await team.waits_for_approval()
    await team.clicks("ann", "Approve", card, confirm=True)
    await team.sees("You asked for this release, so you cannot approve it yourself")
    assert len(team.engine.started) == 1
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("You approved", who="ben")
    assert [one.id for one in team.engine.started] == [release.id, release.id]


async def test_a_team_of_one_may_allow_itself(team: Team) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ann,), self_approval=True))
    _, card = await team.waits_for_approval()
    await team.clicks("ann", "Approve", card, confirm=True)
    await team.sees("You approved")


async def test_without_approvers_nobody_approves(team: Team) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), ()))
    _, card = await team.waits_for_approval()
    assert "Nobody is set as approver" in card["text"]
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("Nobody is set as approver, so nobody may do this", who="ben")


async def test_a_group_is_read_anew_for_an_approval(team: Team) -> None:
    _, card = await team.waits_for_approval()
    await team.ask("PUT", "groups", handle="approvers", users=["cleo"])
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("This takes an approver", who="ben")
    assert len(team.engine.started) == 1


async def test_a_group_is_remembered_for_a_minute_otherwise(team: Team) -> None:
    for _ in range(3):
        await team.types("ann", "/ghost cancel")
        await team.sees("No release of blog is under way")

    async def asked_once() -> bool:
        return len(await team.calls("usergroups.users.list")) == 1

    await team.eventually(asked_once)


async def test_a_workspace_without_groups_is_explained(team: Team) -> None:
    await team.conditions(user_groups=False)
    await team.types("ann", "/ghost upgrade")
    await team.sees("this workspace's plan has none")
    assert not team.engine.started


async def test_who_looks_again_and_again_is_asked_about_once_and_who_acts_each_time(team: Team) -> None:
    await team.types("ann", "/ghost versions")
    await team.sees("Newest Ghost versions")
    for _ in range(3):
        await team.types("ann", "/ghost versions")

    async def answered() -> bool:
        return len([line for line in await team.audited() if "versions" in line]) == 4

    await team.eventually(answered)
    assert len(await team.calls("users.info")) == 1
    await team.ask("PUT", "people", name="ann", is_restricted=True)
    await team.types("ann", "/ghost upgrade")
    await team.sees("Guests may not use this bot")
    assert len(await team.calls("users.info")) == 2
    assert not team.engine.started


@pytest.mark.parametrize("method", ["users.info", "conversations.info", "usergroups.users.list"])
async def test_when_slack_does_not_answer_nothing_happens(team: Team, method: str) -> None:
    await team.breaks(method, error="fatal_error", count=2)
    await team.types("ann", "/ghost upgrade")
    await team.sees("so I did nothing")
    assert not team.engine.started


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_restricted": True}, "Guests may not use this bot"),
        ({"is_ultra_restricted": True}, "Guests may not use this bot"),
    ],
    ids=["guest", "guest of one channel"],
)
@pytest.mark.parametrize("button", ["Approve", "Reject", "Cancel"])
async def test_who_lost_their_standing_while_the_question_waited_decides_nothing(
    team: Team, change: dict[str, bool], said: str, button: str
) -> None:
    release, card = await team.waits_for_approval()
    shown = await team.sees("Upgrade blog", who="ben", button="Cancel") if button == "Cancel" else card
    await team.ask("PUT", "people", name="ben", **change)
    await team.clicks("ben", button, shown, confirm=True)

    async def refused() -> bool:
        return any(f"refused: {said}" in line for line in await team.audited())

    await team.eventually(refused)
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL
    assert len(team.engine.started) == 1


async def test_who_lost_the_role_by_name_is_refused_after_a_restart_with_new_settings(team: Team) -> None:
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), (team.ben,)))
    release, card = await team.waits_for_approval()
    await team.stop_bot()
    await team.start_bot(Roles((team.ann,), ("U0SOMEONE",)))
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("This takes an approver, and you are not one", who="ben")
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL


async def test_a_releaser_who_left_the_group_cannot_roll_back(team: Team) -> None:
    await team.goes_live()
    result = await team.sees("is live on 6.65.0", button="Rollback")
    started = len(team.engine.started)
    await team.ask("PUT", "groups", handle="releasers", users=["cleo"])
    await team.clicks("ann", "Rollback", result, confirm=True)
    await team.sees("This takes a releaser, and you are not one")
    assert len(team.engine.started) == started


async def test_releasers_and_approvers_end_the_watching_and_nobody_else(team: Team) -> None:
    await team.ask("PUT", "groups", handle="approvers", users=["ben"])
    release, _ = await team.waits_for_approval()
    await team.records.move(release.id, State.PROMOTING)
    await team.records.note(release.id, watched_until=datetime.now(UTC) + timedelta(minutes=5))
    message = await team.sees("blog runs 6.65.0 now", button="Keep it")
    await team.clicks("cleo", "Swap back now", message, confirm=True)
    await team.sees("This takes a releaser or approver, and you are not one", who="cleo")
    assert (await team.records.release(release.id)).facts.watch is None
    # Two at the same moment, before either sees the other's decision: one decides.
    await asyncio.gather(
        team.clicks("ben", "Keep it", message, confirm=True),
        team.clicks("ann", "Swap back now", message, confirm=True),
    )

    async def decided() -> bool:
        return (await team.records.release(release.id)).facts.watch is not None

    await team.eventually(decided)
    watch = (await team.records.release(release.id)).facts.watch
    assert watch is not None
    if watch.end is WatchEnd.KEPT:
        await team.sees("is kept; I stop watching", who="ben")
        await team.sees("was already kept by @ben", who="ann")
    else:
        await team.sees("was already swapped back by @ann", who="ben")
    audited = await team.audited()
    assert sum(f"watched: {watch.end}" in line for line in audited) == 1
    assert any("refused: This takes a releaser or approver" in line for line in audited)
