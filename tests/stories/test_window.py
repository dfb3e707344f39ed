"""The seconds around a swap: production closed for writes, and posts that come due just then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from release.ghost.admin_api import admin_token
from release.ghost.build import GUARD_FILE
from release.model import State, Step
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]

OPTIONS = {"close_writes": True, "scheduled_minutes": 1.5, "scheduled_wait_minutes": 0.8}
SITES = ("closed", "unguarded", "due", "sudden", "stopped", "far", "halted")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path_factory.mktemp("window"), cache, SITES, OPTIONS) as team:
        yield team


@dataclass
class Authors:
    """What authors who never stop writing were answered."""

    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    otherwise: list[str] = field(default_factory=list)


@asynccontextmanager
async def writing_all_the_time(team: Team, site: str, key: str, authors: int = 3) -> AsyncIterator[Authors]:
    told = Authors()
    url = await team.world.url(site)

    async def author(number: int) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            for turn in range(100_000):
                title = f"Author {number}, post {turn}"
                try:
                    answer = await client.post(
                        "/ghost/api/admin/posts/",
                        json={"posts": [{"title": title, "status": "published"}]},
                        headers={"Authorization": f"Ghost {admin_token(key)}"},
                    )
                except httpx.HTTPError as error:
                    told.otherwise.append(type(error).__name__)
                    continue
                if answer.status_code == 201:
                    told.accepted.append(title)
                elif answer.status_code == 503 and "X-Ghostbot-Closed" in answer.headers:
                    told.refused += 1
                else:
                    told.otherwise.append(f"HTTP {answer.status_code}")
                await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(author(number)) for number in range(authors)]
    try:
        yield told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def titles(team: Team, site: str, key: str) -> dict[str, str]:
    """The posts of production, as title -> status."""
    answer = await team.world.http.get(
        f"{await team.world.url(site)}/ghost/api/admin/posts/",
        params={"limit": "all"},
        headers={"Authorization": f"Ghost {admin_token(key)}"},
    )
    assert answer.status_code == 200, answer.text
    return {post["title"]: post["status"] for post in answer.json()["posts"]}


async def schedules_a_post(team: Team, site: str, key: str, title: str, seconds: float) -> None:
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    answer = await team.world.http.post(
        f"{await team.world.url(site)}/ghost/api/admin/posts/",
        json={
            "posts": [
                {"title": title, "status": "scheduled", "published_at": f"{due:%Y-%m-%dT%H:%M:%S}.000Z"}
            ]
        },
        headers={"Authorization": f"Ghost {admin_token(key)}"},
    )
    assert answer.status_code == 201, answer.text


async def test_with_writes_closed_everything_that_was_accepted_is_in_the_new_production(team: Team) -> None:
    key = await team.has_site("closed")
    card = await team.ask_for_approval("closed")
    async with writing_all_the_time(team, "closed", key) as authors:
        await team.clicks("ben", card, "Approve")
        release = await team.reaches("closed", State.LIVE)
        before = len(authors.accepted)
        while len(authors.accepted) == before:  # the new production takes writes again  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert authors.refused > 0
    assert authors.otherwise == []
    now = await titles(team, "closed", key)
    assert [title for title in authors.accepted if title not in now] == []
    facts = release.facts
    assert facts.probe is not None
    assert facts.probe.failed == 0
    assert facts.left_behind is not None
    assert not facts.left_behind.anything, facts.left_behind
    assert facts.writes_closed_seconds is not None
    assert facts.writes_closed_seconds > 0
    live = await team.sees("ann", f"closed is live on {NEWEST}", button="Rollback")
    assert "nothing could be written" in live["plain"]


async def test_a_bot_that_is_stopped_while_azure_swaps_does_not_claim_that_nothing_was_written(
    team: Team,
) -> None:
    await team.has_site("halted")
    card = await team.ask_for_approval("halted")
    # Swapped, but the answer comes later than the bot waits for when it is stopped.
    await team.azure_answers(host="arm", method="POST", path="halted.*slotsswap", hang=20, after=True)
    await team.clicks("ben", card, "Approve")
    async with asyncio.timeout(60):
        while await team.azure_waits_to_disturb():  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
    await team.world.stop_bot()
    await team.world.start_bot()
    release = await team.reaches("halted", State.LIVE)
    assert release.facts.writes_closed_seconds is None
    live = await team.sees("ann", f"halted is live on {NEWEST}", button="Rollback")
    assert "nothing could be written" not in live["plain"]
    assert "writes were refused until" in live["plain"]


async def test_a_version_without_the_guard_is_released_with_the_window_open(team: Team) -> None:
    await team.has_site("unguarded")
    (await team.world.wwwroot("unguarded") / GUARD_FILE).unlink()
    card = await team.ask_for_approval("unguarded")
    await team.clicks("ben", card, "Approve")
    release = await team.reaches("unguarded", State.LIVE)
    assert release.facts.writes_closed_seconds is None
    assert "From the next release on" in release.step(Step.LAST_LOOK).detail
    live = await team.sees("ann", f"unguarded is live on {NEWEST}", button="Rollback")
    assert "From the next release on" in live["plain"]


async def test_a_post_that_would_come_due_in_the_swap_delays_it_even_through_a_kill(team: Team) -> None:
    key = await team.has_site("due")
    card = await team.ask_for_approval("due")
    await schedules_a_post(team, "due", key, "At the stroke of noon", 30)
    await team.clicks("ben", card, "Approve")
    await team.sees("ann", "waits for “At the stroke of noon”, scheduled for")
    assert await team.world.swaps("due") == 0
    await team.world.kill_bot()
    await team.world.start_bot()
    release = await team.reaches("due", State.LIVE)
    assert (await titles(team, "due", key))["At the stroke of noon"] == "published"
    assert release.facts.left_behind is not None
    assert not release.facts.left_behind.anything
    assert await team.world.swaps("due") == 1


async def test_a_post_that_is_scheduled_while_staging_is_tried_delays_the_swap_too(team: Team) -> None:
    key = await team.has_site("sudden")
    card = await team.ask_for_approval("sudden")
    await team.clicks("ben", card, "Approve")
    await team.is_at("sudden", "preview")
    await schedules_a_post(team, "sudden", key, "On the spur of the moment", 12)
    release = await team.reaches("sudden", State.LIVE)
    assert "waited for “On the spur of the moment”" in release.step(Step.CATCH_UP).detail
    assert release.step(Step.LAST_LOOK).detail.startswith("closed for writes")
    assert (await titles(team, "sudden", key))["On the spur of the moment"] == "published"
    assert await team.world.swaps("sudden") == 1


async def test_a_release_that_waits_for_a_post_can_be_cancelled(team: Team) -> None:
    key = await team.has_site("stopped")
    card = await team.ask_for_approval("stopped")
    await schedules_a_post(team, "stopped", key, "Not now", 42)
    await team.clicks("ben", card, "Approve")
    await team.sees("ann", "waits for “Not now”")
    await team.types("ann", "/ghost cancel stopped")
    await team.reaches("stopped", State.CANCELLED, seconds=10)
    assert await team.world.version("stopped") == OLDER
    assert await team.world.swaps("stopped") == 0


async def test_a_swap_does_not_wait_for_ever(team: Team) -> None:
    key = await team.has_site("far")
    card = await team.ask_for_approval("far")
    await schedules_a_post(team, "far", key, "Too far away", 86)
    await team.clicks("ben", card, "Approve")
    told = await team.sees("ann", "no quiet moment for the swap")
    assert "Too far away" in told["plain"]
    assert await team.world.version("far") == OLDER
