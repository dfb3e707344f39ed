"""The bot is updated in the middle of a release, to a version whose releases take other steps in another order."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from release.model import State
from tests.stories.newer import use
from tests.stories.team import NEWEST, OLDER, Team, a_team

# The bot starts up to four times in a story.
pytestmark = [pytest.mark.story, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    sites = ("staging", "waiting", "swapping", "noted", "marked", "carrying")
    async with a_team(tmp_path_factory.mktemp("updated"), cache, sites) as team:
        yield team


def log_of(team: Team) -> str:
    return (team.world.folder / "bot.log").read_text()


async def is_back(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next story begins with the bot of today."""
    monkeypatch.undo()
    await team.world.stop_bot()
    await team.world.start_bot()


async def test_in_the_middle_of_staging_the_work_begins_anew_there_and_back(
    team: Team, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await team.has_site("staging")
    await team.types("ann", f"/ghost upgrade {NEWEST} staging")
    await team.is_at("staging", "deploy")
    await team.world.kill_bot()
    use(newer, monkeypatch)
    await team.world.start_bot()
    await team.is_at("staging", "back_up")
    await team.world.kill_bot()
    monkeypatch.undo()  # back to the bot of before: its work, given up meanwhile, is begun a third time
    await team.world.start_bot()
    await team.reaches("staging", State.AWAITING_APPROVAL)
    assert log_of(team).count("work that another version of the bot had begun begins anew") == 2
    await team.clicks("ben", await team.card("staging"), "Approve")
    await team.reaches("staging", State.LIVE)
    assert await team.world.swaps("staging") == 1
    assert "Traceback" not in log_of(team)
    await is_back(team, monkeypatch)


async def test_while_an_approval_waits_it_is_approved_and_goes_on(
    team: Team, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await team.has_site("waiting")
    card = await team.ask_for_approval("waiting")
    await team.world.stop_bot()
    use(newer, monkeypatch)
    await team.world.start_bot()
    await team.clicks("ben", card, "Approve")
    await team.reaches("waiting", State.LIVE)
    assert await team.world.version("waiting") == NEWEST
    assert await team.world.swaps("waiting") == 1
    await is_back(team, monkeypatch)


@pytest.mark.parametrize(("site", "notes_before"), [("noted", 0), ("marked", 1)])
async def test_while_the_candidate_catches_up_it_catches_up_again(
    team: Team, newer: Path, monkeypatch: pytest.MonkeyPatch, site: str, notes_before: int
) -> None:
    key = await team.has_site(site)
    card = await team.ask_for_approval(site)
    slug = await team.writes_a_post(site, key, "Written while it waited")
    await is_updated_while_it_catches_up(team, newer, monkeypatch, site, card, notes_before)
    assert await team.page(site, f"/{slug}/") == 200
    assert await team.world.swaps(site) == 1
    assert "Traceback" not in log_of(team)
    await is_back(team, monkeypatch)


async def test_while_late_writes_catch_up_they_catch_up_again(
    team: Team, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await team.has_site("carrying")
    card = await team.ask_for_approval("carrying")
    await team.azure_answers(host="arm", method="POST", path="sites/carrying.*slotsswap", hang=3)
    await team.clicks("ben", card, "Approve")
    await team.is_at("carrying", "swap")
    late = await team.writes_a_post("carrying", key, "In the very last moment")
    upgrade = await team.reaches("carrying", State.LIVE)
    await team.types("ann", "/ghost carry carrying")
    await team.reaches("carrying", State.AWAITING_APPROVAL, after=upgrade)
    slug = await team.writes_a_post("carrying", key, "Written while it waited")
    card = await team.card("carrying", NEWEST)
    await is_updated_while_it_catches_up(team, newer, monkeypatch, "carrying", card, notes_before=0)
    assert [await team.page("carrying", f"/{page}/") for page in (late, slug)] == [200, 200]
    assert await team.world.swaps("carrying") == 2
    assert "Traceback" not in log_of(team)
    await is_back(team, monkeypatch)


async def is_updated_while_it_catches_up(
    team: Team,
    newer: Path,
    monkeypatch: pytest.MonkeyPatch,
    site: str,
    card: dict[str, Any],
    notes_before: int,
) -> None:
    """Approved, cut off there, and live in the end."""
    # The note that staging is unfinished, and the mark that it is whole again: each is there, and no answer comes.
    where = {"host": "scm", "slot": f"{site}/staging", "method": "PUT", "path": r"/\.ghostbot\.json"}
    await team.azure_answers(**where, skip=notes_before, hang=30, after=True)
    await team.clicks("ben", card, "Approve")
    async with asyncio.timeout(60):
        while await team.azure_waits_to_disturb():  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
    await team.world.kill_bot()
    use(newer, monkeypatch)
    await team.world.start_bot()
    await team.reaches(site, State.LIVE)


async def test_while_azure_swaps_it_is_the_same_swap_that_is_waited_for(
    team: Team, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await team.has_site("swapping")
    assert await team.world.version("swapping") == OLDER
    await team.clicks("ben", await team.ask_for_approval("swapping"), "Approve")
    await team.is_at("swapping", "swap")
    await team.has_asked_for_a_swap("swapping")
    await team.world.kill_bot()
    use(newer, monkeypatch)
    await team.world.start_bot()
    await team.reaches("swapping", State.LIVE)
    assert await team.world.version("swapping") == NEWEST
    assert await team.world.version("swapping", "staging") == OLDER
    assert await team.world.swaps("swapping") == 1
    assert "Traceback" not in log_of(team)
    await is_back(team, monkeypatch)
