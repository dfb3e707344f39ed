"""`python -m tests.soak`: kill the bot for as long as told, and say in a table what came of it."""

import argparse
import asyncio
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

from tests.soak.plan import kills, kills_of_few
from tests.soak.table import table
from tests.soak.town import NAMES, Tally, a_town

ROUND_MINUTES = 10
"""A town is pulled down and built anew this often: what is left behind shows when a bot has gone for good."""


@dataclass(frozen=True)
class Options:
    """What the command line says. `kills` ends the soak even when there are `minutes` left."""

    minutes: float
    seed: int
    kills: int | None
    sites: int
    real: bool
    keep: bool


def main(words: Sequence[str] | None = None) -> int:
    """0 if every invariant held, 1 if not, 130 after Ctrl-C; the table comes in each case."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, help="an earlier run's, to have its kills and people again")
    parser.add_argument("--kills", type=int, help="end after so many")
    parser.add_argument("--sites", type=int, default=4, choices=range(1, len(NAMES) + 1), help="default: 4")
    parser.add_argument("--real", action="store_true", help="real Ghost instead of the small site")
    parser.add_argument("--keep", action="store_true", help="keep the folders and say where they are")
    told = parser.parse_args(words)
    seed = told.seed if told.seed is not None else secrets.randbelow(1_000_000)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"seed {seed}")
    options = Options(told.minutes, seed, told.kills, told.sites, told.real, told.keep)
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
    began = time.monotonic()
    ends = began + options.minutes * 60
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
