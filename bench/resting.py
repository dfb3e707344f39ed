"""What the bot costs while nobody wants anything, how soon it is ready, and what holds up its event loop."""

import asyncio
import compileall
import json
import time
from pathlib import Path
from typing import Any

import bot
import commands
import release
from bench.figures import Measured, median
from bench.place import Place, a_tiny_team, look_at, released
from tests.stories.team import Team

STARTS = 3
INSIDE = Path(__file__).parent / "inside"
MEGABYTE = 1_000_000


async def measure(place: Place) -> Measured:
    """Starts, a minute of rest, and two releases with a watch on the event loop."""
    found = Measured("Resting and starting")
    # As an installation is: pip and the image compile what they install, a checkout may not have been.
    compiled = (Path(one).parent for one in (bot.__file__, commands.__file__, release.__file__))
    await asyncio.to_thread(lambda: [compileall.compile_dir(one, quiet=2) for one in compiled])
    watched = place.folder / "blocking.jsonl"
    variables = {"PYTHONPATH": str(INSIDE), "BENCH_BLOCKING_FILE": str(watched)}
    async with a_tiny_team(place, ("blog", "other"), start=False) as team:
        starts = [await _start(team) for _ in range(STARTS)]
        found.add(
            "start to ready, median of three",
            f"{median(starts):.1f} s",
            "under 2 s",
            median(starts) < 2,
            seconds=median(starts),
        )
        await _rest(found, team, 15 if place.quick else 60)
        await team.world.stop_bot()
        team.world.bot_variables.update(variables)
        await team.world.start_bot()
        await asyncio.sleep(5)
        started = time.time()
        for site in ("blog", "other"):
            place.tell(f"a release of {site}, with a watch on the event loop")
            await released(team, site, seconds=120)
        blocking(found, watched, team.world.process_of("bot"), started)
    return found


async def _start(team: Team) -> float:
    """From the command line to "ready", which is written when Slack can reach the bot. The bot is left running."""
    await team.world.stop_bot()
    began = time.monotonic()
    await team.world.start_bot()
    return time.monotonic() - began


async def _rest(found: Measured, team: Team, seconds: float) -> None:
    pid = team.world.process_of("bot")
    await asyncio.sleep(10)  # what is done once after a start is done then
    before = look_at(pid)
    await asyncio.sleep(seconds)
    after = look_at(pid)
    memory, share = (
        after.memory / MEGABYTE,
        (after.processor - before.processor) / (after.at - before.at) * 100,
    )
    found.add("memory at rest", f"{memory:.0f} MB", "under 120 MB", memory < 120, megabytes=memory)
    found.add("processor at rest", f"{share:.2f} % of a core", "under 1 %", share < 1, percent=share)


def blocking(found: Measured, watched: Path, pid: int, started: float) -> None:
    """What held a process's event loop longest since then, by what the watch in it wrote, if it did."""
    name, target = "the longest that one callback held the event loop, two releases", "under 50 ms"
    rows = [json.loads(line) for line in watched.read_text().splitlines()] if watched.exists() else []
    working = [row for row in rows if row["pid"] == pid and row["at"] >= started]
    counts = [row["callbacks"] for row in working if "callbacks" in row]
    if not counts or counts[-1] == counts[0]:
        found.lacks(name, "the watch on the event loop counted no callbacks", target)
        return
    held = sorted((row for row in working if "took" in row), key=lambda row: -row["took"])
    longest: dict[str, Any] = held[0] if held else {"took": 0.0, "worked": 0.0}  # Any: a line of JSON
    milliseconds = longest["took"] * 1000
    found.add(
        name,
        f"{milliseconds:.0f} ms, of it {longest['worked'] * 1000:.0f} ms at work ({longest['what']})"
        if held
        else "none over 20 ms",
        target,
        milliseconds < 50,
        milliseconds=milliseconds,
        worked_ms=longest["worked"] * 1000,
        callbacks=counts[-1] - counts[0],
    )
    named = ", ".join(f"{row['what']} {row['took'] * 1000:.0f} ms" for row in held[:6])
    found.notes.append(f"Longest of {counts[-1] - counts[0]:,} callbacks: {named or 'none over 20 ms'}.")
