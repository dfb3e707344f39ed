"""What visitors notice of a swap and of a rollback: 50 requests a second, beside the same time before."""

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.figures import Measured, median
from bench.place import Place, a_tiny_team, staged
from demo.world import DidNotStart, die_with_parent
from release.model import State
from tests.stories.team import Team

A_SECOND = 50
PATHS = ("/", "/rss/")
SITE, NEIGHBOUR = "visited", "neighbour"
SWAP_SECONDS = 20
QUICK_SWAP_SECONDS = 2
# What a release needs besides the swap, from the click until it is live.
BESIDES = 12


@dataclass(frozen=True)
class Visit:
    """One request: when, by the clock, how long it took, and whether it was answered with 200."""

    at: float
    seconds: float
    well: bool


@dataclass(frozen=True)
class Window:
    """What visitors had in a length of time."""

    requests: int
    failed: int
    slowest_ms: float
    median_ms: float


def window(visits: list[Visit], begin: float, end: float) -> Window:
    """Those that began in it, and those that were still waiting when it did."""
    chosen = [visit for visit in visits if visit.at < end and visit.at + visit.seconds >= begin]
    if not chosen:
        raise DidNotStart("no visitor came")
    times = [visit.seconds * 1000 for visit in chosen]
    return Window(len(chosen), sum(not visit.well for visit in chosen), max(times), median(times))


def before_and_during(
    visits: list[Visit], during: tuple[float, float], longest: float
) -> tuple[Window, Window]:
    """As long a time right before, `longest` seconds at most, and that time itself.

    Who came even earlier and still waited is not among those before: what held them up is another time's.
    """
    begin, end = during
    before = begin - min(end - begin, longest)
    return window([visit for visit in visits if visit.at >= before], before, begin), window(visits, *during)


async def measure(place: Place) -> Measured:
    """Visitors of a site that is released and rolled back, and as many of another one that nobody touches."""
    swap_seconds = QUICK_SWAP_SECONDS if place.quick else SWAP_SECONDS
    found = Measured(f"Visitors: {A_SECOND} requests a second, a swap takes {swap_seconds} s")
    async with a_tiny_team(place, (SITE, NEIGHBOUR), swap_seconds=swap_seconds) as team:
        place.tell("a release is staged")
        await staged(team, SITE, seconds=120)
        card = await team.card(SITE)
        times: dict[str, tuple[float, float]] = {}
        async with _visitors(team, SITE) as ours, _visitors(team, NEIGHBOUR) as theirs:
            await asyncio.sleep(3)  # connections are open then
            for name, ask, button, state in (
                ("swap", None, "Approve", State.LIVE),
                ("rollback", _ask_for_rollback, "Roll back", State.ROLLED_BACK),
            ):
                question = await ask(team) if ask else card
                place.tell(f"nothing happens, before the {name}")
                await asyncio.sleep(swap_seconds + BESIDES)
                place.tell(f"the {name}")
                clicked = time.time()
                await team.clicks("ben", question, button)
                await team.reaches(SITE, state, seconds=swap_seconds + 120)
                times[name] = clicked, time.time()
        for name, during in times.items():  # the last visitor has been answered only now
            _tell(found, name, ours, theirs, during, swap_seconds + BESIDES)
    found.notes.append(
        f"From the click until the bot says that it is live or rolled back, beside as long a time right before the "
        f"click (at most {swap_seconds + BESIDES} s of it) in which the bot waits for that click. Requests begin on "
        "time whether or not earlier ones are answered, and anything but 200 is a failure. The neighbour is a site of "
        "the same App Service that nobody releases, with as many visitors: what it feels is the machine, which does "
        "the bot's, Azure's, Slack's and all visitors' work on the same processors."
    )
    return found


def _tell(
    found: Measured,
    name: str,
    ours: list[Visit],
    theirs: list[Visit],
    during: tuple[float, float],
    longest: float,
) -> None:
    then, now = before_and_during(ours, during, longest)
    ratio = now.slowest_ms / then.slowest_ms
    found.add(
        f"visitors during {name}",
        f"{now.failed} of {now.requests:,} failed; slowest {now.slowest_ms:.0f} ms, before {then.slowest_ms:.0f} ms "
        f"({ratio:.2f} x); median {now.median_ms:.1f} ms, before {then.median_ms:.1f} ms",
        "0 failed, slowest at most 2 x the slowest before",
        now.failed == 0 and ratio <= 2,
        requests=now.requests,
        failed=now.failed,
        slowest_ms=now.slowest_ms,
        slowest_before_ms=then.slowest_ms,
        seconds=during[1] - during[0],
    )
    then, now = before_and_during(theirs, during, longest)
    found.add(
        f"the neighbour's visitors during the same {name}",
        f"{now.failed} of {now.requests:,} failed; slowest {now.slowest_ms:.0f} ms, before {then.slowest_ms:.0f} ms "
        f"({now.slowest_ms / then.slowest_ms:.2f} x)",
        slowest_ms=now.slowest_ms,
        slowest_before_ms=then.slowest_ms,
    )


async def _ask_for_rollback(team: Team) -> dict[str, object]:
    await team.types("ann", f"/ghost rollback {SITE}")
    return await team.question(SITE, "ben", seconds=90)


@asynccontextmanager
async def _visitors(team: Team, site: str) -> AsyncIterator[list[Visit]]:
    """They come for as long as the block lasts; the list grows with their answers."""
    url = await team.world.url(site)
    visitors = await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        "-m",
        "bench.visitors",
        str(A_SECOND),
        *(url + path for path in PATHS),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        preexec_fn=die_with_parent,
    )
    visits: list[Visit] = []
    reading = asyncio.create_task(_read(visitors, visits))
    try:
        yield visits
    finally:
        if visitors.stdin is not None:
            visitors.stdin.close()
        await asyncio.wait_for(reading, 60)
        await visitors.wait()


async def _read(visitors: asyncio.subprocess.Process, visits: list[Visit]) -> None:
    while visitors.stdout is not None and (line := await visitors.stdout.readline()):
        at, seconds, status = line.split()
        visits.append(Visit(float(at), float(seconds), status == b"200"))
