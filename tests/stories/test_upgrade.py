"""The way of a release, from the words typed to the way back."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from demo.notes import NOTES
from release.model import State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    sites = ("forward", "clicked", "kept", "manual", "stopped", "late")
    async with a_team(tmp_path_factory.mktemp("upgrade"), cache, sites) as team:
        yield team


async def test_an_upgrade_goes_live_after_approval_and_can_be_taken_back(team: Team) -> None:
    await team.world.publish_notes(NOTES)
    key = await team.has_site("forward")
    card = await team.ask_for_approval("forward")
    assert "No content lost" in card["plain"]
    assert "Fixed sign-in links that stayed valid after they were used" in card["plain"]
    assert "5.133.0: Fixed a token that was written to the log" in card["plain"]
    assert await team.world.version("forward") == OLDER

    slug = await team.writes_a_post("forward", key, "Written while people decide")
    await team.clicks("ben", card, "Approve")
    live = await team.sees("ann", f"forward is live on {NEWEST}", button="Rollback")
    release = await team.reaches("forward", State.LIVE)
    assert await team.world.version("forward") == NEWEST
    assert await team.page("forward", f"/{slug}/") == 200
    assert release.facts.probe is not None
    assert release.facts.probe.failed == 0
    assert release.facts.probe.requests > 10

    await team.clicks("ann", live, "Rollback")
    await team.clicks("ann", await team.question("forward"), "Roll back")
    await team.sees("ann", f"forward is back on {OLDER}")
    assert await team.world.version("forward") == OLDER
    assert await team.world.swaps("forward") == 2
    assert (await team.records.release(release.id)).state is State.ROLLED_BACK


async def test_two_people_who_approve_at_once_start_one_swap(team: Team) -> None:
    await team.has_site("clicked")
    card = await team.ask_for_approval("clicked")
    await asyncio.gather(team.clicks("ben", card, "Approve"), team.clicks("cleo", card, "Approve"))
    await team.reaches("clicked", State.LIVE)
    assert await team.world.swaps("clicked") == 1
    approval = await team.records.approval_of((await team.last("clicked")).id)
    assert approval is not None
    told = {person: await team.told(person) for person in ("ben", "cleo")}
    loser = "cleo" if approval.decided_by == team.world.slack["users"]["ben"] else "ben"
    assert "already" in told[loser].lower()


async def test_production_keeps_its_database_and_staging_sends_no_mail(team: Team) -> None:
    await team.has_site("kept")
    before = _posts(await team.world.wwwroot("kept"))
    card = await team.ask_for_approval("kept")
    assert _posts(await team.world.wwwroot("kept")) == before
    assert _posts(await team.world.wwwroot("kept", "staging")) == before
    told = await team.world.site("kept")
    assert "bulkEmail__mailgun__apiKey" in told["sticky"]
    assert "mail__options__port" in told["sticky"]
    await team.rejects("ben", card)
    await team.reaches("kept", State.REJECTED)
    assert await team.world.swaps("kept") == 0


async def test_what_is_on_staging_can_be_swapped_by_itself(team: Team) -> None:
    await team.has_site("manual")
    card = await team.ask_for_approval("manual")
    await team.rejects("ben", card)
    rejected = await team.reaches("manual", State.REJECTED)

    await team.types("ann", "/ghost swap manual")
    await team.reaches("manual", State.AWAITING_APPROVAL, after=rejected)
    await team.clicks("ben", await team.card("manual"), "Approve")
    await team.reaches("manual", State.LIVE)
    assert await team.world.version("manual") == NEWEST


async def test_a_cancelled_release_leaves_production_alone_and_frees_the_site(team: Team) -> None:
    await team.has_site("stopped")
    await team.types("ann", f"/ghost upgrade {NEWEST} stopped")
    await team.is_at("stopped", "preflight")
    await team.types("ann", "/ghost cancel stopped")
    release = await team.reaches("stopped", State.CANCELLED)
    assert await team.world.version("stopped") == OLDER
    assert release.steps[-1].state == "pending"
    assert await team.records.open_release("stopped") is None


async def test_a_busy_site_names_who_holds_it(team: Team) -> None:
    await team.has_site("late")
    await team.ask_for_approval("late")
    await team.types("ben", f"/ghost upgrade {NEWEST} late")
    told = await team.sees("ben", "is busy with")
    assert "@ann" in told["plain"]


def _posts(wwwroot: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(f"file:{wwwroot}/content/data/ghost.db?mode=ro", uri=True)) as database:
        return database.execute("SELECT slug, status FROM posts ORDER BY slug").fetchall()
