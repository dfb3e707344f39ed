"""A wave of releases: so many sites are upgraded at once, by one bot or by several on one PostgreSQL."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle

import aiohttp
import httpx
from sqlalchemy import create_engine, text

from bench.answering import type_command
from bench.figures import median, percentile
from bench.place import Place, a_tiny_team, all_on_stage, in_a_step, look_at, staged
from bot.threads import APPROVAL
from demo.world import DidNotStart, SandboxRefused
from release.model import Release, SentMessage, State
from release.records.opening import driven
from sandbox.slack.people import BOT_USER
from tests.postgres import Postgres
from tests.stories.team import NEWEST, Team

BROKE_OFF = (DidNotStart, SandboxRefused, httpx.HTTPError, aiohttp.ClientError, TimeoutError)
"""What a wave ends with when it does not get to its end; what was measured before it still counts."""
COMMAND = "/ghost history"
COMMANDS_AT_ONCE = 10
PAUSE = 2.0
LONGEST_SECONDS = 900
IDLE_SECONDS = 20
"""Without a release that runs: none will come any more."""
CHANNELS = tuple(f"team-{number}" for number in range(1, 51))
"""Slack takes one post a second in a channel, and fifty releases at once have six each: so each team has its own."""
FIRST = "first"
"""A site that is staged before the wave: what is built once for a version is built then."""

_ENGINE_STEPS = text(
    "SELECT workflow_uuid, function_name, completed_at_epoch_ms FROM dbos.operation_outputs "
    "WHERE completed_at_epoch_ms IS NOT NULL ORDER BY workflow_uuid, function_id"
)


@dataclass(frozen=True)
class Wave:
    """What came of it. `overheads` are milliseconds, `answers` and `seconds` are seconds."""

    replicas: int
    sites: int
    seconds: float
    processor: float
    overheads: tuple[float, ...]
    overheads_alone: tuple[float, ...]
    spread: tuple[int, ...]
    answers: tuple[float, ...]
    releases: tuple[str, ...]

    @property
    def overhead_ms(self) -> float:
        return median(self.overheads)

    @property
    def p90_overhead_ms(self) -> float:
        return percentile(self.overheads, 0.9)

    @property
    def p99_ms(self) -> float:
        return percentile(self.answers, 0.99) * 1000

    @property
    def median_ms(self) -> float:
        return median(self.answers) * 1000


@dataclass(frozen=True)
class Live:
    """From the first approval until all of a wave is live: seconds, and those of the bots' processor."""

    seconds: float
    processor: float


@dataclass(frozen=True)
class Staged:
    """Releases that all wait, how long commands took meanwhile, and seconds from the orders until the last waited."""

    releases: tuple[Release, ...]
    answers: tuple[float, ...]
    seconds: float


class Fleet:
    """Bots that share a database, and sites that are put on stage wave by wave."""

    def __init__(
        self, place: Place, team: Team, http: aiohttp.ClientSession, bots: Sequence[str], url: str
    ) -> None:
        self._place = place
        self._team = team
        self._http = http
        self._bots = tuple(bots)
        self._url = url
        self._control = str(team.world.slack["control"])

    async def begin(self) -> None:
        """What is made once for a version is made, and Slack takes as many commands as are typed."""
        await open_slack(self._http, self._control)
        await staged(self._team, FIRST, seconds=120)

    async def wave(
        self, sites: Sequence[str], commands: int = COMMANDS_AT_ONCE, pause: float = PAUSE
    ) -> Wave:
        """All of them are put on stage, asked for at once, and staged; commands are typed meanwhile."""
        await all_on_stage(self._team.world, self._team.opening, sites)
        before = self._processor()
        done = await all_staged(self._team, self._http, self._control, sites, commands, pause)
        releases, processor = done.releases, self._processor() - before
        ended = await asyncio.to_thread(_engine_steps, self._url)
        first = await self._team.last(FIRST)
        each, replicas = Counter(release.holder for release in releases), len(self._bots)
        wave = Wave(
            replicas,
            len(sites),
            done.seconds,
            processor,
            tuple(gap for release in releases for gap in overheads(release, ended.get(release.id, {}))),
            tuple(overheads(first, ended.get(first.id, {}))),
            tuple(sorted(each.values(), reverse=True) + [0] * (replicas - len(each))),
            done.answers,
            tuple(release.id for release in releases),
        )
        self._place.tell(
            f"{len(sites)} sites, replicas: {replicas}: {wave.seconds:.0f} s, a step's overhead {wave.overhead_ms:.0f} "
            f"ms (alone {median(wave.overheads_alone):.0f} ms), spread {list(wave.spread)}, answers "
            f"{wave.median_ms:.0f} ms (p99 {wave.p99_ms:.0f} ms)"
        )
        return wave

    async def go_live(self, wave: Wave) -> Live:
        """Each release is approved as soon as its question is there."""
        before, began = self._processor(), time.monotonic()
        await _all_live(self._team, wave.releases)
        seconds, processor = time.monotonic() - began, self._processor() - before
        self._place.tell(f"{wave.sites} sites, replicas: {wave.replicas}: live after another {seconds:.0f} s")
        return Live(seconds, processor)

    async def leave(self, sites: Sequence[str]) -> None:
        """The sites' processes are stopped, so that the next wave finds the memory; what waits goes on waiting."""
        stopped = {"running": False}
        await asyncio.gather(
            *(
                self._team.world.put_site(site, production=stopped, slots={"staging": stopped})
                for site in sites
            )
        )

    def _processor(self) -> float:
        """Seconds of processor of all bots, without the programs that they start."""
        return sum(look_at(self._team.world.process_of(bot)).processor for bot in self._bots)


@asynccontextmanager
async def a_fleet(
    place: Place, postgres: Postgres, replicas: int, sites: Sequence[str]
) -> AsyncIterator[Fleet]:
    """So many replicas on a database of their own, which know these sites."""
    url = await asyncio.to_thread(postgres.new_database)
    bots = [f"bot{number}" for number in range(1, replicas + 1)]
    await asyncio.to_thread(shutil.rmtree, place.folder / "world", ignore_errors=True)  # the one before
    async with (
        a_tiny_team(place, (FIRST,), database_url=url, bots=bots, more=sites) as team,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        fleet = Fleet(place, team, http, bots, url)
        await fleet.begin()
        yield fleet


async def open_slack(http: aiohttp.ClientSession, control: str) -> None:
    """Slack takes as many commands as are typed, and each team has its channel."""
    async with http.put(f"{control}conditions", json={"rate_limits": "off"}) as answer:
        answer.raise_for_status()
    for name in CHANNELS:
        members = {"name": name, "members": ["ann", "ben", BOT_USER]}
        async with http.put(f"{control}channels", json=members) as answer:
            answer.raise_for_status()


async def all_staged(
    team: Team,
    http: aiohttp.ClientSession,
    control: str,
    sites: Sequence[str],
    commands: int,
    pause: float,
) -> Staged:
    """All of them asked for at once, and how long commands took, so many at once, from when the first of them ran.

    Slack is one of `open_slack`.
    """
    began = datetime.now(UTC)
    await asyncio.gather(
        *(
            team.world.slack_does(
                "type",
                **{"as": "ann", "channel": channel, "text": f"/ghost upgrade {NEWEST} {site}"},
            )
            for site, channel in zip(sites, cycle(CHANNELS), strict=False)
        )
    )
    waiting = asyncio.create_task(_until_all_wait(team, sites))
    answers: list[float] = []
    try:
        while not waiting.done() and not set(sites) & await in_a_step(team):
            await asyncio.wait({waiting}, timeout=0.1)
        while not waiting.done():
            answers += await asyncio.gather(*(type_command(http, control, COMMAND) for _ in range(commands)))
            await asyncio.wait({waiting}, timeout=pause)
        releases, last = await waiting
    finally:
        waiting.cancel()
    if not answers:
        raise DidNotStart("all was staged before a command could be typed")
    return Staged(releases, tuple(answers), (last - began).total_seconds())


async def _until_all_wait(team: Team, sites: Sequence[str]) -> tuple[tuple[Release, ...], datetime]:
    """The releases, and when the last of them began to wait.

    One question to the records a second, however many sites there are: looking must not be what is measured.
    """
    idle = 0
    for _ in range(LONGEST_SECONDS):
        waiting = {one.site: one for one in await team.records.waiting()}
        if waiting.keys() >= set(sites):
            releases = [await team.records.release(waiting[site].release) for site in sites]
            return tuple(releases), max(waiting[site].asked_at for site in sites)
        idle = idle + 1 if len(await team.records.open_ids()) == len(waiting) else 0
        if idle > IDLE_SECONDS:
            left = min(set(sites) - waiting.keys())
            raise DidNotStart(f"{left} was not staged: {(await team.last(left)).reason}")
        await asyncio.sleep(1)
    raise DidNotStart(f"not all of {len(sites)} sites were staged in {LONGEST_SECONDS} s")


async def _all_live(team: Team, releases: Sequence[str]) -> None:
    """ben clicks; one look at the records a second."""
    asked = set(releases)
    for _ in range(LONGEST_SECONDS):
        if asked:
            cards = await team.records.messages_of_part(APPROVAL, sorted(asked))
            posted = {release: sent for release, sent in cards.items() if sent.ts}
            await asyncio.gather(*(_approve(team, sent) for sent in posted.values()))
            asked -= posted.keys()
        elif not set(releases) & set(await team.records.open_ids()):
            ended = [await team.records.release(release) for release in releases]
            if lost := [release for release in ended if release.state is not State.LIVE]:
                raise DidNotStart(f"{lost[0].site} is {lost[0].state}, not live: {lost[0].reason}")
            return
        await asyncio.sleep(1)
    raise DidNotStart(f"not all of {len(releases)} sites were live in {LONGEST_SECONDS} s")


async def _approve(team: Team, card: SentMessage) -> None:
    wish = {"as": "ben", "channel": card.channel, "ts": card.ts, "text": "Approve", "confirm": True}
    await team.world.slack_does("click", **wish)


def _engine_steps(url: str) -> dict[str, dict[str, datetime]]:
    """When the engine had the result of each step of a staging, by release and step."""
    found: dict[str, dict[str, datetime]] = {}
    engine = create_engine(driven(url))
    try:
        with engine.connect() as connection:
            for workflow, step, ended in connection.execute(_ENGINE_STEPS):
                release, _, state = str(workflow).rpartition("-")
                if state == State.STAGING:
                    found.setdefault(release, {})[str(step)] = datetime.fromtimestamp(ended / 1000, UTC)
    finally:
        engine.dispose()
    return found


def overheads(release: Release, ended: dict[str, datetime]) -> list[float]:
    """Milliseconds from the end of what came before, for the engine, until each step says that it has begun.

    That is the engine's writing down of the one and looking up of the other, and the record that people see.
    """
    gaps = []
    for record in release.steps:
        if record.started_at is None:
            continue
        earlier = [at for at in ended.values() if at <= record.started_at]
        if earlier:
            gaps.append((record.started_at - max(earlier)).total_seconds() * 1000)
    return gaps
