"""What people write while a release is under way is carried over, or told by title and kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from release.model import State, Step
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path_factory.mktemp("written"), cache, ("late", "left")) as team:
        yield team


async def test_a_post_written_in_the_moment_of_the_swap_is_told_by_title_and_kept(team: Team) -> None:
    key = await team.has_site("late")
    card = await team.ask_for_approval("late")
    await team.azure_answers(host="arm", method="POST", path="slotsswap", hang=3)
    await team.clicks("ben", card, "Approve")
    await team.is_at("late", "swap")
    await team.writes_a_post("late", key, "In the very last moment")
    release = await team.reaches("late", State.LIVE)
    assert release.facts.left_behind is not None
    assert release.facts.left_behind.words == "1 post added"
    live = await team.sees("ann", f"late is live on {NEWEST}", button="Rollback")
    assert "In the very last moment" in live["plain"]
    assert release.facts.write_window_seconds is not None
    assert 0 < release.facts.write_window_seconds < 60
    assert "before the swap" in live["plain"]
    kept = {backup.id for backup in await team.records.backups("late")}
    assert release.facts.left_behind.backup in kept


async def test_a_rollback_says_what_it_would_leave_behind_keeps_it_and_asks(team: Team) -> None:
    key = await team.has_site("left")
    card = await team.ask_for_approval("left")
    await team.clicks("ben", card, "Approve")
    await team.reaches("left", State.LIVE)
    await team.writes_a_post("left", key, "Written on the new version")
    await team.types("ann", "/ghost rollback left")
    question = await team.question("left")
    assert "1 post added" in question["plain"]
    assert "Written on the new version" in question["plain"]
    assert await team.world.swaps("left") == 1
    asked = await team.last("left")
    assert asked.facts.left_behind is not None
    assert asked.facts.left_behind.backup in question["plain"]

    await team.writes_a_post("left", key, "Written while ann thinks it over")
    await team.clicks("ann", question, "Roll back")
    back = await team.sees("ann", f"left is back on {OLDER}")
    assert "2 posts added" in back["plain"]
    assert "Written while ann thinks it over" in back["plain"]
    release = await team.reaches("left", State.ROLLED_BACK)
    assert release.facts.left_behind is not None
    kept = {backup.id: backup for backup in await team.records.backups("left")}
    assert kept[release.facts.left_behind.backup].version == NEWEST
    assert asked.facts.left_behind.backup in kept


async def test_nothing_written_is_told_as_nothing(team: Team) -> None:
    undone = (await team.records.history("left"))[1]
    assert undone.facts.left_behind is not None, undone.step(Step.LATE_WRITES)
    assert not undone.facts.left_behind.anything
