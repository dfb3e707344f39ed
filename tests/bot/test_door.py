"""Commands, mentions and direct messages as they arrive."""

import json
from dataclasses import replace

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from release.model import Kind, State
from release.releases import Releases
from tests.bot.conftest import IN_BOTH_MODES, Team
from tests.bot.stand_ins import StandInSite

pytestmark = IN_BOTH_MODES


async def test_a_mistyped_command_is_explained(team: Team) -> None:
    await team.types("ann", "/ghost upgarde")
    told = await team.sees("Did you mean “upgrade”?")
    assert told["ephemeral"]
    await team.types("ann", "/ghost upgrade 6.65")
    await team.sees("Usage: `/ghost upgrade [VERSION] [SITE]`, for example `/ghost upgrade 6.65.0 blog`")


async def test_nothing_typed_is_a_call_for_help(team: Team) -> None:
    await team.types("ann", "/ghost")
    told = await team.sees("What I can do")
    assert "/ghost upgrade [VERSION] [SITE]" in told["text"]
    await team.types("ann", "/ghost help rollback")
    await team.sees("Put the version from before the last release back")


async def test_a_site_that_backs_up_only_shows_no_more_and_takes_no_more(team: Team) -> None:
    team.blog.shape = replace(team.blog.shape, words="a test", kinds=frozenset({Kind.BACKUP}))
    await team.types("ann", "/ghost help blog")
    told = await team.sees("What blog can do (a test)")
    assert "/ghost backup " in told["text"]
    assert "/ghost upgrade" not in told["text"]
    await team.types("ann", "/ghost upgrade")
    await team.sees("blog is a site of another kind (a test): it has no such release.")
    assert not team.engine.started


async def test_an_unknown_version_names_near_ones(team: Team) -> None:
    await team.types("ann", "/ghost upgrade 6.64.9")
    await team.sees("6.64.9")
    assert not team.engine.started


async def test_a_busy_site_names_its_holder(team: Team) -> None:
    release = await team.starts_upgrade()
    top = await team.sees("Upgrade blog", button="Cancel")
    await team.types("ben", "/ghost backup")
    told = await team.sees(f"blog is busy with {release.id}", who="ben")
    assert "started by @ann" in told["plain"]
    assert [one["label"] for one in told["buttons"]] == ["Let it wait", "Open its thread"]
    assert f"p{top['ts'].replace('.', '')}" in str(told["blocks"])


async def test_status_versions_and_history_are_answered_to_one_person(team: Team) -> None:
    await team.types("ben", "/ghost status")
    told = await team.sees("Production: Ghost 6.40.0", who="ben")
    assert "Staging: Ghost 6.39.0" in told["plain"]
    await team.types("ben", "/ghost versions")
    await team.sees("2 versions behind 6.65.0", who="ben")
    await team.types("ben", "/ghost history")
    await team.sees("There is no release yet", who="ben")
    assert not [one for one in await team.messages("ann") if "Ghost" in one["plain"]]


async def test_the_history_tells_who_did_what_refusals_included(team: Team) -> None:
    await team.ask("PUT", "channels", name="releases", members=["ann", "ben", "gus"])
    await team.types("gus", "/ghost upgrade")
    await team.sees("Guests may not use this bot", who="gus")
    release = await team.starts_upgrade()
    await team.types("ben", "/ghost backup")
    await team.sees("is busy with", who="ben")
    await team.types("ben", "/ghost history")
    told = (await team.sees("Who did what", who="ben"))["plain"]
    assert "@gus: upgrade: refused: Guests may not use this bot." in told
    assert f"@ann: upgrade 6.65.0 {release.id}: begun" in told
    assert (
        f"@ben: backup: refused: blog is busy with {release.id} (upgrade, staging), started by @ann." in told
    )
    assert "answered" not in told


async def test_the_history_leads_to_the_threads(team: Team) -> None:
    release = await team.starts_upgrade()
    parent = await team.sees("Upgrade blog", button="Cancel")
    await team.types("ben", "/ghost history")
    told = await team.sees("The last releases", who="ben")
    client = AsyncWebClient(token=team.addresses["bot_token"], base_url=team.addresses["api"])
    slacks = await client.chat_getPermalink(channel=release.channel, message_ts=parent["ts"])
    assert f"<{slacks['permalink']}|{release.id}>" in json.dumps(told["blocks"])


async def test_a_sick_slot_is_said_and_not_raised(team: Team) -> None:
    team.blog.sick.add("staging")
    await team.types("ann", "/ghost status")
    await team.sees("trouble: blog/staging does not answer")


async def test_a_delivery_made_twice_is_done_once(team: Team) -> None:
    await team.starts_upgrade()
    await team.ask("POST", "redeliver")
    await team.types("ann", "/ghost help")
    await team.sees("What I can do")
    assert len(team.engine.started) == 1
    assert not [one for one in await team.messages("ann") if "is busy with" in one["plain"]]


async def test_a_mention_in_a_thread_is_answered_there(team: Team) -> None:
    await team.starts_upgrade()
    parent = await team.sees("Upgrade blog", button="Cancel")
    await team.types("ben", "@ghostbot status", thread_ts=parent["ts"])
    told = await team.sees("Production: Ghost 6.40.0", who="ann", thread_ts=parent["ts"])
    assert told["thread_ts"] == parent["ts"]


async def test_a_mention_in_the_thread_of_a_release_is_about_its_site_and_can_stop_it(team: Team) -> None:
    release = await team.starts_upgrade()
    parent = await team.sees("Upgrade blog", button="Cancel")
    await team.types("cleo", "@ghostbot cancel", thread_ts=parent["ts"])
    await team.sees("This takes a releaser, and you are not one", thread_ts=parent["ts"])
    assert (await team.records.release(release.id)).cancel_asked_by is None
    await team.types("ben", "@ghostbot status", thread_ts=parent["ts"])
    await team.sees("Production: Ghost 6.40.0", thread_ts=parent["ts"])
    await team.types("ann", "@ghostbot cancel", thread_ts=parent["ts"])
    await team.sees("stops before its next step", thread_ts=parent["ts"])
    assert (await team.records.release(release.id)).cancel_asked_by == team.ann
    assert await team.records.told_in(release.channel, parent["ts"]) == release.id
    assert await team.records.told_in(release.channel, "1.2") is None


async def test_cancelled_in_the_thread_of_an_older_release_the_newer_one_goes_on(team: Team) -> None:
    older, _ = await team.goes_live()
    thread = (await team.records.messages_of_part("parent", [older.id]))[older.id].ts
    newer = await team.records.create(Kind.BACKUP, "blog", team.ann, older.channel)
    await team.types("ann", "@ghostbot cancel", thread_ts=thread)
    await team.sees("is over: live. Nothing is left to cancel.", thread_ts=thread)
    assert (await team.records.release(newer.id)).cancel_asked_by is None
    await team.types("ann", "@ghostbot cancel blog", thread_ts=thread)
    await team.sees("stops before its next step", thread_ts=thread)
    assert (await team.records.release(newer.id)).cancel_asked_by == team.ann


async def test_the_audit_knows_the_site_of_an_own_command_and_of_a_thread(team: Team) -> None:
    sites = {"blog": team.blog, "shop": StandInSite("shop", "6.40.0", "6.39.0")}
    team.releases = Releases(sites, team.records, team.ghosts, team.engine.start)
    await team.stop_bot()
    await team.start_bot()
    await team.installs(sites={"/blog": "blog"})
    await team.types("ann", "/ghost upgrade blog 6.65.0")
    parent = await team.sees("Upgrade blog", button="Cancel")
    await team.types("cleo", "@ghostbot cancel", thread_ts=parent["ts"])
    await team.sees("This takes a releaser, and you are not one", thread_ts=parent["ts"])
    await team.types("cleo", "/blog backup")
    await team.sees("This takes a releaser, and you are not one", who="cleo")
    await team.types("cleo", "/blog status shop")
    await team.sees("*shop*", who="cleo")
    await team.types("cleo", "/ghost freeze")
    await team.eventually(lambda: _audited_of(team, "freeze", ""))
    for typed, site in (("cancel", "blog"), ("backup", "blog"), ("status shop", "shop")):
        assert await _audited_of(team, typed, site), typed


async def _audited_of(team: Team, typed: str, site: str) -> bool:
    return any((row.deed.what, row.deed.site) == (typed, site) for row in await team.records.audited())


async def test_a_mention_starts_nothing(team: Team) -> None:
    await team.types("ann", "@ghostbot upgrade 6.65.0")
    await team.sees("Type `/ghost upgrade [VERSION] [SITE]` in the channel")
    assert not team.engine.started


async def test_a_direct_message_is_a_question(team: Team) -> None:
    await team.types("ann", "versions", channel="@ghostbot")
    await team.sees("Newest Ghost versions: 6.65.0", channel="@ghostbot")


async def test_a_defect_is_told_without_its_traceback(team: Team) -> None:
    team.engine.breaks = True
    await team.types("ann", "/ghost upgrade")
    told = await team.sees("Something went wrong on my side")
    assert "on fire" not in told["plain"]
    assert "Traceback" not in told["plain"]


async def test_the_home_tab_shows_sites_and_what_waits(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    await team.ask("POST", "home", **{"as": "ben"})
    home = await team.sees("Upgrade blog from 6.40.0 to 6.65.0", who="ben", channel=None, surface="home")
    assert "Production: Ghost 6.40.0" in home["plain"]
    labels = [one["label"] for one in home["buttons"]]
    assert labels == ["Approve", "Reject", "Open its thread", "Cancel", "Look again"]
    assert f"|{release.id}>" in str(home["blocks"]), "the last releases lead to their threads"


async def test_what_waits_for_somebody_is_decided_on_their_home(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    await team.ask("POST", "home", **{"as": "ann"})
    home = await team.sees("You asked for it", who="ann", channel=None, surface="home")
    assert "Approve" not in [one["label"] for one in home["buttons"]], "hers is for others to decide"
    await team.ask("POST", "home", **{"as": "ben"})
    await team.sees("It waits for you", who="ben", channel=None, surface="home")
    click = {"as": "ben", "home": True, "action_id": f"approve:{release.id}", "confirm": True}
    await team.ask("POST", "click", **click)
    await team.sees("You approved", who="ben", channel=None, surface="home")
    assert (await team.records.release(release.id)).state is State.PROMOTING


async def test_a_rejection_on_the_home_asks_why_and_is_answered_there(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    await team.ask("POST", "home", **{"as": "ben"})
    await team.sees("It waits for you", who="ben", channel=None, surface="home")
    await team.ask("POST", "click", **{"as": "ben", "home": True, "action_id": f"reject:{release.id}"})
    await team.submits("ben", "Why not?", "The sale is on")
    await team.sees("You rejected", who="ben", channel=None, surface="home")
    ended = await team.records.release(release.id)
    assert (ended.state, ended.reason) == (State.REJECTED, "The sale is on")


async def test_a_site_that_is_behind_is_upgraded_from_the_home_by_who_may_and_told_in_the_channel(
    team: Team,
) -> None:
    for who, may in (("cleo", False), ("ann", True)):
        await team.ask("POST", "home", **{"as": who})
        home = await team.sees("Production: Ghost 6.40.0", who=who, channel=None, surface="home")
        assert ("Upgrade to 6.65.0" in [one["label"] for one in home["buttons"]]) is may
    click = {"as": "ann", "home": True, "action_id": "upgrade:blog", "confirm": True}
    await team.ask("POST", "click", **click)
    await team.sees("has begun", channel=None, surface="home")
    assert team.engine.started[-1].version == "6.65.0"
    await team.sees("Upgrade blog", button="Cancel")


async def test_what_is_under_way_or_comes_later_is_cancelled_from_the_home_and_answered_there(
    team: Team,
) -> None:
    await team.types("ann", "/ghost backup blog tomorrow 6:00")
    await team.sees("/ghost backup blog` begins")
    release = await team.starts_upgrade()
    for who in ("ann", "cleo"):
        await team.ask("POST", "home", **{"as": who})
        await team.sees("preparing staging", who=who, channel=None, surface="home")

    async def clicks(who: str, action: str) -> None:
        await team.ask("POST", "click", **{"as": who, "home": True, "action_id": action, "confirm": True})

    cleos = await team.sees("preparing staging", who="cleo", channel=None, surface="home")
    assert [one["label"] for one in cleos["buttons"]] == ["Open its thread", "Look again"], (
        "it takes a releaser"
    )
    (order,) = await team.records.scheduled()
    await clicks("ann", f"unschedule:{order.id}")
    home = await team.sees("cancelled. Nothing was begun", channel=None, surface="home")
    assert [one["label"] for one in home["buttons"]] == ["Open its thread", "Cancel", "Look again"]
    await clicks("ann", f"cancel:{release.id}")
    await team.sees("stops before its next step", channel=None, surface="home")
    assert (await team.records.release(release.id)).cancel_asked_by == team.ann
    await clicks("ann", "look_again")
    await team.sees("preparing staging", channel=None, surface="home", without="stops before its next step")


async def test_the_home_tab_is_closed_to_guests(team: Team) -> None:
    await team.ask("POST", "home", **{"as": "gus"})
    home = await team.sees("Guests may not use this bot", who="gus", channel=None, surface="home")
    assert "Production" not in home["plain"]


async def test_a_signature_in_an_address_is_refused_and_stands_in_no_record(team: Team) -> None:
    team.blog.shape = replace(team.blog.shape, kinds=frozenset({Kind.DEPLOY}))
    await team.types("ann", "/ghost deploy blog https://ci:hunter22@b.example.com/s.zip?sv=1&sig=Zm9vYmFy")
    told = await team.sees("carries a password or a signature")
    audited = "\n".join(await team.audited())
    assert "deploy blog <https://[hidden]@b.example.com/s.zip?[hidden]>" in audited
    for text in (told["plain"], audited):
        assert "hunter22" not in text
        assert "Zm9v" not in text


@pytest.mark.parametrize(
    "typed",
    [
        "/ghost deploy {} shop",
        "/ghost deploy shop production {}",
        "/ghost upgrade blog {}",
        "/ghost status {}",
        "/ghost {}",
        "@ghostbot status {}",
    ],
)
async def test_a_secret_among_words_that_are_not_understood_is_not_repeated(team: Team, typed: str) -> None:
    address = "https://ci:hunter22@b.example.com/s.zip?sv=1&sig=Zm9vYmFy"
    await team.types("ann", typed.format(address))
    told = await team.sees(":no_entry:" if "status" in typed or "{} shop" in typed else ":grey_question:")
    history = await team.audited()
    assert any("[hidden]" in line for line in history)
    for text in (str(told["blocks"]), told["plain"], *history):
        assert "hunter22" not in text
        assert "Zm9v" not in text


async def test_the_home_says_what_waits_for_whom(team: Team) -> None:
    await team.waits_for_approval()
    told = {}
    for who in ("ann", "ben"):
        await team.ask("POST", "home", **{"as": who})
        told[who] = (await team.sees("Upgrade blog", who=who, channel=None, surface="home"))["plain"]
    assert "It waits for you" in told["ben"]
    assert "You asked for it, so someone else decides" in told["ann"]
    assert "It waits for you" not in told["ann"]


async def test_a_sites_own_command_alone_tells_what_that_site_can_do(team: Team) -> None:
    await team.installs(sites={"/blog": "blog"})
    await team.types("ann", "/blog")
    await team.sees("What blog can do (Ghost on SQLite)")
    await team.types("ann", "/blog backup tomorrow 6:00")
    told = await team.sees("`/blog backup blog` begins")
    assert "`/blog cancel s-" in told["plain"], "answers name the command that was typed"
    assert "approval" not in told["plain"], "a backup asks for none"
    await team.types("ann", "/blog upgrad")
    assert "/ghost" not in (await team.sees("upgrad"))["plain"]
