"""A day of a team in Slack, from the first upgrade to the last question: once over a socket, once over HTTP."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from bot.manifest import manifest
from demo.world import SandboxRefused
from release.model import Kind, Release, State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [
    pytest.mark.story,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(420),
]

# So short that a question expires while the team does something else.
EXPIRES_HOURS = 20 / 3600
CALLS_A_RELEASE = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["socket", "http"])
async def team(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache: Path
) -> AsyncIterator[Team]:
    mode = str(request.param)
    slack: dict[str, object] = {"mode": mode}
    if mode == "http":
        slack |= {"host": "127.0.0.1", "port": _free_port()}
    options = {"short": {"approval_hours": EXPIRES_HOURS}}
    async with a_team(
        tmp_path_factory.mktemp(mode), cache, ("blog", "short"), options_of=options, slack=slack
    ) as team:
        if mode == "http":
            address = f"http://127.0.0.1:{slack['port']}/slack/events"
            answer = await team.world.http.put(
                f"{team.world.slack['control']}manifest", json={"manifest": manifest(address=address)}
            )
            assert answer.json()["events_url_verified"], answer.text
        yield team


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_a_day_of_a_team(team: Team, request: pytest.FixtureRequest) -> None:
    await asyncio.gather(team.has_site("blog"), team.has_site("short"))

    # In the morning: ben asks for a backup in a minute, in his own zone, and goes for a coffee.
    at = await _in_a_minute(team, "ben")
    await team.types("ben", f"/ghost backup short at {at}")
    await team.sees("cleo", "`/ghost backup short` begins")

    # ann's upgrade; a guest and somebody of another workspace try, then two people click at the same moment.
    card = await team.ask_for_approval("blog")
    members = {"name": "releases", "members": ["ann", "ben", "cleo", "gus"]}
    await team.world.http.put(f"{team.world.slack['control']}channels", json=members)
    await team.types("gus", f"/ghost upgrade {NEWEST} blog")
    await team.sees("gus", "Guests may not use this bot")
    with pytest.raises(SandboxRefused, match="eve"):
        await team.types("eve", f"/ghost upgrade {NEWEST} blog")
    await asyncio.gather(team.clicks("ben", card, "Approve"), team.clicks("cleo", card, "Approve"))
    live = await team.reaches("blog", State.LIVE)
    assert await team.world.version("blog") == NEWEST
    assert await team.world.swaps("blog") == 1
    approval = await team.records.approval_of(live.id)
    assert approval is not None

    # A freeze of the other site refuses, and says who and why.
    await team.types("cleo", "/ghost freeze short until tomorrow the newsletter goes out")
    await team.sees("ann", "*short* is frozen by")
    await team.types("ann", f"/ghost upgrade {NEWEST} short")
    await team.sees("ann", "the newsletter goes out")
    await team.types("cleo", "/ghost unfreeze short")
    await team.sees("ann", "open for new versions again")

    # The scheduled backup has begun by itself by now, or does.
    backup = await _begun(team, "short", Kind.BACKUP)
    assert backup.asked_by == team.world.slack["users"]["ben"]

    # Rejected, with a reason; and asked for again, and forgotten.
    await team.types("ann", f"/ghost upgrade {NEWEST} short")
    await team.reaches("short", State.AWAITING_APPROVAL, after=backup)
    await team.rejects("cleo", await team.card("short"), "The theme is not ready")
    rejected = await team.reaches("short", State.REJECTED, after=backup)
    await team.sees("ann", "Reason: The theme is not ready")
    await team.types("ann", f"/ghost upgrade {NEWEST} short")
    expired = await team.reaches("short", State.EXPIRED, after=rejected, seconds=120)
    assert await team.world.version("short") == OLDER

    # Live, sick, and swapped back at once.
    await team.types("ann", f"/ghost upgrade {NEWEST} short")
    await team.reaches("short", State.AWAITING_APPROVAL, after=expired)
    await team.clicks("ben", await team.card("short"), "Approve")
    await team.is_at("short", "swap")
    await team.azure_answers(host="site", slot="short", path="^/sitemap.xml", status=500, count=2)
    failed = await team.reaches("short", State.FAILED, after=expired)
    assert "swapped back" in (failed.reason or "")
    assert await team.world.version("short") == OLDER

    # In the evening somebody wants the old version back, after all.
    await team.rolls_back("blog")
    await team.reaches("blog", State.ROLLED_BACK, after=live)
    assert await team.world.version("blog") == OLDER

    for question in ("status", "history", "scheduled", "diff blog", "help"):
        await team.types("ann", f"/ghost {question}")
    await team.sees("ann", "What I can do")
    await _within_limits(team, str(request.node.callspec.params["team"]))


async def _in_a_minute(team: Team, person: str) -> str:
    """The next whole minute that is at least five seconds away, as that person's clock shows it."""
    people = (await team.world.http.get(f"{team.world.slack['control']}people")).json()["people"]
    zone = next(one["tz"] for one in people if one["display"] == person)
    soon = datetime.now(UTC) + timedelta(seconds=65)
    return f"{soon.astimezone(ZoneInfo(zone)):%H:%M}"


async def _begun(team: Team, site: str, kind: Kind) -> Release:
    async with asyncio.timeout(120):
        while True:
            found = [one for one in await team.records.history(site) if one.kind is kind]
            if found and not found[0].state.is_open:
                return found[0]
            await asyncio.sleep(0.2)


async def _within_limits(team: Team, mode: str) -> None:
    """What Slack was asked that day: printed, and within what it takes."""
    told = (await team.world.http.get(f"{team.world.slack['control']}calls")).json()
    counts = Counter(told["counts"])
    releases = len(await team.records.history("blog", 50)) + len(await team.records.history("short", 50))
    print(  # noqa: T201 - told by pytest -rP
        json.dumps({"mode": mode, "releases": releases, "calls": counts, "ratelimited": told["ratelimited"]})
    )
    # A 429 delays a message and nothing else; that all were told in the end, the day itself has seen.
    assert told["ratelimited"] <= 0.05 * sum(counts.values())
    of_releases = counts["chat.postMessage"] + counts["chat.update"] + counts["chat.postEphemeral"]
    assert of_releases <= CALLS_A_RELEASE * releases
