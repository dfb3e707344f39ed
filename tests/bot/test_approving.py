"""One decision wins, and no click is swallowed."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from release.model import State, Step, Verdict
from tests.bot.conftest import IN_BOTH_MODES, Team

pytestmark = IN_BOTH_MODES


async def test_of_two_clicks_at_once_one_wins_and_the_other_hears_of_it(team: Team) -> None:
    _, card = await team.waits_for_approval()
    await asyncio.gather(
        team.clicks("ben", "Approve", card, confirm=True), team.clicks("cleo", "Approve", card, confirm=True)
    )

    async def both_heard() -> bool:
        plain = [
            one["plain"] for who in ("ben", "cleo") for one in await team.messages(who) if one["ephemeral"]
        ]
        return len(plain) == 2

    await team.eventually(both_heard)
    plain = [one["plain"] for who in ("ben", "cleo") for one in await team.messages(who) if one["ephemeral"]]
    assert sum("You approved" in text for text in plain) == 1
    assert sum("already approved by @" in text and text.endswith(", just now.") for text in plain) == 1
    assert len(team.engine.started) == 2  # staged once, promoted once


async def test_an_old_card_still_answers(team: Team) -> None:
    _, card = await team.waits_for_approval()
    await team.rejects("ben", card)
    await team.sees("You rejected", who="ben")
    await team.sees("Rejected: blog", without="Approve")
    # A second card, or a view of it that has not caught up, carries the same id.
    value = next(one["value"] for one in card["buttons"] if one["label"] == "Approve")
    decided = await team.releases.decide(value, Verdict.APPROVED, team.ben)
    assert not decided.won
    assert decided.release.state is State.REJECTED


async def test_a_question_nobody_answered_in_time_says_so(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.engine.stages(release.id, "6.40.0", "6.65.0", lasts=timedelta(seconds=-1))
    card = await team.sees("Approve blog", button="Approve")
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("the time to decide ended", who="ben")
    await team.releases.expire_approvals()
    await team.sees("Expired: blog", without="Approve")
    await team.sees("was not decided in time")
    assert len(team.engine.started) == 1


async def test_cancelling_withdraws_the_question(team: Team) -> None:
    await team.waits_for_approval()
    await team.types("ann", "/ghost cancel blog")
    await team.sees("is cancelled. Production is untouched")
    await team.sees("Cancelled: blog", without="Approve")


async def test_a_click_while_the_bot_is_away_can_be_made_again(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.stop_bot()
    assert (await team.clicks("ben", "Approve", card, confirm=True))["error"] == "dispatch_failed"
    await team.start_bot()
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("You approved", who="ben")
    assert [one.id for one in team.engine.started] == [release.id, release.id]


@pytest.mark.parametrize("state", [State.LIVE, State.FAILED], ids=["live", "failed and yet live"])
async def test_the_rollback_of_an_older_release_is_refused(team: Team, state: State) -> None:
    older, _ = await team.goes_live()
    old_result = await team.sees("is live on 6.65.0", button="Rollback")
    newer = await team.records.create(
        older.kind, "blog", team.ann, older.channel, version="6.66.0", before="6.65.0"
    )
    await team.engine.does(newer.id, Step.SWAP)
    await team.engine.goes_live(newer.id, "6.65.0", "6.66.0", state)
    team.blog.versions = {"production": "6.66.0", "staging": "6.65.0"}
    started = len(team.engine.started)
    await team.clicks("ann", "Rollback", old_result, confirm=True)
    await team.sees("no longer runs what this release put there")
    assert len(team.engine.started) == started


async def test_approvers_are_reminded_once_and_the_reminder_tells_the_answer(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.releases.remind_approvers()
    assert (await team.records.release(release.id)).facts.reminded_at is None, "it is too early"
    team.blog.config = replace(team.blog.config, remind_after=timedelta(microseconds=1))
    for _ in range(2):
        await team.releases.remind_approvers()
    reminder = await team.sees("has waited for a decision since")
    assert "Upgrade blog from 6.40.0 to 6.65.0" in reminder["plain"]
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("waited for a decision. Approved by @ben")
    assert len([one for one in await team.messages() if "for a decision" in one["plain"]]) == 1
