"""Where is measured: local Azure and Slack, the bot and its sites, each a process of its own, and people's words."""

import asyncio
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from demo.stages import Opening, put_on_stage, tiny_opening
from demo.world import SiteInDemo, World, open_world
from release.model import Release, State, Step, StepState
from tests.stories.team import NEWEST, OLDER, Team

# As recorded from App Service (swap) and as a usual machine in the same region has it (SCM).
AZURE_SWAP_SECONDS = 62
LINE_BYTES = 50_000_000
AZURE_LINE = ("--scm-seconds", "0.02", "--scm-bytes", str(LINE_BYTES))
PATIENCE: dict[str, object] = {
    "scm_seconds": 60,
    "start_seconds": 60,
    "deploy_seconds": 300,
    "backup_seconds": 120,
}
# What people wait for is as the bot's defaults have it; the demo's world is in more of a hurry.
AS_SHIPPED: dict[str, object] = {"azure": {"polling_seconds": 3}}


@dataclass(frozen=True)
class Place:
    """What every part gets: a folder of its own, the user's cache, and somebody to tell what goes on."""

    folder: Path
    cache: Path
    quick: bool
    tell: Callable[[str], None]


@asynccontextmanager
async def a_tiny_team(
    place: Place,
    sites: Sequence[str],
    options: Mapping[str, object] | None = None,
    swap_seconds: float = 0,
    line: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    start: bool = True,
    database_url: str | None = None,
    bots: Sequence[str] = ("bot",),
    more: Sequence[str] = (),
    **settings: object,
) -> AsyncIterator[Team]:
    """The Ghost-shaped site several times over, a bot that knows all of them, and a team.

    With `database_url`, an empty PostgreSQL, `bots` are replicas that share it. `more` are sites that only the bot's
    settings know.
    """
    async with (
        tiny_opening(OLDER, NEWEST, place.cache, place.tell) as opening,
        open_world(
            place.folder / "world", {opening.node_major: opening.node}, swap_seconds, more=line
        ) as world,
    ):
        await all_on_stage(world, opening, sites)
        configure(world, opening, (*sites, *more), options, **settings)
        world.bot_variables.update(variables or {})
        if database_url is not None:
            world.database_url = database_url
            _share_backups(world.folder, bots)
        if start:
            await asyncio.gather(*(world.start_bot(bot) for bot in bots))
        team = Team(world, opening)
        try:
            yield team
        finally:
            team.close()


async def all_on_stage(world: World, opening: Opening, sites: Sequence[str]) -> None:
    """Some at once: each one waits for its first page. What is in them is made once and copied."""
    laid_out = world.folder / "laid-out"
    if not laid_out.exists():
        await opening.fill(laid_out)

    async def fill(wwwroot: Path) -> str:
        await asyncio.to_thread(shutil.copytree, laid_out, wwwroot)
        return ""  # no key: bots are given none here

    turn = asyncio.Semaphore(4)
    alike = replace(opening, fill=fill)

    async def one(site: str) -> None:
        async with turn:
            await put_on_stage(world, alike, site)

    await asyncio.gather(*(one(site) for site in sites))


def _share_backups(folder: Path, bots: Sequence[str]) -> None:
    """Each replica has a data folder of its own, and all have the same backups in it."""
    (folder / "backups").mkdir()
    for bot in bots:
        (folder / bot).mkdir()
        (folder / bot / "backups").symlink_to(folder / "backups")


def configure(
    world: World,
    opening: Opening,
    sites: Sequence[str],
    options: Mapping[str, object] | None = None,
    **settings: object,
) -> None:
    """The bot knows these sites when it is started."""
    more = {"cache_folder": str(opening.cache), **AS_SHIPPED, **settings}
    if opening.registry:
        more["npm_registry"] = opening.registry
    world.configure([SiteInDemo(site, options={**PATIENCE, **(options or {})}) for site in sites], **more)


async def released(team: Team, site: str, version: str = NEWEST, seconds: float = 600) -> Release:
    """A whole release: asked for, approved as soon as the question is there, live."""
    await staged(team, site, version, seconds)
    await team.clicks("ben", await team.card(site, version), "Approve")
    return await team.reaches(site, State.LIVE, seconds=seconds)


async def staged(team: Team, site: str, version: str = NEWEST, seconds: float = 600) -> Release:
    """The release waits for approval."""
    earlier = await team.records.history(site, limit=1)
    await team.types("ann", f"/ghost upgrade {version} {site}")
    after = earlier[0] if earlier else None
    return await team.reaches(site, State.AWAITING_APPROVAL, seconds=seconds, after=after)


async def in_a_step(team: Team) -> frozenset[str]:
    """The sites whose release is in a step at this moment."""
    return frozenset(
        release.site
        for release in await team.records.working_releases()
        if any(record.state is StepState.RUNNING for record in release.steps)
    )


def took(release: Release, step: Step) -> float:
    """Seconds of one step."""
    record = release.step(step)
    if record.started_at is None or record.ended_at is None:
        return 0.0
    return (record.ended_at - record.started_at).total_seconds()


def between(release: Release, first: Step, last: Step) -> float:
    """Seconds from the start of one step to the end of another."""
    began, ended = release.step(first).started_at, release.step(last).ended_at
    if began is None or ended is None:
        return 0.0
    return (ended - began).total_seconds()


@dataclass(frozen=True)
class Process:
    """What Linux knows of a process: memory in bytes, seconds of processor."""

    memory: int
    most_memory: int
    processor: float
    at: float


def look_at(pid: int) -> Process:
    """Memory in use, the most it ever was, and the processor's time (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Process(
        _kilobytes(status, "VmRSS"),
        _kilobytes(status, "VmHWM"),
        ticks / os.sysconf("SC_CLK_TCK"),
        time.monotonic(),
    )


def _kilobytes(status: str, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def forget_the_most(pid: int) -> None:
    """The most memory counts from now on (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
