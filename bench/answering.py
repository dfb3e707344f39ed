"""How soon `/ghost ...` is answered, 50 at once, beside a Bolt listener that only acknowledges."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bench.figures import Measured, median, percentile
from bench.place import Place, a_tiny_team, staged
from demo.world import MANIFEST, DidNotStart, die_with_parent, end_group
from release.model import State
from tests.stories.team import CHANNEL, Team

AT_ONCE = 50
PAUSE = 2.0
RELEASES = 5
COMMAND = "/ghost status"


async def measure(place: Place) -> Measured:
    """Bot and bare listener in turn, with nothing to do and while five releases run."""
    found = Measured("Answering: 50 commands at once")
    sites = [f"blog{number}" for number in range(RELEASES)]
    async with (
        a_tiny_team(place, sites) as team,
        _bare_listener() as bare,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        ours = str(team.world.slack["control"])
        async with http.put(f"{ours}conditions", json={"rate_limits": "off"}) as answer:
            answer.raise_for_status()
        await _rounds(http, ours, bare, 2)  # the first of everything is loaded then
        place.tell("both are warm")
        quiet = await _rounds(http, ours, bare, 3 if place.quick else 6)
        place.tell("five releases begin")
        busy = await _while_they_run(team, http, ours, bare, sites)
    for name, (bot, listener) in {"nothing else runs": quiet, "while 5 releases run": busy}.items():
        slow, floor = percentile(bot, 0.99) * 1000, percentile(listener, 0.99) * 1000
        found.add(
            f"`/ghost status` acknowledged, p99 of 50 at once, {name}",
            f"{slow:.0f} ms; bare Bolt listener {floor:.0f} ms ({slow / floor:.2f} x)",
            "under 100 ms, at most 2 x the bare listener" if bot is busy[0] else "",
            (slow < 100 and slow <= 2 * floor) if bot is busy[0] else None,
            p99_ms=slow,
            bare_p99_ms=floor,
            median_ms=median(bot) * 1000,
            bare_median_ms=median(listener) * 1000,
            commands=len(bot),
        )
    found.notes.append(
        "Measured from the person's Enter to Slack's word that it is acknowledged, through the local Slack, whose own "
        "time is in both figures. Bot and listener are asked in turn, each over a local Slack of its own, every few "
        "seconds. Slack's limit of its Web API is lifted for this: it lets an app ask about a hundred times a minute "
        "who somebody is."
    )
    return found


Pair = tuple[list[float], list[float]]


async def _while_they_run(
    team: Team, http: aiohttp.ClientSession, ours: str, bare: str, sites: list[str]
) -> Pair:
    """Rounds for as long as all five are on their way to the question, and on their way from it into production."""
    bot: list[float] = []
    listener: list[float] = []
    for work in (
        lambda site: staged(team, site, seconds=120),
        lambda site: _approved(team, site),
    ):
        running = [asyncio.create_task(work(site)) for site in sites]
        while not any(task.done() for task in running):
            one, other = await _rounds(http, ours, bare, 1)
            bot += one
            listener += other
        await asyncio.gather(*running)
    return bot, listener


async def _approved(team: Team, site: str) -> None:
    await team.clicks("ben", await team.card(site), "Approve")
    await team.reaches(site, State.LIVE, seconds=120)


async def _rounds(http: aiohttp.ClientSession, ours: str, bare: str, rounds: int) -> Pair:
    """50 at once to the one and then to the other, so often; seconds each."""
    bot: list[float] = []
    listener: list[float] = []
    for _ in range(rounds):
        bot += await asyncio.gather(*(type_command(http, ours, COMMAND) for _ in range(AT_ONCE)))
        await asyncio.sleep(PAUSE)
        listener += await asyncio.gather(*(type_command(http, bare, COMMAND) for _ in range(AT_ONCE)))
        await asyncio.sleep(PAUSE)
    return bot, listener


async def type_command(http: aiohttp.ClientSession, control: str, text: str) -> float:
    """Seconds from Enter to Slack's word; what was not acknowledged in time counts as those three."""
    began = time.monotonic()
    wish = {"as": "cleo", "channel": CHANNEL, "text": text}
    async with http.post(f"{control}type", json=wish) as answer:
        told: dict[str, Any] = await answer.json()
    if not told.get("ok") and told.get("error") != "operation_timeout":
        raise DidNotStart(f"{text} was not taken: {told}")
    return time.monotonic() - began


@asynccontextmanager
async def _bare_listener() -> AsyncIterator[str]:
    """A local Slack of its own and the bare listener; its control address."""
    slack = await _python("-m", "sandbox", "--no-azure", "--json")
    try:
        told = json.loads(await _first_line(slack))["slack"]
        async with (
            aiohttp.ClientSession() as http,
            http.put(f"{told['control']}manifest", json={"manifest": MANIFEST.read_text()}) as answer,
        ):
            answer.raise_for_status()
        words = (told["api"], told["bot_token"], told["app_token"])
        listener = await _python("-m", "bench.bare_bolt", *words)
        try:
            await _first_line(listener)
            yield str(told["control"])
        finally:
            await end_group(listener, signal.SIGTERM)
    finally:
        await end_group(slack, signal.SIGTERM)


async def _python(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
        limit=1 << 20,
    )


async def _first_line(process: asyncio.subprocess.Process) -> bytes:
    async with asyncio.timeout(60):
        return await process.stdout.readline() if process.stdout else b""
