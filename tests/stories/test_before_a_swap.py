"""What would hurt visitors at a swap is found and told before it; what can be cleared is, with a word."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from release.model import State, Step
from release.warm_up import WARM_UP_STATUSES
from tests.stories.team import NEWEST, Team, a_team

pytestmark = pytest.mark.story


@pytest.fixture
async def team(tmp_path: Path, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path, cache, ("blog",)) as team:
        await team.has_site("blog")
        yield team


async def routes(team: Team, share: float) -> None:
    """Somebody sends a share of production's visitors to staging, as in the portal."""
    host = (await team.world.url("blog", "staging")).partition("://")[2]
    rule = {"actionHostName": host, "reroutePercentage": share, "name": "staging"}
    await team.arm("PATCH", "blog/config/web", {"properties": {"experiments": {"rampUpRules": [rule]}}})


async def routed(team: Team) -> list[object]:
    told = await team.arm("GET", "blog/config/web")
    return list(told.json()["properties"]["experiments"]["rampUpRules"])


async def writes_settings(team: Team, below: str, **settings: str) -> None:
    told = await team.arm("POST", f"blog{below}/config/appsettings/list")
    body = {"properties": {**told.json()["properties"], **settings}}
    await team.arm("PUT", f"blog{below}/config/appsettings", body)


async def test_routing_is_cleared_and_settings_and_warmth_are_told(team: Team) -> None:
    await routes(team, 20)
    await writes_settings(team, "/slots/staging", FEATURE_X="rosebud", **{WARM_UP_STATUSES: "200,503"})
    card = await team.ask_for_approval("blog")
    for part in (
        "Traffic routing sends visitors to another slot (20 % to staging)",
        "go live with the swap: FEATURE_X",
        f"staging: {WARM_UP_STATUSES}=200,503 takes an error for warm",
    ):
        assert part in card["plain"], card["plain"]
    assert await routed(team) == [], "nobody is sent to a slot that is stopped and filled"
    staged = await team.last("blog")
    assert "traffic routing cleared (20 % to staging)" in staged.step(Step.DEPLOY).detail

    await routes(team, 35)  # while people decide
    await team.clicks("ben", card, "Approve")
    live = await team.sees("ann", f"blog is live on {NEWEST}", button="Rollback")
    assert await routed(team) == []
    release = await team.reaches("blog", State.LIVE)
    assert "traffic routing cleared (35 % to staging)" in release.step(Step.RECHECK).detail
    assert "it answers a swap's warm-up with 200" in release.step(Step.PREVIEW).detail
    assert "--distribution staging=35" in live["plain"]
    assert " ms, warm" in live["plain"]
    assert "rosebud" not in await team.told("ann")


async def test_a_database_that_a_swap_would_move_ends_the_release_with_its_cure(team: Team) -> None:
    await writes_settings(team, "", DATABASE_URL="mysql://ghost:rosebud@db.example/live")
    await writes_settings(team, "/slots/staging", DATABASE_URL="mysql://ghost:rosebud@db.example/trial")
    await team.types("ann", f"/ghost upgrade {NEWEST} blog")
    release = await team.reaches("blog", State.FAILED)
    assert "DATABASE_URL" in (release.reason or "")
    assert "--slot-settings" in (release.remedy or "")
    assert release.step(Step.DEPLOY).started_at is None
    assert "rosebud" not in await team.told("ann")
