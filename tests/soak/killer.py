"""Kills the bot (-9) and starts it again, at the moments of the plan."""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from demo.world import World
from tests.soak.nursery import Nursery
from tests.soak.plan import Kill, Moment

LOOK = 0.02


@dataclass
class Killer:
    """`hit` counts what was cut off: each step that was running, or what the release of a site was at instead."""

    world: World
    nursery: Nursery
    tell: Callable[[str], None]
    hit: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    starts: int = 0

    async def kill(self, plan: Kill) -> None:
        """The running bot is killed as planned, and another one runs."""
        if Moment.STARTING in plan.wishes:
            await self._cut_off(f"kill {plan.number}: before a start that is cut off too")
            await self.world.launch_bot()  # not from the nursery: the way a bot starts in production
            await asyncio.sleep(plan.delay)
            self.hit[Moment.STARTING] += 1
            await self._cut_off(f"kill {plan.number}: {plan.delay:.1f} s after the start")
        else:
            seen = await self._wait(plan)
            await asyncio.sleep(plan.delay)
            await self._cut_off(f"kill {plan.number}: {seen}")
        await self.nursery.start_bot()
        self.starts += 1

    async def _cut_off(self, title: str) -> None:
        await self.world.kill_bot()
        await self.nursery.kill_bot()
        self.kills += 1
        stages = await asyncio.to_thread(self._stages)
        self.hit.update(stages)
        self.tell(f"{title} ({', '.join(stages) or 'nothing under way'})")

    async def _wait(self, plan: Kill) -> str:
        """What was seen, or that nothing was."""
        if Moment.BLIND in plan.wishes:
            return Moment.BLIND
        deadline = time.monotonic() + plan.patience
        before, done = await asyncio.to_thread(self._running), await asyncio.to_thread(self._done)
        await self.world.slack_does("forget-calls")
        while time.monotonic() < deadline:
            now = await asyncio.to_thread(self._running)
            for step in sorted(now - before):
                if step[1] in plan.wishes:
                    return f"{step[1]} has begun"
            before = now
            if Moment.GOT_ON in plan.wishes and await asyncio.to_thread(self._done) >= done + plan.steps:
                return Moment.GOT_ON
            if Moment.SWAP_ASKED in plan.wishes and await self._swapping(now):
                return Moment.SWAP_ASKED
            if Moment.POSTED in plan.wishes and await self._posted():
                return Moment.POSTED
            await asyncio.sleep(LOOK)
        return Moment.BLIND

    async def _swapping(self, running: set[tuple[str, str, str]]) -> bool:
        """Whether Azure is swapping the slots of a site."""
        for site in {site for _, step, site in running if step == "swap"}:
            if (await self.world.site(site))["swap"]:
                return True
        return False

    async def _posted(self) -> bool:
        """Whether the bot has posted a message since it was waited for."""
        answer = await self.world.http.get(
            f"{self.world.slack['control']}calls", params={"method": "chat.postMessage"}
        )
        return bool(answer.json()["calls"])

    def _running(self) -> set[tuple[str, str, str]]:
        """Release, step and site of every step that runs."""
        query = (
            "SELECT s.release, s.step, r.site FROM steps s JOIN releases r ON r.id = s.release"
            " WHERE s.state = 'running' AND r.open"
        )
        return {(str(row[0]), str(row[1]), str(row[2])) for row in self._read(query)}

    def _done(self) -> int:
        """How many steps the engine will never run again: those of the plan begin anew within one of these."""
        return len(self._read("SELECT 1 FROM operation_outputs"))

    def _stages(self) -> list[str]:
        """What each open release is at: its running steps, or its state where it is between two."""
        running = self._running()
        stages = [step for _, step, _ in sorted(running)]
        for release, state in self._read("SELECT id, state FROM releases WHERE open"):
            if not any(release == busy for busy, _, _ in running):
                stages.append(str(state) if state == "awaiting_approval" else f"{state}, between steps")
        return sorted(stages)

    def _read(self, query: str) -> list[tuple[object, ...]]:
        path = self.world.data_folder / "ghostbot.db"
        # A journal left by a kill has to be rolled back by whoever reads first, so not read-only.
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
            return connection.execute(query).fetchall()
