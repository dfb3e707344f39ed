"""Production is watched after it went live: sick, it comes back by itself; or people decide, or the bot dies."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from release.model import Release, State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    sites = ("sick", "wanted", "trapped", "killed")
    options = {"observe_minutes": 5, "sick_seconds": 2, "start_seconds": 4}
    async with a_team(tmp_path_factory.mktemp("watched"), cache, sites, site_options=options) as team:
        yield team


async def goes_live(team: Team, site: str) -> str:
    """An upgrade that is live and watched; returns the site's Admin API key."""
    key = await team.has_site(site)
    await team.clicks("ben", await team.ask_for_approval(site), "Approve")
    await team.sees("ann", f"{site} runs {NEWEST} now", button="Swap back now", seconds=60)
    return key


async def breaks(team: Team, site: str) -> None:
    """The new version turns sick: its front page fails from now on, and goes with it through a swap."""
    page = next((await team.world.wwwroot(site)).rglob("core/frontend/pages.js"))
    page.write_text("throw new Error('the disk is full')\n" + page.read_text())
    await team.slot_does(site, "production", "kill-process")


async def ends(team: Team, site: str, seconds: float = 60) -> Release:
    deadline = time.monotonic() + seconds
    while (release := await team.last(site)).state.is_open:
        assert time.monotonic() < deadline, release.steps
        await asyncio.sleep(0.1)
    return release


async def test_production_that_turns_sick_is_swapped_back_by_itself(team: Team) -> None:
    key = await goes_live(team, "sick")
    await team.writes_a_post("sick", key, "Written on the new one")
    await breaks(team, "sick")
    alarm = await team.sees("ann", "production of sick is not well")
    assert alarm["subtype"] == "thread_broadcast"
    release = await ends(team, "sick")
    assert release.state is State.FAILED
    assert "turned sick in production" in (release.reason or "")
    assert await team.world.version("sick") == OLDER
    assert await team.page("sick", "/") == 200
    assert await team.world.swaps("sick") == 2
    told = await team.sees("ann", f"Production was swapped back and runs {OLDER} again")
    assert "1 post" in told["text"]
    assert "Written on the new one" in told["text"]


async def test_a_person_swaps_back_while_it_is_watched_and_the_second_click_is_told(team: Team) -> None:
    await goes_live(team, "wanted")
    await team.types("ann", "/ghost rollback wanted")
    await team.sees("ann", "Press Swap back now")
    message = await team.sees("cleo", f"wanted runs {NEWEST} now", button="Keep it")
    await team.clicks("cleo", message, "Swap back now")
    await team.clicks("ben", message, "Keep it")
    await team.sees("ben", "was already swapped back by @cleo")
    release = await ends(team, "wanted")
    assert release.state is State.ROLLED_BACK
    assert await team.world.version("wanted") == OLDER
    assert await team.world.swaps("wanted") == 2
    gone = await team.sees("ann", "taken back by @cleo while it was watched")
    assert not gone["buttons"]


async def test_without_a_way_back_it_alarms_and_swaps_nothing(team: Team) -> None:
    await goes_live(team, "trapped")
    package = (await team.world.wwwroot("trapped", "staging")) / "package.json"
    package.write_text(json.dumps({**json.loads(package.read_text()), "version": "5.0.0"}))
    await breaks(team, "trapped")
    release = await ends(team, "trapped")
    assert release.state is State.FAILED
    assert "nothing was swapped" in (release.reason or "")
    assert await team.world.version("trapped") == NEWEST
    assert await team.world.swaps("trapped") == 1
    await team.sees("ann", "Look at production now")


async def test_killed_while_it_watches_it_goes_on_until_the_same_end_and_is_kept_by_a_click(
    team: Team,
) -> None:
    await goes_live(team, "killed")
    until = (await team.last("killed")).facts.watched_until
    await team.world.kill_bot()
    await team.world.start_bot()
    message = await team.sees("ben", f"killed runs {NEWEST} now", button="Keep it")
    assert (await team.last("killed")).facts.watched_until == until
    await team.clicks("ben", message, "Keep it")
    assert (await ends(team, "killed")).state is State.LIVE
    await team.sees("ann", f"killed is live on {NEWEST}", button="Rollback")
    assert await team.world.version("killed") == NEWEST
    assert await team.world.swaps("killed") == 1
