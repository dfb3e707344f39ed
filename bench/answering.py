"""How soon `/ghost ...` is answered, 50 at once, beside a Bolt listener that only acknowledges."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import aiohttp

from bench.figures import Measured, median, percentile
from bench.place import Place, a_tiny_team, in_a_step, staged
from demo.world import MANIFEST, DidNotStart, die_with_parent, end_group
from release.model import State
from tests.stories.team import CHANNEL, Team

AT_ONCE = 50
PAUSE = 2.0
RELEASES = 5
TURNS, ENOUGH, LEAST = 5, 4, 3
"""All are staged again, so often at most, until there are enough rounds; with fewer than the least none counts."""
COMMAND = "/ghost status"
WORK = f"`{COMMAND}` acknowledged, p99 of {AT_ONCE} at once"
BUSY = f"while {RELEASES} releases run"
TARGET = "under 100 ms, at most 2 x the bare listener"
Round = tuple[list[float], list[float]]
"""Seconds of 50 commands at once, of the bot and of the listener."""


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
        ask = _asking(http, ours, bare)
        await _rounds(ask, 2)  # the first of everything is loaded then
        place.tell("both are warm")
        quiet = await _rounds(ask, 3 if place.quick else 6)
        place.tell("five releases begin")
        busy = await _while_they_run(team, ask, sites)
        place.tell(f"{len(busy)} rounds while all five ran")
    _tell(found, "nothing else runs", quiet)
    if len(busy) < LEAST:
        found.lacks(f"{WORK}, {BUSY}", f"only {len(busy)} rounds while all {RELEASES} releases ran", TARGET)
    else:
        _tell(found, BUSY, busy, TARGET)
    found.notes.append(
        "Measured from the person's Enter to Slack's word that it is acknowledged, through the local Slack, whose own "
        "time is in both figures. Bot and listener are asked in turn, each over a local Slack of its own, every few "
        "seconds, the one first and the next time the other. While releases run only such rounds count as began when "
        "each of the five was in a step and were over before one of them ended. Slack's limit of its Web API is "
        "lifted for this: it lets an app ask about a hundred times a minute who somebody is."
    )
    return found


def _tell(found: Measured, name: str, rounds: Sequence[Round], target: str = "") -> None:
    bot, listener = ([seconds for one in rounds for seconds in one[who]] for who in (0, 1))
    slow, floor = percentile(bot, 0.99) * 1000, percentile(listener, 0.99) * 1000
    found.add(
        f"{WORK}, {name}",
        f"{slow:.0f} ms; bare Bolt listener {floor:.0f} ms ({slow / floor:.2f} x)",
        target,
        (slow < 100 and slow <= 2 * floor) if target else None,
        p99_ms=slow,
        bare_p99_ms=floor,
        median_ms=median(bot) * 1000,
        bare_median_ms=median(listener) * 1000,
        commands=len(bot),
    )


async def _while_they_run(team: Team, ask: Callable[[], Awaitable[Round]], sites: list[str]) -> list[Round]:
    """Rounds while all five are on their way to the question, and on their way from it into production."""
    rounds: list[Round] = []
    for turn in range(TURNS):
        if turn:
            await asyncio.gather(*(_cancelled(team, site) for site in sites))
        rounds += await _during(team, ask, sites, lambda site: staged(team, site, seconds=120))
        if len(rounds) >= ENOUGH:
            break
    return rounds + await _during(team, ask, sites, lambda site: _approved(team, site))


async def _during(
    team: Team,
    ask: Callable[[], Awaitable[Round]],
    sites: list[str],
    work: Callable[[str], Coroutine[Any, Any, object]],
) -> list[Round]:
    async def all_run() -> bool:
        return await in_a_step(team) >= set(sites)

    return await rounds_while([asyncio.create_task(work(site)) for site in sites], all_run, ask)


async def rounds_while(
    running: Sequence[asyncio.Task[object]],
    all_run: Callable[[], Awaitable[bool]],
    ask: Callable[[], Awaitable[Round]],
    pause: float = PAUSE,
) -> list[Round]:
    """The rounds that were begun once all ran, and were over before one of them ended; all have ended then."""
    rounds: list[Round] = []
    while not any(task.done() for task in running) and not await all_run():
        await asyncio.wait(running, timeout=0.05)
    while not any(task.done() for task in running):
        asked = await ask()
        if not any(task.done() for task in running):
            rounds.append(asked)
        await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*running)
    return rounds


async def _approved(team: Team, site: str) -> None:
    await team.clicks("ben", await team.card(site), "Approve")
    await team.reaches(site, State.LIVE, seconds=120)


async def _cancelled(team: Team, site: str) -> None:
    await team.types("ann", f"/ghost cancel {site}")
    await team.reaches(site, State.CANCELLED, seconds=120)


async def _rounds(ask: Callable[[], Awaitable[Round]], count: int) -> list[Round]:
    rounds = []
    for _ in range(count):
        rounds.append(await ask())
        await asyncio.sleep(PAUSE)
    return rounds


def _asking(http: aiohttp.ClientSession, ours: str, bare: str) -> Callable[[], Awaitable[Round]]:
    """50 at once to the one and then to the other; each time another one first."""
    turns = cycle(((ours, bare), (bare, ours)))

    async def ask() -> Round:
        first, second = next(turns)
        times = {first: await _at_once(http, first)}
        await asyncio.sleep(PAUSE)
        times[second] = await _at_once(http, second)
        return times[ours], times[bare]

    return ask


async def _at_once(http: aiohttp.ClientSession, control: str) -> list[float]:
    return await asyncio.gather(*(type_command(http, control, COMMAND) for _ in range(AT_ONCE)))


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
