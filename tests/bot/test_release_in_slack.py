"""A release as the team sees it, from the command to the way back."""

from datetime import UTC, datetime, timedelta

import pytest

from release.errors import NoOldSlot
from release.model import PLAN, Kind, State, Step, StepState
from release.stuck import Watchman
from tests.bot.conftest import IN_BOTH_MODES, Team

pytestmark = IN_BOTH_MODES


async def test_an_upgrade_is_asked_for_followed_approved_and_told(team: Team) -> None:
    release = await team.starts_upgrade()
    assert (await team.sees("has begun"))["ephemeral"]
    parent = await team.sees("Upgrade blog", button="Cancel")
    assert "Starting" in parent["plain"]

    await team.records.step(release.id, Step.PREFLIGHT, StepState.RUNNING, "")
    await team.sees(f"step 1 of {len(PLAN[Kind.UPGRADE])}", who="ben")
    await team.engine.stages(release.id, "6.40.0", "6.65.0")
    card = await team.sees("Approve blog: 6.40.0 → 6.65.0?", who="ben", button="Approve")
    assert card["thread_ts"] == parent["ts"]
    for part in (
        "No content lost",
        "settings: 80 → 84",
        "All 2 tested answer as expected",
        "Warm-up lets a redirect <pass>",
        "v6.65.0",
    ):
        assert part in str(card["blocks"]) or part in card["plain"], part
    await team.sees("Back up production", thread_ts=parent["ts"])

    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("You approved", who="ben")
    await team.sees("Approved: blog", without="Approve")
    assert team.engine.started[-1].state is State.PROMOTING

    await team.engine.promotes(release.id, "6.40.0", "6.65.0")
    result = await team.sees("is live on 6.65.0", button="Rollback")
    assert "none failed" in result["text"]
    assert result["subtype"] == "thread_broadcast"
    await team.sees("Live: blog runs 6.65.0")


async def test_a_failure_says_what_happened_where_production_stands_and_what_to_do(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.records.set_versions(release.id, "6.40.0", "6.65.0")
    await team.engine.fails(release.id, Step.SMOKE_TEST, "staging answered 503 on /.", "Read the slot's log.")
    told = await team.sees("What to do next")
    for part in ("staging answered 503 on /.", "It still runs 6.40.0", "Read the slot's log."):
        assert part in told["text"]
    assert told["subtype"] == "thread_broadcast"


async def test_a_release_is_cancelled_with_its_button(team: Team) -> None:
    release = await team.starts_upgrade()
    parent = await team.sees("Upgrade blog", button="Cancel")
    await team.clicks("ben", "Cancel", parent, confirm=True)
    await team.sees("stops before its next step", who="ben")
    await team.sees("as @ben asked")
    assert (await team.records.release(release.id)).cancel_asked_by == team.ben
    await team.records.move(release.id, State.CANCELLED)
    await team.sees("was cancelled by @ben")


async def test_a_backup_tells_what_was_kept(team: Team) -> None:
    await team.types("ann", "/ghost backup blog")
    await team.sees("Back up blog has begun")
    release = team.engine.started[-1]
    await team.engine.does(release.id, Step.BACK_UP, detail="12.3 MB, integrity ok")
    await team.records.move(release.id, State.BACKED_UP)
    await team.sees("blog is backed up")
    await team.sees("12.3 MB, integrity ok", thread_ts=(await team.sees("Backed up."))["ts"])


async def test_a_release_that_stands_still_is_told_in_the_channel_and_that_it_goes_on(team: Team) -> None:
    release = await team.starts_upgrade()
    await team.records.begin_step(release.id, Step.DEPLOY)
    await team.records.say(release.id, Step.DEPLOY, "uploading <88 MB>")
    watchman = Watchman({"blog": team.blog}, team.records)
    await watchman.look(datetime.now(UTC) + timedelta(days=1))
    told = await team.sees("has made no progress since")
    assert told["subtype"] == "thread_broadcast"
    for part in (f"<@{team.ann}>", "*Deploy to staging*", "uploading &lt;88 MB&gt;", "Restart the bot"):
        assert part in told["text"]
    await team.records.step(release.id, Step.DEPLOY, StepState.DONE, "done after all")
    await watchman.look()
    await team.sees("stood still at *Deploy to staging* and goes on since")

    await team.records.begin_step(release.id, Step.SWAP)
    await watchman.look(datetime.now(UTC) + timedelta(days=1))
    await team.sees("Do not swap by hand meanwhile")
    await team.records.move(release.id, State.FAILED, reason="no luck", remedy="look")
    await team.sees("stood still at *Swap staging into production*, and has ended since")


async def test_the_old_version_is_stopped_by_a_button_before_its_time(team: Team) -> None:
    release, _ = await team.goes_live()
    later = datetime.now(UTC) + timedelta(hours=1)
    await team.records.note(release.id, old_slot_stops_at=later)
    message = await team.sees("is live on 6.65.0", button="Stop the old version")
    await team.clicks("cleo", "Stop the old version", message, confirm=True)
    await team.sees("This takes a releaser", who="cleo")
    await team.clicks("ann", "Stop the old version", message, confirm=True)
    await team.sees("The old version of blog is stopped in a moment", who="ann")
    stops_at = (await team.records.release(release.id)).facts.old_slot_stops_at
    assert stops_at is not None
    assert stops_at <= datetime.now(UTC)
    await team.records.note(release.id, old_slot_stopped_at=datetime.now(UTC))
    await team.sees("The old version is stopped since", without="Stop the old version")
    with pytest.raises(NoOldSlot):
        await team.releases.stop_old_slot(release.id)


async def test_the_old_version_is_stopped_once_another_release_is_over(team: Team) -> None:
    release, message = await team.goes_live()
    other = await team.records.create(Kind.BACKUP, "blog", team.ann, release.channel)
    await team.clicks("ann", "Stop the old version", message, confirm=True)
    await team.sees("The old version of blog is stopped once this is over: Back up blog", who="ann")
    await team.records.move(other.id, State.BACKED_UP)


async def test_where_something_else_took_the_old_versions_place_no_way_back_is_offered(team: Team) -> None:
    release, message = await team.goes_live()
    assert "keeps running on staging" in message["plain"]
    await team.records.note(release.id, old_version_gone_at=datetime.now(UTC), old_slot_stops_at=None)

    async def offers_nothing() -> bool:
        shown = [one["plain"] for one in await team.messages() if "live on 6.65.0" in one["plain"]]
        return bool(shown) and not any("old version" in one or "Rollback" in one for one in shown)

    await team.eventually(offers_nothing)
