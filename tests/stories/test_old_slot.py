"""The way back: the old slot is left alone, stopped after its grace period, and started again for a rollback."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from release.model import State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = pytest.mark.story


@pytest.fixture
async def team(tmp_path: Path, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path, cache, ("blog",), site_options={"grace_minutes": 0.02}) as team:
        await team.has_site("blog")
        yield team


async def runs(team: Team, slot: str) -> bool:
    return bool((await team.world.site("blog"))["slots"][slot]["running"])


async def test_the_old_slot_is_stopped_after_its_grace_and_still_is_the_way_back(team: Team) -> None:
    card = await team.ask_for_approval("blog")
    await team.clicks("ben", card, "Approve")
    await team.reaches("blog", State.LIVE)
    assert await team.world.version("blog", "staging") == OLDER
    deadline = time.monotonic() + 20
    while await runs(team, "staging"):
        assert time.monotonic() < deadline, "the old slot still runs"
        await asyncio.sleep(0.2)
    assert await team.page("blog", "/", "staging") == 403
    assert await team.page("blog", "/") == 200

    await team.rolls_back("blog")
    await team.sees("ann", f"blog is back on {OLDER}", seconds=40)
    assert await team.world.version("blog") == OLDER
    assert await team.world.version("blog", "staging") == NEWEST
