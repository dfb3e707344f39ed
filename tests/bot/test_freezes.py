"""A team freezes a site: nothing new goes live, and everybody is told by whom, until when and why."""

from zoneinfo import ZoneInfo

import pytest

from bot.door import Door, Knock
from bot.identity import Visitor
from bot.render.message import Message
from release.freezes import FreezeWindow, times_of
from release.model import State
from tests.bot.conftest import Team


async def test_a_frozen_site_takes_no_upgrade_and_says_why(team: Team) -> None:
    await team.types("ann", "/ghost freeze blog until 2030-12-24 18:00 moving offices")
    told = await team.sees("*blog* is frozen by", who="ben")
    assert "moving offices" in told["plain"], "the whole channel is told"
    started = len(team.engine.started)
    await team.types("ben", "/ghost upgrade 6.65.0 blog")
    refused = await team.sees("blog is frozen by @ann until", who="ben")
    assert "moving offices" in refused["plain"]
    assert "`/ghost unfreeze blog` lifts it" in refused["plain"]
    assert "2030" in refused["plain"]
    assert len(team.engine.started) == started
    await team.types("cleo", "/ghost status")
    await team.sees("Frozen by @ann", who="cleo")
    await team.types("ben", "/ghost unfreeze blog")
    await team.sees("open for new versions again", who="ann")
    await team.starts_upgrade()
    audited = await team.audited()
    assert any(" freeze: by " in line for line in audited)
    assert any(" unfreeze: by " in line for line in audited)


async def test_what_waits_is_not_approved_in_a_freeze_and_is_afterwards(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.types("ann", "/ghost freeze until 2030-12-24")
    await team.sees("*All sites* are frozen", who="ben")
    for _ in range(2):
        await team.releases.tell_freezes()
    told = await team.sees("Until then it cannot be approved", button="Approve")
    assert told["ts"] == card["ts"], "its own card says so"
    assert "this question expires first" in told["plain"]
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("blog is frozen by @ann until", who="ben")
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL
    await team.types("ann", "/ghost unfreeze")
    await team.sees("*All sites* are open", who="ben")
    await team.releases.tell_freezes()
    await team.sees("asks for approval", without="cannot be approved", button="Approve")
    await team.clicks("ben", "Approve", card, confirm=True)

    async def promoted() -> bool:
        return (await team.records.release(release.id)).state is State.PROMOTING

    await team.eventually(promoted)


@pytest.mark.parametrize(
    ("typed", "until", "reason"),
    [
        ("/ghost freeze blog the big sale of @ann until 2030-12-24 18:00", True, "the big sale of @ann"),
        ("/ghost freeze blog the big sale for 3 days please", True, "the big sale please"),
        ("/ghost freeze blog until 2030-12-24 at 18:00 the conference", True, "the conference"),
        ("/ghost freeze blog for 30m", True, ""),
        ("/ghost freeze blog for an audit", False, "for an audit"),
        (
            "/ghost freeze blog the sale until we know more for 3 reasons",
            False,
            "the sale until we know more for 3 reasons",
        ),
    ],
)
async def test_a_freeze_ends_when_it_was_said_to_wherever_that_was_said(
    team: Team, typed: str, until: bool, reason: str
) -> None:
    await team.types("ann", typed)
    told = await team.sees("*blog* is frozen by", who="ben")
    (freeze,) = await team.records.freezes()
    assert (freeze.until is not None, freeze.reason) == (until, reason)
    assert ("until somebody lifts it" in told["plain"]) is not until


async def test_a_moment_that_cannot_be_is_no_reason(team: Team) -> None:
    await team.types("ann", "/ghost freeze blog the big sale until 2020-12-24")
    await team.sees("2020-12-24 is over already", who="ann")
    assert await team.records.freezes() == ()


async def test_the_way_back_stays_open(team: Team) -> None:
    live = await team.goes_live()
    await team.types("ann", "/ghost freeze blog")
    await team.sees("until somebody lifts it", who="ben")
    started = len(team.engine.started)
    await team.types("ann", "/ghost rollback blog")

    async def begun() -> bool:
        return len(team.engine.started) > started

    await team.eventually(begun)
    assert live is not None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/ghost freeze blog until soon", "“soon” is no time"),
        ("/ghost freeze blog until", "Say until when"),
        ("/ghost freeze blog for half an hour", "Say for how long: 30 minutes, 1.5 hours"),
        ("/ghost freeze blog for 2½ hours", "Say for how long"),
        ("/ghost freeze blog the big sale of summer until next friday", "“next” is no time"),
        ("/ghost freeze blog the big sale of summer for a few days", "Say for how long"),
        ("/ghost freeze blgo", "Did you mean “blog”"),
        ("/ghost unfreeze blog", "Nobody has frozen blog"),
        ("/ghost unfreeze", "Nobody has frozen blog"),
    ],
)
async def test_what_cannot_be_is_told(team: Team, typed: str, said: str) -> None:
    await team.types("ann", typed)
    await team.sees(said)
    assert await team.records.freezes() == ()


async def test_a_freeze_of_all_is_lifted_for_all_only(team: Team) -> None:
    await team.types("ann", "/ghost freeze for 2 hours an audit")
    await team.sees("an audit", who="ben")
    await team.types("ann", "/ghost unfreeze blog")
    await team.sees("frozen together with all other sites")


@pytest.mark.parametrize("typed", ["freeze", "freeze blog", "freeze the big sale for 3 days"])
async def test_a_sites_own_command_freezes_that_site_alone(team: Team, typed: str) -> None:
    door = Door(team.bot.people, team.releases)
    told: list[str] = []

    async def answer(message: Message) -> None:
        told.append(message.text)

    async def types_its_own(text: str) -> None:
        channel = team.addresses["channels"]["releases"]
        knock = Knock(Visitor(team.ann, ()), channel, text, channel, text, "/blog", "blog")
        await door.command(knock, text, answer)

    await types_its_own(typed)
    (freeze,) = await team.records.freezes()
    assert freeze.site == "blog", told
    await types_its_own("unfreeze")
    assert await team.records.freezes() == (), told


async def test_a_freeze_of_the_settings_is_told_and_not_lifted(team: Team) -> None:
    always = times_of("2020-01-01", "2090-01-01")
    team.releases.windows = (FreezeWindow(always, ZoneInfo("UTC"), (), "the winter break"),)
    await team.types("ann", "/ghost upgrade 6.65.0 blog")
    await team.sees("blog is frozen by the bot's settings")
    await team.types("ann", "/ghost unfreeze blog")
    await team.sees("is in the bot's settings (the winter break)")
