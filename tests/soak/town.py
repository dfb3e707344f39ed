"""The world of a soak: several sites, a bot for all of them, their people and visitors, and what became of it all."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo.stages import put_on_stage, real_opening, tiny_opening
from demo.world import SiteInDemo, World, open_world
from release.ghost.cache import default_cache_folder
from release.model import State
from release.records import Records, open_records
from tests.soak import invariants
from tests.soak.killer import Killer
from tests.soak.nursery import Nursery
from tests.soak.plan import Kill, People
from tests.soak.site import SeenSite
from tests.soak.team import Team

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
CHANNELS = ("releases", "general")
LAST_SECONDS = 600
TOLD_SECONDS = 300
"""Slack takes 50 updates a minute, and a town on a fast machine has more to tell than that while it lasts."""
TINY = {
    "probe_rate": 10,
    "watch_seconds": 0.3,
    "scm_seconds": 10,
    "start_seconds": 30,
    "deploy_seconds": 60,
    "backup_seconds": 30,
    "approval_hours": 0.007,
    "grace_minutes": 0.2,
}
REAL = {
    "probe_rate": 5,
    "watch_seconds": 0.5,
    "approval_hours": 0.02,
    "observe_minutes": 0.05,
    "grace_minutes": 0.2,
}
OWN: tuple[dict[str, object], ...] = (
    {"observe_minutes": 0},
    {"observe_minutes": 0.05, "close_writes": True},
    {"observe_minutes": 0.1},
)
"""What the sites have for themselves, in turn."""


@dataclass
class Tally:
    """What a soak did and found. `hit` counts what kills cut off, `ended` each way of ending by kind.

    `in_vain`: how often somebody asked for a release for a minute and a half, and none was begun.
    """

    seed: int
    seconds: float = 0.0
    faults: int = 0
    kills: int = 0
    starts: int = 0
    hit: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    in_vain: int = 0
    swaps: int = 0
    written: int = 0
    kept: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def releases(self) -> int:
        return self.ended.total()

    def add(self, other: "Tally") -> None:
        """Another round's figures on top of these."""
        self.seconds += other.seconds
        self.faults += other.faults
        self.kills += other.kills
        self.starts += other.starts
        self.hit.update(other.hit)
        self.ended.update(other.ended)
        self.reasons.update(other.reasons)
        self.in_vain += other.in_vain
        self.swaps += other.swaps
        self.written += other.written
        self.kept += other.kept
        self.broken += other.broken


@dataclass
class Town:
    """Everything that runs, between the start of the sandbox and its end."""

    seed: int
    world: World
    records: Records
    teams: list[Team]
    killer: Killer
    cache: Path | None
    temporary: Path
    approvers: tuple[str, ...]
    _no_more: asyncio.Event = field(default_factory=asyncio.Event)
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)
    _running: list[asyncio.Task[None]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """People ask and visitors write from now on."""
        self._running = [
            asyncio.create_task(work, name=name)
            for team in self.teams
            for name, work in (
                (f"team of {team.site.name}", team.work(self._no_more)),
                (f"visitors of {team.site.name}", team.site.write(self._quiet)),
            )
        ]

    async def kill(self, plan: Kill) -> None:
        """One kill; an error of the harness itself ends the soak."""
        await self.killer.kill(plan)
        for task in self._running:
            if task.done():
                task.result()

    def so_far(self) -> Tally:
        """What was counted, without a look at anything."""
        tally = Tally(self.seed, time.monotonic() - self._began)
        tally.kills, tally.starts, tally.hit = self.killer.kills, self.killer.starts, self.killer.hit
        for team in self.teams:
            tally.in_vain += len(team.never_begun)
            tally.written += len(team.site.written)
            for ended in team.ended:
                tally.ended[str(ended.release.kind), str(ended.release.state)] += 1
                if ended.release.state is State.FAILED:
                    tally.reasons[f"{ended.release.kind}: {ended.release.reason}"] += 1
        return tally

    async def end(self) -> Tally:
        """No more kills: what is under way ends, the bot tells the rest, and everything is looked at."""
        self._no_more.set()
        people = [task for task in self._running if task.get_name().startswith("team")]
        _, late = await asyncio.wait(people, timeout=LAST_SECONDS)
        self._quiet.set()
        for task in late:
            task.cancel()
        for outcome in await asyncio.gather(*self._running, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        broken = [f"{task.get_name()} still waits for a release to end" for task in late]
        broken += await self._until_told()
        await self.killer.nursery.stop_bot()
        await self.killer.nursery.close()
        tally = self.so_far()
        for team in self.teams:
            kept, found = await self._look(team)
            tally.kept += kept
            tally.swaps += len(await team.site.swaps())
            broken += found
        broken += [f"still open at the end: {one.id}" for one in await self.records.open_releases()]
        broken += await invariants.of_the_audit(self.world)
        broken += invariants.of_the_machine(self.world, self.cache, self.temporary)
        tally.broken = [f"seed {self.seed}: {breach}" for breach in broken]
        return tally

    async def _until_told(self) -> list[str]:
        """Everything is told, and old slots are stopped: that is told too."""
        deadline = time.monotonic() + TOLD_SECONDS
        while untold := [
            *await self.records.releases_to_tell(),
            *(release.id for release in await self.records.with_old_slot_running()),
        ]:
            if time.monotonic() > deadline:
                return [f"never told to its end: {', '.join(untold)}"]
            await asyncio.sleep(0.3)
        return []

    async def _look(self, team: Team) -> tuple[int, list[str]]:
        """How many posts of one site are kept, and what is broken there."""
        site = team.site
        broken = [breach for ended in team.ended for breach in invariants.of_the_end(ended)]
        broken += await invariants.of_the_records(self.records, site)
        broken += await invariants.of_the_thread(self.world, self.records, site, self.approvers)
        kept, lost = await invariants.of_the_writes(self.world, site)
        return kept, broken + lost

    async def stop(self) -> None:
        """At once, without a look."""
        for task in self._running:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._running, return_exceptions=True)


@asynccontextmanager
async def a_town(
    folder: Path, cache: Path | None, seed: int, sites: int, real: bool, tell: Callable[[str], None]
) -> AsyncIterator[Town]:
    """Sandbox, bot and sites, ready to begin. `cache` None: the user's own, which may be in use by others."""
    async with AsyncExitStack() as stack:
        told_cache = cache or default_cache_folder()
        opening = await stack.enter_async_context(
            (real_opening if real else tiny_opening)(None, None, told_cache, tell)
        )
        world = await stack.enter_async_context(
            open_world(folder, {opening.node_major: opening.node}, swap_seconds=2 if real else 0.8)
        )
        temporary = folder / "temporary"
        temporary.mkdir()
        world.bot_variables["TMPDIR"] = str(temporary)
        seen = []
        for number, name in enumerate(NAMES[:sites]):
            tell(f"putting {name} on Ghost {opening.before}")
            key = await put_on_stage(world, opening, name)
            seen.append(SeenSite(world, name, key, CHANNELS[number % len(CHANNELS)]))
        world.configure(
            [
                SiteInDemo(site.name, options=REAL if real else {**TINY, **OWN[number % len(OWN)]})
                for number, site in enumerate(seen)
            ],
            cache_folder=str(opening.cache),
            **({"npm_registry": opening.registry} if opening.registry else {}),
        )
        tell("starting the bot")
        nursery = Nursery(world)
        stack.push_async_callback(nursery.close)
        await nursery.start_bot()
        records = open_records(world.records_url)
        stack.callback(records.close)
        people = world.slack["users"]
        town = Town(
            seed,
            world,
            records,
            [
                Team(world, records, site, People(seed, site.name, hesitate=not real), opening.after)
                for site in seen
            ],
            Killer(world, nursery, tell),
            None if real else opening.cache,
            temporary,
            (people["ben"], people["cleo"]),
        )
        try:
            yield town
        finally:
            await town.stop()
