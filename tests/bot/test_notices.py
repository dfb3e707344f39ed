"""New versions are announced once, and can be acted on where they are announced."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.reminders import Reminders
from bot.render.notice import version_notice
from commands.moment import next_working_morning
from release.ghost.git import FromGit
from release.model import Kind, SiteVersions, State, Versions
from release.releases import Releases
from release.shapes import GHOST_ON_SQLITE
from tests.bot.conftest import Team
from tests.bot.stand_ins import StandInGhosts, StandInSite


async def announced(team: Team, *versions: str) -> None:
    await team.bot.notices.announce(await team.releases.versions(None), *versions)


async def test_a_new_version_is_announced_once(team: Team) -> None:
    await announced(team, "6.65.0")
    await announced(team, "6.65.0")
    await team.sees("Ghost 6.65.0 is out", button="Upgrade blog")
    assert len(await team.calls("chat.postMessage")) == 1


async def test_the_upgrade_starts_from_the_notice(team: Team) -> None:
    await announced(team, "6.65.0")
    notice = await team.sees("2 versions behind", button="Upgrade blog")
    await team.clicks("cleo", "Upgrade blog", notice, confirm=True)
    await team.sees("This takes a releaser", who="cleo")
    await team.clicks("ann", "Upgrade blog", notice, confirm=True)
    await team.sees("has begun")
    assert team.engine.started[0].version == "6.65.0"


async def test_a_skipped_version_is_closed_and_never_announced_again(team: Team) -> None:
    await announced(team, "6.65.0")
    notice = await team.sees("is out", button="Skip this version")
    await team.clicks("ann", "Skip this version", notice)
    skipped = await team.sees("Skipped by @ann", without="Skip this version", button="Undo skip")
    assert (await team.releases.versions(None)).skipped("6.65.0")
    await announced(team, "6.65.0")
    assert len(await team.calls("chat.postMessage")) == 1
    await team.clicks("ann", "Undo skip", skipped)
    await team.sees("6.65.0 is out", button="Upgrade blog", without="Skipped by")
    assert not (await team.releases.versions(None)).skipped("6.65.0")


async def test_a_version_is_skipped_for_one_site_by_words_and_its_notice_follows(team: Team) -> None:
    shop = StandInSite("shop", "6.40.0", "6.39.0")
    team.releases = Releases({"blog": team.blog, "shop": shop}, team.records, team.ghosts, team.engine.start)
    await team.stop_bot()
    await team.start_bot()
    await announced(team, "6.65.0")
    await team.sees("is out", button="Upgrade blog")
    await team.types("ann", "/ghost skip 6.65.0 blog")
    await team.sees("6.65.0 is skipped for blog", who="ann")
    await team.bot.notices.follow_skips()
    notice = await team.sees("2 versions behind; skipped by @ann", button="Upgrade shop")
    assert "Upgrade blog" not in str(notice["buttons"])
    await team.types("ann", "/ghost skip 6.65.0")
    await team.sees("6.65.0 is skipped:", who="ann")
    await team.types("ann", "/ghost unskip 6.65.0 blog")
    await team.sees("not skipped any more for blog", who="ann")
    await team.bot.notices.follow_skips()
    notice = await team.sees("2 versions behind; skipped by @ann", button="Upgrade blog")
    assert "Upgrade shop" not in str(notice["buttons"])
    await team.types("ann", "/ghost unskip 6.50.0")
    await team.sees("Ghost 6.50.0 is not skipped", who="ann")
    await team.types("cleo", "/ghost skip 6.65.0")
    await team.sees("This takes a releaser", who="cleo")
    await team.types("ann", "/ghost skip blog")
    await team.sees("Say which version", who="ann")


async def test_who_wants_to_be_reminded_is_once_and_on_a_working_day(team: Team) -> None:
    await announced(team, "6.65.0")
    notice = await team.sees("is out", button="Remind me")
    await team.clicks("ann", "Remind me", notice)
    await team.sees("I remind you of Ghost 6.65.0 here in Slack, ", who="ann")
    (reminder,) = await team.records.reminders()
    assert reminder.by == team.ann
    assert reminder.at.weekday() < 5
    client = AsyncWebClient(token=team.addresses["bot_token"], base_url=team.addresses["api"])

    def at(moment: datetime) -> Reminders:
        return Reminders(client, team.releases, team.bot.notices, clock=lambda: moment)

    before = len(await team.calls("chat.postMessage"))
    await at(reminder.at - timedelta(seconds=1)).look()
    assert len(await team.calls("chat.postMessage")) == before, "its time has not come"
    await team.breaks("conversations.open", error="internal_error", count=1)
    await at(reminder.at).look()
    assert len(await team.records.reminders()) == 1, "kept while Slack is away"
    await team.records.remind(reminder.version, reminder.by, reminder.at)
    await asyncio.gather(*(at(reminder.at).look() for _ in range(3)))
    assert len(await team.calls("chat.postMessage")) == before + 1
    assert await team.records.reminders() == ()


@pytest.mark.parametrize("asked", ["6.65.0", "6.64.0"], ids=["that one", "a newer one, and one more is out"])
async def test_nobody_is_reminded_of_what_every_site_runs(team: Team, asked: str) -> None:
    now = datetime.now(UTC)
    await team.records.remind(asked, team.ann, now)
    team.blog.versions["production"] = asked
    client = AsyncWebClient(token=team.addresses["bot_token"], base_url=team.addresses["api"])
    await Reminders(client, team.releases, team.bot.notices).look()
    assert await team.calls("chat.postMessage") == []
    assert await team.records.reminders() == ()


async def test_a_site_that_cannot_be_asked_takes_no_reminder_away(team: Team) -> None:
    await team.records.remind("6.65.0", team.ann, datetime.now(UTC))
    team.blog.sick.add("production")
    client = AsyncWebClient(token=team.addresses["bot_token"], base_url=team.addresses["api"])
    await Reminders(client, team.releases, team.bot.notices).look()
    assert len(await team.calls("chat.postMessage")) == 1


async def has_a_fork(team: Team, *tags: str, blog: str) -> tuple[StandInSite, StandInGhosts]:
    """Beside the blog a site whose Ghost comes from a repository with these tags."""
    source = FromGit("https://example.com/fork", "v*", "server.js", ())
    forked = StandInSite("forked", "6.40.0", "6.39.0")
    forked.shape = replace(GHOST_ON_SQLITE, recipe=replace(GHOST_ON_SQLITE.recipe, source=source))
    fork = team.ghosts.elsewhere[source.name] = StandInGhosts(*tags)
    team.blog.versions["production"] = blog
    sites = {"blog": team.blog, "forked": forked}
    team.releases = Releases(sites, team.records, team.ghosts, team.engine.start)
    await team.stop_bot()
    await team.start_bot()
    return forked, fork


async def look(team: Team) -> None:
    await team.bot.notices.look(await team.releases.versions(None))


async def test_a_new_version_of_a_fork_is_announced_beside_that_of_npm_and_begun_from_there(
    team: Team,
) -> None:
    forked, fork = await has_a_fork(team, "6.40.0", "6.41.5", blog="6.64.0")
    for _ in range(2):
        await look(team)
    npm = await team.sees("Ghost 6.65.0 is out", button="Upgrade blog")
    assert "forked runs 6.40.0; its own source does not have 6.65.0 yet" in npm["plain"]
    assert "Upgrade forked" not in str(npm["buttons"])
    notice = await team.sees("Ghost 6.41.5 is out", button="Upgrade forked")
    assert "Upgrade blog" not in str(notice["buttons"])
    assert len(await team.calls("chat.postMessage")) == 2, "each once"
    await team.clicks("ann", "Upgrade forked", notice, confirm=True)
    await team.sees("has begun")
    assert team.engine.started[0].version == "6.41.5"
    assert team.engine.started[0].site == "forked"
    forked.versions["production"] = "6.41.5"
    await look(team)
    await team.sees("Ghost 6.41.5 is out", without="Upgrade forked")
    fork.versions = ("6.40.0", "6.41.5", "6.65.0")
    await look(team)
    await team.sees("Ghost 6.65.0 is out", button="Upgrade forked")


async def test_a_fork_is_not_asked_about_what_only_npm_has(team: Team) -> None:
    await has_a_fork(team, "6.40.0", blog="6.65.0")
    await look(team)
    assert await team.calls("chat.postMessage") == []


@pytest.mark.parametrize("away", ["the repository", "production"])
async def test_a_fork_that_cannot_be_read_now_keeps_its_notice(team: Team, away: str) -> None:
    forked, fork = await has_a_fork(team, "6.40.0", "6.41.5", blog="6.64.0")
    await look(team)
    await team.sees("Ghost 6.41.5 is out", button="Upgrade forked")
    fork.away, forked.sick = away == "the repository", {"production"} if away == "production" else set()
    await look(team)
    await team.sees("", regex="Ghost 6.41.5 is out.*forked: its version could not be read")
    fork.away, forked.sick = False, set()
    await look(team)
    await team.sees("Ghost 6.41.5 is out", button="Upgrade forked")
    fork.versions = ("6.40.0", "6.41.5", "6.41.6")
    await look(team)
    await team.sees("Ghost 6.41.6 is out", button="Upgrade forked")
    await team.sees("Ghost 6.41.6 is out since: see its own notice", without="Upgrade forked")


async def test_a_version_of_a_fork_can_be_skipped_and_is_no_reminder_once_it_runs(team: Team) -> None:
    forked, _ = await has_a_fork(team, "6.40.0", "6.41.5", blog="6.64.0")
    await team.records.skip_version("6.65.0", team.ann)
    await look(team)
    notice = await team.sees("Ghost 6.41.5 is out", button="Remind me")
    await team.clicks("ann", "Skip this version", notice)
    skipped = await team.sees("Skipped by @ann", without="Upgrade forked", button="Undo skip")
    await team.clicks("ann", "Undo skip", skipped)
    await team.sees("Ghost 6.41.5 is out", button="Upgrade forked")
    posted = len(await team.calls("chat.postMessage"))
    client = AsyncWebClient(token=team.addresses["bot_token"], base_url=team.addresses["api"])
    await team.records.remind("6.41.5", team.ann, datetime.now(UTC))
    await Reminders(client, team.releases, team.bot.notices).look()
    assert len(await team.calls("chat.postMessage")) == posted + 1
    forked.versions["production"] = "6.41.5"
    await team.records.remind("6.41.5", team.ann, datetime.now(UTC))
    await Reminders(client, team.releases, team.bot.notices).look()
    assert len(await team.calls("chat.postMessage")) == posted + 1


async def test_the_notice_says_the_way_there(team: Team) -> None:
    site = SiteVersions("blog", "4.48.9", "6.65.0", 40, None, ("5.130.6",), "^14.0.0", "^22.13.1")
    text = version_notice("6.65.0", Versions(("6.65.0",), (site,))).text
    assert "40 versions behind; one upgrade takes its database there, by way of 5.130.6" in text
    assert "needs Node ^22.13.1, not ^14.0.0" in text


@pytest.mark.parametrize(
    ("now", "morning"),
    [("2026-11-25 23:30", "2026-11-27 08:00"), ("2026-11-26 23:30", "2026-11-30 08:00")],
    ids=["tomorrow", "after the weekend"],
)
def test_a_working_morning_is_the_persons_own(now: str, morning: str) -> None:
    found = next_working_morning(datetime.fromisoformat(now).replace(tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert f"{found:%Y-%m-%d %H:%M}" == morning


async def test_a_version_slack_could_not_be_told_of_is_told_later(team: Team) -> None:
    await team.breaks("chat.postMessage", error="fatal_error")
    await announced(team, "6.65.0")
    await announced(team, "6.65.0")
    await team.sees("Ghost 6.65.0 is out")


async def test_a_notice_whose_answer_got_lost_is_found_again_and_not_posted_twice(team: Team) -> None:
    await team.breaks("chat.postMessage", drop=True, after=True)
    await announced(team, "6.65.0")
    await announced(team, "6.65.0")
    versions = await team.releases.versions(None)
    await team.bot.notices.add_notes(versions)
    team.blog.versions["production"] = "6.65.0"
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    await team.sees("Every site runs it, or a newer one", without="Upgrade blog")
    assert len(await team.calls("chat.postMessage")) == 1


async def test_a_notice_whose_answer_got_lost_is_closed_though_it_was_skipped_or_replaced_since(
    team: Team,
) -> None:
    await team.breaks("chat.postMessage", count=1, drop=True, after=True)
    await announced(team, "6.64.0")
    await team.records.skip_version("6.64.0", team.ann)
    await announced(team, "6.64.0")
    await team.bot.notices.follow_skips()
    await team.sees("Skipped by @ann", without="Upgrade blog")
    await team.breaks("chat.postMessage", count=1, drop=True)
    await announced(team, "6.65.0")
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    await team.sees("Skipped by @ann")  # nobody is told to see a notice that is not there
    await announced(team, "6.65.0")
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    await team.sees("Ghost 6.65.0 is out since: see its own notice", without="Undo skip")


async def test_an_older_notice_is_closed_by_a_newer_version_and_both_by_the_upgrade(team: Team) -> None:
    await announced(team, "6.64.0")
    await announced(team, "6.65.0")
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    await team.sees("Ghost 6.65.0 is out since: see its own notice", without="Upgrade blog")
    await team.sees("Ghost 6.65.0 is out", button="Upgrade blog")
    team.blog.versions["production"] = "6.65.0"
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    await team.sees("Every site runs it, or a newer one", without="Upgrade blog")
    updates = len(await team.calls("chat.update"))
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    assert len(await team.calls("chat.update")) == updates, "closed once"


@pytest.mark.parametrize("gone", ["message_not_found", "channel_not_found", "is_archived"])
async def test_a_notice_that_somebody_deleted_is_let_alone(team: Team, gone: str) -> None:
    await announced(team, "6.65.0")
    await team.breaks("chat.update", error=gone, count=20)
    await team.records.skip_version("6.65.0", team.ann)
    for _ in range(3):
        await team.bot.notices.follow_skips()
        await team.bot.notices.add_notes(await team.releases.versions(None))
    assert len(await team.calls("chat.update")) == 1


async def test_a_notice_that_cannot_be_changed_now_is_with_the_next_look_for_versions(team: Team) -> None:
    await announced(team, "6.65.0")
    await team.breaks("chat.update", error="fatal_error", count=1)
    await team.records.skip_version("6.65.0", team.ann)
    for _ in range(3):
        await team.bot.notices.follow_skips()
    assert len(await team.calls("chat.update")) == 1, "nor are the sites asked for their versions meanwhile"
    await team.bot.notices.add_notes(await team.releases.versions(None))
    await team.sees("Skipped by @ann")


async def test_a_site_that_stages_by_itself_leaves_only_the_approval_to_people(team: Team) -> None:
    channel = str(team.addresses["channels"]["releases"])
    versions = await team.releases.versions(None)
    assert await team.releases.stage_new(versions, channel) == (), "unless it is told to"
    team.blog.config = replace(team.blog.config, stage_new_versions=True)
    await team.types("ann", "/ghost freeze blog")
    await team.sees("*blog* is frozen", who="ben")
    assert await team.releases.stage_new(versions, channel) == (), "a frozen site waits"
    await team.types("ann", "/ghost unfreeze blog")
    await team.sees("open for new versions", who="ben")
    (begun,) = await team.releases.stage_new(versions, channel)
    assert begun.version == "6.65.0"
    await team.sees("Asked for by ghostbot")
    await team.engine.stages(begun.id, "6.40.0", "6.65.0")
    card = await team.sees("Approve blog", button="Approve")
    await team.rejects("ben", card)
    await team.sees("You rejected", who="ben")
    for _ in range(25):
        backup = await team.records.create(Kind.BACKUP, "blog", team.ann, channel)
        await team.records.move(backup.id, State.BACKED_UP)
    assert await team.releases.stage_new(versions, channel) == (), (
        "each version is tried once, however long ago"
    )
