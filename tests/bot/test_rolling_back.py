"""A rollback as the team sees it: its price, who may confirm it, and what it has cost in the end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.approvals import Buttons
from bot.door import Door, Knock
from bot.identity import Visitor
from bot.render.message import Message
from bot.render.rollback import final_price, price, rollback_card
from release.model import (
    Approval,
    BackupTaken,
    Facts,
    Kind,
    Release,
    State,
    Step,
    Verdict,
    Written,
)
from tests.bot.conftest import IN_BOTH_MODES, ROLES, Json, Team
from tests.bot.limits import assert_slack_takes

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEPT = BackupTaken("b-2", "blog", "6.65.0", "blog/b-2.db", "d", 3, {}, {}, NOON)
FACTS = Facts(backup=KEPT, live_since=NOON, left_behind=Written("2 posts changed", "News; <Menu>", "b-2"))
ROLLBACK = Release(
    "r-back1", Kind.ROLLBACK, "blog", State.AWAITING_APPROVAL, "U0ANN000001", "C0RELEASES1", NOON, NOON,
    "6.40.0", "6.65.0", facts=FACTS,
)  # fmt: skip
QUESTION = Approval("a1", ROLLBACK.id, Verdict.PENDING, NOON, NOON + timedelta(hours=24))


async def asks_back(team: Team, words: str = "1 post added") -> tuple[Release, Release, Json]:
    """The release that is live, its rollback by button, and the question."""
    live, result = await team.goes_live()
    await team.clicks("ann", "Rollback", result)
    await team.sees("Roll blog back to 6.40.0 has begun")
    rollback = team.engine.started[-1]
    assert (rollback.undoes, rollback.state) == (live.id, State.STAGING)
    await team.engine.prices(rollback.id, words)
    return live, rollback, await team.sees("Roll blog back: 6.65.0 → 6.40.0?", button="Roll back")


@IN_BOTH_MODES
async def test_a_rollback_tells_its_price_and_asks_whoever_wanted_it(team: Team) -> None:
    live, rollback, question = await asks_back(team)
    for part in ("1 post added", "News <of> today", "Kept as backup b-1", "whoever asked may"):
        assert part in question["plain"], part
    await team.sees("Waiting for a decision")
    unsent = await team.clicks("ann", "Roll back", question, confirm=False)
    assert unsent == {"ok": True, "sent": False}
    await team.clicks("ann", "Roll back", question, confirm=True)
    await team.sees("Roll blog back to 6.40.0 goes ahead")
    assert team.engine.started[-1].id == rollback.id
    assert team.engine.started[-1].state is State.PROMOTING
    await team.engine.does(rollback.id, Step.RECHECK, Step.KEEP_LEAVING, Step.SWAP, Step.VERIFY)
    await team.engine.goes_live(rollback.id, "6.65.0", "6.40.0", State.ROLLED_BACK)
    await team.records.set_undone(live.id, rollback.id)
    back = await team.sees("blog is back on 6.40.0")
    assert "confirmed by @ann" in back["plain"]
    assert "and is left behind: *1 post added*" in back["text"]
    gone = await team.sees("was live, and then taken back by rollback")
    assert not gone["buttons"]


async def test_many_backups_and_candidates_nobody_wanted_leave_the_way_back(team: Team) -> None:
    live, result = await team.goes_live()
    ends = ((Kind.BACKUP, State.BACKED_UP), (Kind.UPGRADE, State.EXPIRED), (Kind.UPGRADE, State.FAILED))
    for kind, end in ends * 20:
        one = await team.records.create(kind, "blog", team.ann, live.channel, version="6.66.0")
        await team.records.move(one.id, end)
    await team.clicks("ann", "Rollback", result)
    await team.sees("Roll blog back to 6.40.0 has begun")
    assert team.engine.started[-1].undoes == live.id
    await team.records.move(team.engine.started[-1].id, State.FAILED)
    await team.types("ann", "/ghost rollback")
    await team.sees("Roll blog back to 6.40.0 has begun")


@IN_BOTH_MODES
async def test_an_approver_who_may_release_nothing_may_keep_what_is_there(team: Team) -> None:
    _, rollback, question = await asks_back(team, "nothing")
    assert "Nothing was written" in question["plain"]
    await team.ask("PUT", "groups", handle="releasers", users=["ann"])
    await team.clicks("ben", "Keep", question)
    await team.sees("You keep 6.65.0", who="ben")
    await team.sees("@ben decided to keep 6.65.0")
    await team.sees("Not rolled back: blog stays on 6.65.0", without="Roll back")
    assert (await team.records.release(rollback.id)).state is State.REJECTED
    assert [one.state for one in team.engine.started if one.id == rollback.id] == [State.STAGING]


@IN_BOTH_MODES
async def test_who_has_neither_role_decides_nothing(team: Team) -> None:
    _, rollback, question = await asks_back(team)
    for group in ("releasers", "approvers"):
        await team.ask("PUT", "groups", handle=group, users=["ann"])
    for button in ("Roll back", "Keep"):
        await team.clicks("cleo", button, question, confirm=True)
    await team.sees("This takes a releaser or approver, and you are not one", who="cleo")
    assert (await team.records.release(rollback.id)).state is State.AWAITING_APPROVAL


@IN_BOTH_MODES
async def test_the_buttons_of_a_rollback_decide_no_other_question(team: Team) -> None:
    """A rollback needs no second pair of eyes: its buttons must not be a way around them."""
    release, card = await team.waits_for_approval()
    value = next(one["value"] for one in card["buttons"] if one["label"] == "Approve")
    client = AsyncWebClient(token=team.addresses["bot_token"], base_url=team.addresses["api"])
    buttons = Buttons(Door(team.bot.people, team.releases), ROLES, team.releases, team.bot.notices, client)
    told: list[str] = []

    async def answer(message: Message) -> None:
        told.append(message.text)

    for number, press in enumerate((buttons.confirm_rollback, buttons.keep_version)):
        knock = Knock(Visitor(team.ann, ()), team.addresses["channels"]["releases"], "x", value, str(number))
        await press(knock, value, answer)
    assert all("This question is not about a rollback" in text for text in told)
    assert len(told) == 2
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL


@IN_BOTH_MODES
async def test_a_rollback_is_cancelled_while_it_waits(team: Team) -> None:
    _, rollback, _ = await asks_back(team)
    await team.types("ann", "/ghost cancel blog")
    await team.sees("Cancelled: blog 6.65.0 → 6.40.0", without="Roll back")
    assert not (await team.records.release(rollback.id)).state.is_open


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (FACTS, "would be left behind: *2 posts changed* (News; &lt;Menu&gt;). Kept as backup b-2."),
        (replace(FACTS, left_behind=Written("nothing", "", "b-2")), "that would be left behind. Its database is kept"),
        (replace(FACTS, price_unknown="the WebJob failed."), "came after that look is not known: the WebJob failed."),
        (
            Facts(live_since=NOON, price_unknown="no backup could be made: the WebJob failed."),
            "is not known: no backup could be made: the WebJob failed. "
            "That database stays on the slot that is swapped out",
        ),
    ],
)  # fmt: skip
def test_the_price_is_what_is_known_of_it(facts: Facts, said: str) -> None:
    rollback = replace(ROLLBACK, facts=facts)
    assert said in price(rollback)
    assert said in rollback_card(rollback, QUESTION).text
    assert said.replace("would be", "is") in final_price(rollback)
    assert_slack_takes(rollback_card(rollback, QUESTION))


def test_a_rollback_that_was_never_priced_says_nothing_of_it() -> None:
    assert final_price(replace(ROLLBACK, facts=Facts())) == ""
