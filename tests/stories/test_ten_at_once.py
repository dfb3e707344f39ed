"""Ten sites are upgraded in one channel at the same time: Slack's limits delay messages, and nothing else."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from release.model import Release, State
from tests.stories.team import CHANNEL, NEWEST, OLDER, Team, a_team

pytestmark = [
    pytest.mark.story,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

SITES = tuple(f"blog{number}" for number in range(10))
CALLS_A_RELEASE = 60
PATIENT = {"start_seconds": 60, "scm_seconds": 20, "backup_seconds": 60}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path_factory.mktemp("ten"), cache, SITES, site_options=PATIENT) as team:
        yield team


async def test_ten_upgrades_at_once_are_told_within_slacks_limits(team: Team) -> None:
    for site in SITES:
        await team.has_site(site)
    before = await _calls(team)
    for site in SITES:
        await team.types("ann", f"/ghost upgrade {NEWEST} {site}")
    await _all_reach(team, State.AWAITING_APPROVAL)
    for site in SITES:
        card = await team.sees("ben", f"{site}: {OLDER} → {NEWEST}", button="Approve", seconds=120)
        await team.clicks("ben", card, "Approve")
    releases = await _all_reach(team, State.LIVE)

    # The newest state wins: each release's own message ends at what the records say, and no decision is left open.
    for site in SITES:
        await team.sees("ann", f"{site} is live on {NEWEST}", button="Rollback", seconds=180)
        await team.sees("ann", f"Upgrade {site} from {OLDER} to {NEWEST}", seconds=60)
        assert await team.world.version(site) == NEWEST
        assert await team.world.swaps(site) == 1
    await _everything_is_told(team, releases)
    messages = await team.world.messages("ann", CHANNEL)
    controls = str([message["buttons"] for message in messages])
    assert "Approve" not in controls
    assert "Cancel" not in controls

    after = await _calls(team)
    counts = Counter(after["counts"])
    counts.subtract(Counter(before["counts"]))
    limited = after["ratelimited"] - before["ratelimited"]
    print(json.dumps({"releases": len(SITES), "calls": +counts, "ratelimited": limited}))  # noqa: T201 - for -rP
    assert sum(counts.values()) <= CALLS_A_RELEASE * len(SITES)
    assert limited <= 0.05 * sum(counts.values())


async def _calls(team: Team) -> dict[str, Any]:
    told: dict[str, Any] = (await team.world.http.get(f"{team.world.slack['control']}calls")).json()
    return told


async def _all_reach(team: Team, state: State) -> list[Release]:
    return list(await asyncio.gather(*(team.reaches(site, state, seconds=400) for site in SITES)))


async def _everything_is_told(team: Team, releases: list[Release]) -> None:
    async with asyncio.timeout(180):
        while set(await team.records.releases_to_tell()) & {release.id for release in releases}:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.5)
