"""Slack is slow, full, away or stubborn; the thread is right in the end, and the release never waits."""

from collections import Counter
from typing import Any, cast

import pytest

from bot.pace import ALLOWED, Pace
from bot.threads import Threads, client_of_threads
from release.model import STAGE_STEPS, Kind, Release, State, Step, StepState
from release.records import Records
from tests.bot.conftest import Team

Json = dict[str, Any]  # Any: what the local Slack tells


async def told(team: Team) -> None:
    """Wait until the audience knows all there is to know."""

    async def nothing_left() -> bool:
        return not await team.records.releases_to_tell()

    await team.eventually(nothing_left, 20)


async def everything(team: Team) -> list[Json]:
    return [one for one in await team.messages("ben") if not one["ephemeral"]]


def at_the_top(messages: list[Json]) -> list[Json]:
    """Those that begin a thread, or are in none."""
    return [one for one in messages if one.get("thread_ts") in (None, one["ts"])]


async def test_a_restarted_bot_catches_up_and_posts_nothing_twice(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")
    await team.stop_bot()
    await team.engine.stages(release.id, "6.40.0", "6.65.0")
    await team.start_bot()
    await team.sees("Approve blog", button="Approve")
    await told(team)
    before = await everything(team)
    await team.stop_bot()
    await team.start_bot()
    await told(team)
    assert await everything(team) == before
    assert len(at_the_top(before)) == 1


async def test_what_happens_while_slack_is_away_is_told_afterwards(team: Team) -> None:
    await team.breaks("chat.*", count=3, status=503)
    release = await team.starts_upgrade()
    await team.engine.stages(release.id, "6.40.0", "6.65.0")
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL
    await team.ask("DELETE", "faults")
    await team.sees("Approve blog", button="Approve", timeout=10)


@pytest.mark.parametrize(
    "fault", [{"drop": True}, {"error": "internal_error"}, {"error": "channel_not_found"}]
)
async def test_a_message_that_does_not_get_through_is_sent_again(team: Team, fault: Json) -> None:
    await team.breaks("chat.postMessage", **fault)
    await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")


@pytest.mark.parametrize("posts", [1, 2, 3])
async def test_a_message_whose_answer_got_lost_is_found_again_and_not_posted_twice(
    team: Team, posts: int
) -> None:
    # What a kill between Slack's taking a message and the bot's hearing of it looks like from Slack's side.
    await team.breaks("chat.postMessage", count=posts, drop=True, after=True)
    await team.waits_for_approval()
    await told(team)
    seen = await everything(team)
    assert len({one["plain"] for one in seen}) == len(seen)
    assert len(at_the_top(seen)) == 1


async def test_two_lines_whose_answers_got_lost_are_both_found_again(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")
    await told(team)
    await team.breaks("chat.postMessage", count=2, drop=True, after=True)
    await team.records.step(release.id, Step.SWAP, StepState.DONE, "the first try")
    await team.sees("the first try")
    # What a kill before the engine knew of it does: the step begins anew, while others are told.
    await team.records.step(release.id, Step.SWAP, StepState.RUNNING, "")
    await team.records.step(release.id, Step.VERIFY, StepState.DONE, "well")
    await team.sees("*Check production* done")
    await team.records.step(release.id, Step.SWAP, StepState.DONE, "the second try")
    await team.sees("the second try")
    await told(team)
    shown = [one["plain"] for one in await everything(team)]
    assert len(shown) == 3
    assert sum("Swap staging into production* done" in words for words in shown) == 1
    assert sum("Check production* done" in words for words in shown) == 1


@pytest.mark.parametrize("word", ["missing_scope", "channel_is_limited_access", "access_denied"])
async def test_where_the_bot_may_not_read_a_message_twice_is_better_than_none(team: Team, word: str) -> None:
    await team.breaks("conversations.history", count=20, error=word)
    await team.breaks("chat.postMessage", drop=True, after=True)
    await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")
    await told(team)
    assert len(at_the_top(await everything(team))) == 2


async def test_a_message_that_slack_refused_is_not_looked_for(team: Team) -> None:
    await team.breaks("chat.postMessage", retry_after=1)
    release = await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")
    await team.breaks("chat.postMessage", retry_after=1)
    await team.records.step(release.id, Step.BUILD, StepState.DONE, "built")
    await team.sees("*Build the new version* done")
    await told(team)
    assert await team.calls("conversations.history") == await team.calls("conversations.replies") == []


async def test_slack_is_left_alone_as_long_as_it_asks(team: Team) -> None:
    await team.breaks("chat.postMessage", retry_after=1)
    await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")
    calls = await team.calls("chat.postMessage")
    assert [call["status"] for call in calls] == [429, 200]


async def test_a_slack_that_knows_no_plans_gets_a_checklist(team: Team) -> None:
    await team.breaks("chat.postMessage", error="invalid_blocks")
    release = await team.starts_upgrade()
    parent = await team.sees("waiting: Back up production", button="Cancel")
    assert "plan" not in {block["type"] for block in parent["blocks"]}
    await team.engine.does(release.id, Step.PREFLIGHT)
    await team.sees("done: Check the site and its slots")


async def test_a_deleted_message_is_posted_anew(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.breaks("chat.update", count=20, error="message_not_found")
    await team.types("ann", "/ghost cancel")
    await team.sees("Cancelled: blog", without="Approve")
    assert (await team.sees("was cancelled by @ann"))["ts"] > card["ts"]
    assert (await team.records.release(release.id)).state is State.CANCELLED


async def test_lines_that_wait_together_are_posted_together(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")
    await team.stop_bot()
    await team.engine.does(release.id, *STAGE_STEPS)
    await team.start_bot()
    await team.sees("Test staging* done")
    await told(team)
    assert len(await everything(team)) == 2
    await team.records.step(release.id, Step.SMOKE_TEST, StepState.DONE, "again, and better")
    await team.sees("again, and better")
    await told(team)
    assert len(await everything(team)) == 2


async def test_ten_releases_at_once_stay_within_slacks_limits(team: Team) -> None:
    await team.stop_bot()
    await team.conditions(rate_limits="slack")
    channels = [str(team.addresses["channels"][name]) for name in ("releases", "general")]
    releases = [
        await team.records.create(Kind.BACKUP, f"site{number}", team.ann, channels[number % 2])
        for number in range(10)
    ]
    await team.start_bot(pace=ALLOWED)
    for release in releases:
        await team.engine.does(release.id, Step.BACK_UP)
        await team.records.move(release.id, State.BACKED_UP)
    # Nothing waits for the thirty messages: the releases are over long before they are all told.
    assert not await team.records.open_releases()
    assert await team.records.releases_to_tell()
    await team.sees("is backed up")
    await team.sees("is backed up", channel="general")
    assert (await team.ask("GET", "calls"))["ratelimited"] == 0


class CountedRecords:
    """Records, and how often each release was read."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.read: Counter[str] = Counter()

    async def release(self, release_id: str) -> Release:
        self.read[release_id] += 1
        return await self._records.release(release_id)

    def __getattr__(self, name: str) -> Any:  # Any: whatever records have
        return getattr(self._records, name)


async def test_releases_that_wait_for_their_turn_in_a_channel_are_not_read_in_vain(team: Team) -> None:
    await team.stop_bot()
    channel = str(team.addresses["channels"]["releases"])
    for number in range(8):
        await team.records.create(Kind.BACKUP, f"site{number}", team.ann, channel)
    now = 0.0
    records = CountedRecords(team.records)
    threads = Threads(
        client_of_threads(team.addresses["bot_token"], team.addresses["api"]),
        cast("Records", records),
        (),
        Pace(post_burst=2, posts_a_second=1),
        lambda: now,
    )
    untold = tuple(await team.records.releases_to_tell())
    for second in (0, 0, *range(1, 7)):
        now = float(second)
        await threads.catch_up()
        assert tuple(await team.records.releases_to_tell()) == untold[2 + second :]
    # Once each when there was no turn left, and once more when it had come: not with every look.
    assert sorted(records.read.values()) == [1, 1, *[2] * 6]
    await team.records.step(untold[0], Step.BACK_UP, StepState.RUNNING, "halfway")
    await threads.catch_up()
    assert not await team.records.releases_to_tell()


async def test_a_question_is_not_asked_behind_what_only_goes_on(team: Team) -> None:
    await team.stop_bot()
    channel = str(team.addresses["channels"]["releases"])
    backups = [
        (await team.records.create(Kind.BACKUP, f"site{number}", team.ann, channel)).id for number in range(8)
    ]
    asked = await team.records.create(Kind.UPGRADE, "blog", team.ann, channel, version="6.65.0")
    await team.engine.stages(asked.id, "6.40.0", "6.65.0")
    now = 0.0
    threads = Threads(
        client_of_threads(team.addresses["bot_token"], team.addresses["api"]),
        team.records,
        (),
        Pace(post_burst=1, posts_a_second=1),
        lambda: now,
    )
    for second in range(3):
        now = float(second)
        await threads.catch_up()
    await team.sees("Approve blog", button="Approve")
    assert list(await team.records.releases_to_tell()) == backups


async def test_an_update_is_never_older_than_the_one_before(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.sees("Upgrade blog", button="Cancel")
    for number in range(30):
        await team.records.say(release.id, Step.BUILD, f"{number} of 30 files")
        await team.records.step(release.id, Step.BUILD, StepState.RUNNING, f"{number + 1} of 30 files")
    await team.sees("30 of 30 files")
    await told(team)
    assert "30 of 30 files" in (await team.sees("Upgrade blog", button="Cancel"))["plain"]
    assert len(await team.calls("chat.update")) < 30  # those in between were overtaken
