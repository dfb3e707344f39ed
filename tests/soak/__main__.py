"""`python -m tests.soak`: kills of the bot and faults of Azure for as long as told, and a table of what came of it."""

import argparse
import asyncio
import logging
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from release.model import State
from tests.faults.bench import a_bench
from tests.faults.table import at_random
from tests.soak.plan import kills, kills_of_few
from tests.soak.table import table
from tests.soak.town import NAMES, Tally, a_town

KILLS, FAULTS = "kills", "faults"
SHARE_OF_KILLS = 2 / 3
"""Of the time; the rest is for the faults."""
ROUND_MINUTES = 10
"""A town is pulled down and built anew this often: what is left behind shows when a bot has gone for good."""


@dataclass(frozen=True)
class Options:
    """What the command line says. `kills` ends the kills even when there is time left; `only` is one of the two."""

    minutes: float
    seed: int
    kills: int | None
    only: str | None
    sites: int
    real: bool
    keep: bool


def main(words: Sequence[str] | None = None) -> int:
    """0 if every invariant held, 1 if not, 130 after Ctrl-C; the table comes in each case."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, help="an earlier run's, to have its kills and people again")
    parser.add_argument("--kills", type=int, help="so many and no more")
    parser.add_argument("--only", choices=(KILLS, FAULTS), help="default: both, two thirds of the time kills")
    parser.add_argument("--sites", type=int, default=4, choices=range(1, len(NAMES) + 1), help="default: 4")
    parser.add_argument("--real", action="store_true", help="real Ghost instead of the small site")
    parser.add_argument("--keep", action="store_true", help="keep the folders and say where they are")
    told = parser.parse_args(words)
    seed = told.seed if told.seed is not None else secrets.randbelow(1_000_000)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"seed {seed}")
    options = Options(told.minutes, seed, told.kills, told.only, told.sites, told.real, told.keep)
    tally = Tally(seed)
    interrupted = False
    try:
        asyncio.run(_soak(options, tally, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        interrupted = True
        console.print(
            "interrupted: what was under way is not in the table, and its invariants were not looked at"
        )
    console.print(table(tally))
    for breach in tally.broken:
        console.print(f"- {breach}", markup=False)
    if interrupted:
        return 130
    return 1 if tally.broken else 0


async def _soak(options: Options, tally: Tally, console: Console) -> None:
    task = asyncio.current_task()
    if task is not None:
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
    ends = time.monotonic() + options.minutes * 60
    if options.only != FAULTS:
        share = 1 if options.only == KILLS else SHARE_OF_KILLS
        await _rounds_of_kills(options, ends - options.minutes * 60 * (1 - share), tally, console)
    if options.only != KILLS:
        await round_of_faults(options.seed, ends, tally, console.print)


async def _rounds_of_kills(options: Options, ends: float, tally: Tally, console: Console) -> None:
    number = 0
    while number == 0 or (time.monotonic() < ends and not _enough(options, tally)):
        seed = options.seed + number
        number += 1
        console.print(f"round {number}, seed {seed}")
        await round_of_kills(
            options, seed, min(ends, time.monotonic() + ROUND_MINUTES * 60), tally, console.print
        )


def _enough(options: Options, tally: Tally) -> bool:
    return options.kills is not None and tally.kills >= options.kills


async def round_of_faults(seed: int, ends: float, tally: Tally, tell: Callable[[str], None]) -> None:
    """Releases that meet any fault of Azure at any call, by chance; their figures are added to `tally`."""
    # The SDK's and the engine's warnings about every bad answer would hide the table.
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    tell(f"faults, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="ghostbot-faults-") as folder:
        async with a_bench(Path(folder) / "bench", Path(folder) / "cache") as bench:
            async for outcome in at_random(bench, ends - time.monotonic(), seed):
                tally.faults += 1
                tally.ended[f"upgrade, {outcome.case.mishap.name}", outcome.ended] += 1
                tally.swaps += outcome.ended == State.LIVE
                tally.broken += [f"seed {seed}: {outcome.case}: {one}" for one in outcome.broken]
                tell(f"fault {tally.faults}: {outcome.case} ({outcome.ended})")
    tally.seconds += time.monotonic() - began


async def round_of_kills(
    options: Options, seed: int, ends: float, tally: Tally, tell: Callable[[str], None]
) -> None:
    """One town from its first day to its last; its figures are added to `tally`."""
    folder = Path(tempfile.mkdtemp(prefix="ghostbot-soak-"))
    try:
        cache = None if options.real else folder / "cache"
        async with a_town(folder / "town", cache, seed, options.sites, options.real, tell) as town:
            try:
                town.begin()
                for plan in kills_of_few(seed) if options.real else kills(seed):
                    enough = options.kills is not None and tally.kills + town.killer.kills >= options.kills
                    if enough or time.monotonic() > ends:
                        break
                    await town.kill(plan)
                tell("no more kills: waiting for the releases that are under way")
                tally.add(await town.end())
            except asyncio.CancelledError:
                tally.add(town.so_far())
                raise
    finally:
        if options.keep:
            tell(f"kept: {folder}")
        else:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


if __name__ == "__main__":
    sys.exit(main())
