"""A wave of releases: so many sites are upgraded at once, by one bot or by several on one PostgreSQL."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
from sqlalchemy import create_engine, text

from bench.answering import type_command
from bench.figures import median, percentile
from bench.place import Place, a_tiny_team, look_at, staged
from release.model import Release, State
from release.records.opening import driven
from tests.postgres import Postgres
from tests.stories.team import Team

COMMAND = "/ghost history"
COMMANDS_AT_ONCE = 10
PAUSE = 2.0
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


async def stage_at_once(
    place: Place, postgres: Postgres, count: int, replicas: int, line: Sequence[str] = ()
) -> Wave:
    """So many sites, fresh ones, are asked for at once and staged; commands are typed meanwhile."""
    url = await asyncio.to_thread(postgres.new_database)
    bots = [f"bot{number}" for number in range(1, replicas + 1)]
    sites = [f"site{number}" for number in range(count)]
    async with (
        a_tiny_team(place, [FIRST, *sites], line=line, database_url=url, bots=bots) as team,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http,
    ):
        control = str(team.world.slack["control"])
        async with http.put(f"{control}conditions", json={"rate_limits": "off"}) as answer:
            answer.raise_for_status()
        first = await staged(team, FIRST, seconds=120)
        before = _processor(team, bots)
        began = time.monotonic()
        releases, answers = await _all_staged(team, http, control, sites)
        seconds = time.monotonic() - began
        processor = _processor(team, bots) - before
        ended = await asyncio.to_thread(_engine_steps, url)
    each = Counter(release.holder for release in releases)
    spread = sorted(each.values(), reverse=True) + [0] * (replicas - len(each))
    gaps = tuple(gap for release in releases for gap in overheads(release, ended.get(release.id, {})))
    alone = tuple(overheads(first, ended.get(first.id, {})))
    wave = Wave(replicas, count, seconds, processor, gaps, alone, tuple(spread), tuple(answers))
    place.tell(
        f"{count} sites, {replicas} replicas: {seconds:.0f} s, a step's overhead {wave.overhead_ms:.0f} ms "
        f"(alone {median(alone):.0f} ms), spread {spread}, answers {wave.median_ms:.0f} ms (p99 {wave.p99_ms:.0f} ms)"
    )
    return wave


async def _all_staged(
    team: Team, http: aiohttp.ClientSession, control: str, sites: Sequence[str]
) -> tuple[list[Release], list[float]]:
    """All of them asked for at once, and how long commands took while that was under way."""
    running = [asyncio.create_task(staged(team, site, seconds=900)) for site in sites]
    answers: list[float] = []
    try:
        while not all(task.done() for task in running):
            answers += await asyncio.gather(
                *(type_command(http, control, COMMAND) for _ in range(COMMANDS_AT_ONCE))
            )
            await asyncio.sleep(PAUSE)
        return list(await asyncio.gather(*running)), answers
    finally:
        for task in running:
            task.cancel()


def _processor(team: Team, bots: Sequence[str]) -> float:
    """Seconds of processor of all bots, without the programs that they start."""
    return sum(look_at(team.world.process_of(bot)).processor for bot in bots)


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
