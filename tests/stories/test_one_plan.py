"""Several blogs in one App Service plan: released side by side, and the others are left alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from release.model import State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]

REFERENCE = "@Microsoft.KeyVault(VaultName=ours;SecretName=stripe)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path_factory.mktemp("plan"), cache, ("one", "two", "idle", "vaulted")) as team:
        yield team


async def test_two_blogs_are_released_at_once_and_the_third_notices_nothing(team: Team) -> None:
    for site in ("one", "two", "idle"):
        await team.has_site(site)
    before = await _doings(team, "idle")
    for site in ("one", "two"):
        await team.types("ann", f"/ghost upgrade {NEWEST} {site}")
    for site in ("one", "two"):
        release = await team.reaches(site, State.AWAITING_APPROVAL, seconds=120)
        assert any("GB in use on the plan" in record.detail for record in release.steps)
    await team.clicks("ben", await team.card("one"), "Approve")
    await team.clicks("ben", await team.card("two"), "Approve")
    for site in ("one", "two"):
        release = await team.reaches(site, State.LIVE, seconds=120)
        assert release.facts.probe is not None
        assert release.facts.probe.failed == 0
        assert await team.world.version(site) == NEWEST
    assert await team.world.version("idle") == OLDER
    assert await _doings(team, "idle") == before


async def test_checks_tell_of_the_plan_and_of_references_without_a_secret(team: Team) -> None:
    await team.has_site("vaulted")
    settings = (await team.arm("POST", "vaulted/slots/staging/config/appsettings/list")).json()["properties"]
    changed = {"properties": settings | {"stripe__key": REFERENCE}}
    await team.arm("PUT", "vaulted/slots/staging/config/appsettings", changed)
    await team.types("ann", "/ghost check vaulted")
    told = await team.sees("ann", "the setting stripe__key refers to a Key Vault", seconds=60)
    assert "VaultNotFound" in told["plain"]
    assert "GB in use on the plan" in told["plain"]
    await team.types("ann", f"/ghost upgrade {NEWEST} vaulted")
    await team.reaches("vaulted", State.AWAITING_APPROVAL, seconds=120)
    assert "stripe__key refers to a Key Vault" in (await team.card("vaulted"))["plain"]
    after = (await team.arm("POST", "vaulted/slots/staging/config/appsettings/list")).json()["properties"]
    assert after["stripe__key"] == REFERENCE
    assert after["GHOSTBOT_MUTED"] == "true"


async def _doings(team: Team, site: str) -> tuple[object, ...]:
    """What happened to a site, and how often its processes were started."""
    told = await team.world.site(site)
    starts = {name: (slot["starts"], slot["running"]) for name, slot in told["slots"].items()}
    return [event["event"] for event in told["events"]], starts
