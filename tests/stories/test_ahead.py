"""A version that is out is built before anybody asks for it."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from release.model import State, Step
from tests.stories.team import NEWEST, Team, a_team


def looking_often(folder: Path) -> AbstractAsyncContextManager[Team]:
    """An empty cache, and a bot that looks for new versions every second or so."""
    world, cache = folder / "world", folder / "cache"
    return a_team(world, cache, ("blog",), build_ahead=True, look_for_versions_minutes=0.02)


async def said(team: Team, text: str, seconds: float = 60) -> int:
    """Wait until the bot's log has it; how often it has."""
    deadline = time.monotonic() + seconds
    log = team.world.folder / "bot.log"
    while text not in (found := await asyncio.to_thread(log.read_text)):
        assert time.monotonic() < deadline, found[-2000:]
        await asyncio.sleep(0.2)
    return found.count(text)


@pytest.mark.timeout(180)
async def test_an_upgrade_takes_from_the_cache_what_was_built_when_the_version_came_out(
    tmp_path: Path,
) -> None:
    async with a_team(
        tmp_path / "world", tmp_path / "cache", ("blog",), build_ahead=True, look_for_versions_minutes=0.02
    ) as team:
        await team.has_site("blog")
        await said(team, "built ahead")
        await team.types("ann", f"/ghost upgrade {NEWEST}")
        release = await team.reaches("blog", State.AWAITING_APPROVAL)
        assert "from the cache" in release.step(Step.BUILD).detail
        await asyncio.sleep(3)  # two looks later
        assert await said(team, "built ahead") == 1


@pytest.mark.timeout(180)
async def test_a_version_that_is_skipped_is_not_built(tmp_path: Path) -> None:
    async with a_team(
        tmp_path / "world", tmp_path / "cache", ("blog",), build_ahead=True, look_for_versions_minutes=0.02
    ) as team:
        await team.records.skip_version(NEWEST, "U0ANN000001", None)
        await team.has_site("blog")
        await asyncio.sleep(3)
        log = await asyncio.to_thread((team.world.folder / "bot.log").read_text)
        assert "built ahead" not in log
        assert not list((team.cache / "packages").glob("*.zip"))
