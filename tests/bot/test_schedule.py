"""Orders that wait: for a time, or for their site to be free. Each begins once, whoever looks, whatever happens."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.posted import client_that_posts_once
from bot.schedule import LATE_AT_MOST, TRIED_AGAIN_AFTER, WAITS_AT_MOST, Schedule
from release.model import Kind, Scheduled, State, Step
from tests.bot.conftest import Team


def schedule_of(team: Team, after: timedelta = timedelta()) -> Schedule:
    """What the bot looks through, at a moment so much later than now."""
    client = client_that_posts_once(team.addresses["bot_token"], team.addresses["api"])
    return Schedule(client, team.bot.people, team.releases, clock=lambda: datetime.now(UTC) + after)


async def only(team: Team) -> Scheduled:
    """The one order that waits, as soon as there is one."""

    async def is_there() -> bool:
        return len(await team.records.scheduled()) == 1

    await team.eventually(is_there)
    return (await team.records.scheduled())[0]


async def test_an_upgrade_is_asked_for_now_and_begins_at_its_time_once(team: Team) -> None:
    await team.types("ann", "/ghost upgrade 6.65.0 blog tomorrow 6:00")
    told = await team.sees("/ghost upgrade 6.65.0 blog` begins", who="ben")
    assert "asked for by @ann" in told["plain"]
    one = await only(team)
    assert one.at is not None
    assert team.engine.started == []
    await team.types("cleo", "/ghost status")
    await team.sees("Next: upgrade 6.65.0 blog", who="cleo")
    await schedule_of(team).look()
    assert team.engine.started == [], "its time has not come"
    later = one.at - datetime.now(UTC) + timedelta(seconds=1)
    await asyncio.gather(*(schedule_of(team, later).look() for _ in range(3)))
    assert len(team.engine.started) == 1
    release = (await team.records.history("blog"))[0]
    assert (release.kind, release.version, release.asked_by) == (Kind.UPGRADE, "6.65.0", team.ann)
    assert await team.records.scheduled() == ()
    assert any("scheduled: started: upgrade 6.65.0 blog" in line for line in await team.audited())


async def test_who_changes_their_mind_cancels_it_by_button_or_by_words(team: Team) -> None:
    await team.types("ann", "/ghost backup blog at 23:59")
    message = await team.sees("/ghost backup blog` begins")
    await team.clicks("ann", "Cancel it", message, confirm=True)
    await team.sees("cancelled. Nothing was begun")
    await team.types("ann", "/ghost swap blog at 23:58")
    one = await only(team)
    await team.types("ben", "/ghost scheduled")
    await team.sees(one.id, who="ben")
    await team.types("ann", f"/ghost cancel {one.id}")

    async def nothing_waits() -> bool:
        return await team.records.scheduled() == ()

    await team.eventually(nothing_waits)
    await team.types("ann", f"/ghost cancel {one.id}")
    await team.sees(f"Nothing that waits is called {one.id}")
    await schedule_of(team, timedelta(days=2)).look()
    assert team.engine.started == []


async def test_a_busy_site_says_who_holds_it_and_lets_the_second_wait(team: Team) -> None:
    first = await team.starts_upgrade()
    await team.types("ben", "/ghost backup blog")
    refused = await team.sees("blog is busy with", who="ben")
    assert "@ann" in refused["plain"]
    await team.clicks("ben", "Let it wait", refused)
    await team.sees("begins as soon as blog is free", who="cleo")
    await schedule_of(team).look()
    assert len(team.engine.started) == 1
    await team.records.move(first.id, State.FAILED, reason="tried", remedy="again")
    await asyncio.gather(schedule_of(team).look(), schedule_of(team).look())
    assert len(team.engine.started) == 2
    assert (await team.records.history("blog"))[0].kind is Kind.BACKUP


async def test_a_time_that_comes_while_the_site_is_busy_waits_for_it(team: Team) -> None:
    await team.types("ann", "/ghost backup blog tomorrow 6:00")
    one = await only(team)
    await team.starts_upgrade()
    assert one.at is not None
    await schedule_of(team, one.at - datetime.now(UTC) + timedelta(seconds=1)).look()
    await team.sees("was to begin now", who="ann")
    assert (await only(team)).at is None


async def test_what_the_bot_slept_through_is_told_and_not_begun_at_a_bad_time(team: Team) -> None:
    await team.types("ann", "/ghost backup blog tomorrow 6:00")
    one = await only(team)
    assert one.at is not None
    late = one.at - datetime.now(UTC) + LATE_AT_MOST + timedelta(minutes=1)
    await schedule_of(team, late).look()
    await team.sees("/ghost backup blog` was missed", who="ben")
    assert team.engine.started == []
    assert await team.records.scheduled() == ()


@pytest.mark.parametrize("lost", [{"drop": True}, {"error": "internal_error"}, {"drop": True, "after": True}])
async def test_what_was_missed_is_told_once_however_long_slack_is_away(
    team: Team, lost: dict[str, object]
) -> None:
    at = datetime.now(UTC) - LATE_AT_MOST - timedelta(minutes=1)
    channel = team.addresses["channels"]["releases"]
    await team.releases.schedule("blog", "backup blog", team.ann, channel, at)
    one = await only(team)
    await team.breaks("chat.postMessage", count=1, **lost)
    await schedule_of(team).look()
    assert await team.records.scheduled() == (one,), "untold, so it is not over"
    await schedule_of(team).look()
    await team.sees("/ghost backup blog` was missed", who="ben")
    assert await team.records.scheduled() == ()
    await schedule_of(team).look()
    assert sum("was missed" in message["plain"] for message in await team.messages("ben")) == 1


async def test_what_nobody_can_be_told_is_over_all_the_same(team: Team) -> None:
    await team.types("ann", "/ghost backup blog tomorrow 6:00")
    one = await only(team)
    assert one.at is not None
    await team.breaks("chat.postMessage", count=1, error="is_archived")
    await schedule_of(team, one.at - datetime.now(UTC) + timedelta(hours=1)).look()
    assert await team.records.scheduled() == ()


async def test_a_hiccup_of_azure_at_that_time_puts_it_off_and_half_an_hour_of_it_is_told(team: Team) -> None:
    await team.types("ann", "/ghost upgrade 6.65.0 blog tomorrow 6:00")
    one = await only(team)
    assert one.at is not None
    clock = one.at
    client = client_that_posts_once(team.addresses["bot_token"], team.addresses["api"])
    schedule = Schedule(client, team.bot.people, team.releases, clock=lambda: clock)
    team.blog.sick.add("production")
    await schedule.look()
    assert await team.records.scheduled() == (one,)
    team.blog.sick.clear()
    await schedule.look()
    assert team.engine.started == [], "nobody is asked again every two seconds"
    clock += TRIED_AGAIN_AFTER
    await schedule.look()
    assert len(team.engine.started) == 1
    await team.engine.fails(team.engine.started[0].id, Step.PREFLIGHT, "tried", "again")

    await team.types("ann", "/ghost upgrade 6.65.0 blog tomorrow 7:00")
    one = await only(team)
    assert one.at is not None
    clock = one.at
    team.blog.sick.add("production")
    await schedule.look()
    clock += LATE_AT_MOST + timedelta(seconds=1)
    await schedule.look()
    told = await team.sees("was missed", who="ben")
    assert "blog/production does not answer" in told["plain"]
    assert await team.records.scheduled() == ()


async def test_what_waits_too_long_for_its_site_is_given_up(team: Team) -> None:
    await team.starts_upgrade()
    await team.releases.schedule(
        "blog", "backup blog", team.ann, team.addresses["channels"]["releases"], None
    )
    await schedule_of(team, WAITS_AT_MOST + timedelta(minutes=1)).look()
    await team.sees("waited too long", who="ben")
    assert await team.records.scheduled() == ()


async def test_a_freeze_or_a_lost_role_at_that_time_is_told(team: Team) -> None:
    await team.types("ann", "/ghost upgrade 6.65.0 blog tomorrow 6:00")
    one = await only(team)
    await team.types("ann", "/ghost freeze blog")
    await team.sees("*blog* is frozen", who="ben")
    assert one.at is not None
    at = one.at - datetime.now(UTC) + timedelta(seconds=1)
    await schedule_of(team, at).look()
    told = await team.sees("could not begin", who="ben")
    assert "frozen by @ann" in told["plain"]
    await team.types("ann", "/ghost backup blog tomorrow 6:00")
    await only(team)
    await team.ask("PUT", "people", name="ann", deleted=True)
    await schedule_of(team, at).look()
    await team.sees("This account is deactivated", who="ben")
    assert team.engine.started == []


async def test_a_bot_that_is_killed_while_it_begins_one_neither_loses_nor_doubles_it(team: Team) -> None:
    await team.types("ann", "/ghost backup blog tomorrow 6:00")
    one = await only(team)
    assert await team.records.claim(one)
    assert not await team.records.claim(one), "one wins"
    await schedule_of(team)._mend(await _claimed(team, one))
    again = await only(team)
    assert again.at == one.at, "nothing was begun, so it waits again, and begins at that time or is missed"
    assert await team.records.claim(again)
    await team.releases.back_up("blog", team.ann, one.channel)
    await schedule_of(team)._mend(await _claimed(team, one))
    assert await team.records.scheduled() == ()
    assert len(team.engine.started) == 1


async def _claimed(team: Team, one: Scheduled) -> Scheduled:
    found = await team.records.scheduled_of(one.id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/ghost upgrade blog at", "“at” is no time"),
        ("/ghost upgrade blog friday", "Say at what time, too: friday 6:00"),
        ("/ghost upgrade blog at 6:00 please", "the time comes last"),
        ("/ghost upgrade 6.65 blog at 6:00", "not a whole version"),
        ("/ghost upgrade nosite at 6:00", "no site called nosite"),
        ("/ghost rollback blog at 6:00", "one site"),
    ],
)
async def test_what_cannot_be_scheduled_is_told(team: Team, typed: str, said: str) -> None:
    await team.types("ann", typed)
    await team.sees(said)
    assert await team.records.scheduled() == ()


async def test_an_address_with_a_signature_is_kept_nowhere_so_it_cannot_wait(team: Team) -> None:
    await team.types("ann", "/ghost deploy blog https://builds.example.com/site.zip?sig=rosebud at 23:59")
    await team.sees("An address with a password or a signature cannot wait")
    assert await team.records.scheduled() == ()
    assert not any("rosebud" in line for line in await team.audited())


async def test_a_sites_own_command_names_the_site_where_its_order_waits(team: Team) -> None:
    await team.installs(sites={"/blog": "blog"})
    await team.types("ann", "/blog deploy site.zip at 23:59")
    assert (await only(team)).order == "deploy blog site.zip"
