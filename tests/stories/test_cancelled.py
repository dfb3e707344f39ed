"""A release that is stopped undoes what it did to staging, and says where everything stands."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from release.model import Release, State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]

BETWEEN = "5.130.6"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path_factory.mktemp("cancelled"), cache, ("waits", "late", "woken")) as team:
        yield team


async def is_live_on_the_second(team: Team, site: str) -> Release:
    """The site runs BETWEEN, and staging holds OLDER, its way back."""
    await team.has_site(site)
    await team.clicks("ben", await team.ask_for_approval(site, BETWEEN), "Approve")
    return await team.reaches(site, State.LIVE)


async def test_cancelled_while_people_decide_the_way_back_is_there_again(team: Team) -> None:
    live = await is_live_on_the_second(team, "waits")
    await team.types("ann", f"/ghost upgrade {NEWEST} waits")
    await team.reaches("waits", State.AWAITING_APPROVAL, after=live)
    assert await team.world.version("waits", "staging") == NEWEST
    await team.types("ann", "/ghost cancel waits")
    await team.is_at("waits", "undo")
    await team.world.kill_bot()
    await team.world.start_bot()
    release = await team.reaches("waits", State.CANCELLED)
    assert await team.world.version("waits", "staging") == OLDER
    assert await team.world.version("waits") == BETWEEN
    told = await team.sees("ann", "Where things stand")
    for part in (
        f"Production is untouched. It still runs {BETWEEN}.",
        f"Ghost {OLDER} is back on staging with the database it had, running",
        f"`/ghost rollback` still goes back to {OLDER}.",
        str(release.facts.backup.id if release.facts.backup else None),
    ):
        assert part in told["plain"], part

    await team.rolls_back("waits")
    await team.sees("ann", f"waits is back on {OLDER}", seconds=40)
    assert await team.world.version("waits") == OLDER
    assert await team.world.swaps("waits") == 2
    assert await team.page("waits", "/post-1/") == 200


async def test_cancelled_right_before_the_swap_production_and_staging_are_as_they_were(team: Team) -> None:
    await team.has_site("late")
    await team.clicks("ben", await team.ask_for_approval("late"), "Approve")
    await team.is_at("late", "catch_up")
    await team.types("ann", "/ghost cancel late")
    await team.reaches("late", State.CANCELLED)
    assert await team.world.version("late") == OLDER
    assert await team.world.swaps("late") == 0
    told = await team.sees("ann", "held no Ghost before; it is stopped")
    assert "cannot be swapped in" in told["plain"]
    assert not (await team.world.site("late"))["slots"]["staging"]["running"]
    last = await team.last("late")
    await team.types("ann", "/ghost swap late")
    refused = await team.reaches("late", State.FAILED, after=last)
    assert f"what {last.id} left unfinished there" in str(refused.reason)


async def test_an_old_slot_that_was_woken_for_nothing_sleeps_again(team: Team) -> None:
    await is_live_on_the_second(team, "woken")
    await team.arm("POST", "woken/slots/staging/stop")
    await team.types("ann", "/ghost rollback woken")
    question = await team.question("woken")
    assert (await team.world.site("woken"))["slots"]["staging"]["running"]
    await team.clicks("ben", question, "Keep")
    await team.reaches("woken", State.REJECTED)
    assert not (await team.world.site("woken"))["slots"]["staging"]["running"]
    told = await team.sees("ann", "decided to keep")
    assert f"{OLDER} is on staging as before, stopped" in told["plain"]
    assert await team.world.version("woken") == BETWEEN
    assert await team.world.swaps("woken") == 1
