"""A real Ghost whose packages the server installs: by the lock file the bot writes of what it built and tested.

One upgrade of real Ghost, and the way back. Minutes.
"""

import json
from pathlib import Path

import pytest

from demo.stages import put_on_stage, real_opening, settings_of
from demo.world import SiteInDemo, open_world
from release.ghost.cache import default_cache_folder
from release.ghost.lock import LOCK_FILE
from release.model import State
from tests.stories.team import Team

SITE = "harbour"
OLD, NEW = "6.50.0", "6.65.0"
DRIVER = "better-sqlite3"


@pytest.mark.ghost
@pytest.mark.timeout(1500)
async def test_a_real_ghost_is_installed_by_the_server_as_it_was_tested(tmp_path: Path) -> None:
    cache = default_cache_folder()
    async with (
        real_opening(OLD, NEW, cache, lambda _: None) as opening,
        open_world(tmp_path, {opening.node_major: opening.node}, swap_seconds=2) as world,
    ):
        key = await put_on_stage(world, opening, SITE)
        there = {"SCM_DO_BUILD_DURING_DEPLOYMENT": "true"}
        settings = {slot: await settings_of(world, SITE, slot) | there for slot in ("production", "staging")}
        await world.put_site(
            SITE,
            production={"settings": settings["production"]},
            slots={"staging": {"settings": settings["staging"]}},
        )
        await world.wait_until_well(SITE)
        options = {"package": "built on the server", "watch_seconds": 1, "probe_rate": 2}
        world.configure([SiteInDemo(SITE, key, options)], cache_folder=str(cache))
        team = Team(world, opening)
        await world.start_bot()
        try:
            await team.types("ann", f"/ghost upgrade {NEW} {SITE}")
            await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=900)
            staging = await world.wwwroot(SITE, "staging")
            lock = json.loads((staging / LOCK_FILE).read_text())["packages"]
            installed = json.loads((staging / "node_modules" / "express" / "package.json").read_text())
            assert installed["version"] == lock["node_modules/express"]["version"]
            assert (staging / "node_modules" / DRIVER / "build" / "Release" / "better_sqlite3.node").is_file()

            await team.clicks("ben", await team.card(SITE, NEW), "Approve")
            release = await team.reaches(SITE, State.LIVE, seconds=300)
            assert await team.page(SITE, f"/{await team.writes_a_post(SITE, key, 'After')}/") == 200
            assert release.facts.probe is not None
            assert release.facts.probe.failed == 0
            await team.rolls_back(SITE)
            await team.reaches(SITE, State.ROLLED_BACK, seconds=200, after=release)
            assert await world.version(SITE) == OLD
        finally:
            team.close()
