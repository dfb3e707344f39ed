"""`python -m bench`: measure, print the tables with their targets, write JSON."""

import argparse
import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console

from bench import (
    answering,
    deciding,
    fleet,
    ghost_cli,
    growing,
    moving,
    replicas,
    resting,
    upgrading,
    visiting,
    waiting,
)
from bench.figures import Measured, as_told, in_words, machine
from bench.place import Place
from bench.plots import draw
from bench.report import BEGIN, END, has_place, in_readme, page, with_earlier
from release.ghost.cache import default_cache_folder

Part = Callable[[Place], Awaitable[Measured]]
LONGEST_SECONDS = 1300
MOST_MINUTES = 40
"""For all parts of the usual run, on two cores."""
PARTS: dict[str, Part] = {
    "answering": answering.measure,
    "resting": resting.measure,
    "deciding": deciding.measure,
    "visiting": visiting.measure,
    "moving": moving.measure,
    "ghost-cli": ghost_cli.measure,
    "upgrading": upgrading.measure,
    "waiting": waiting.measure,
    "replicas": replicas.measure,
    "growing": growing.measure,
    "fleet": fleet.measure,
}
ONLY_IF_NAMED: dict[str, Part] = {"whole-fleet": fleet.measure_whole}
"""Too long for the usual run, and without its limit."""
LONGEST_SECONDS_IF_NAMED = 6 * 3600
ORDER = (*PARTS, *ONLY_IF_NAMED)


def main(words: Sequence[str] | None = None) -> int:
    """0 if everything was measured, whatever came out; 1 if something could not be; 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=ORDER, help="this part; repeatable")
    parser.add_argument(
        "--quick", action="store_true", help="smaller and fewer, for a first look; no pictures are drawn"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="with --json: write the page of the docs")
    parser.add_argument(
        "--readme", type=Path, metavar="FILE", help="with --json: put the targets into that table"
    )
    parser.add_argument(
        "--plots",
        type=Path,
        metavar="FOLDER",
        help="draw how cost grows, as pictures there (not with --quick)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the folders and say where they are")
    options = parser.parse_args(words)
    if options.readme and not has_place(options.readme.read_text()):
        parser.error(f"{options.readme} has no lines {BEGIN} and {END} for the table")
    _as_many_files_as_allowed()
    console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 160)
    try:
        parts = asyncio.run(_measure(options, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; everything that was started is gone.")
        return 130
    return 0 if all(part.rows and not part.incomplete for part in parts.values()) else 1


def _as_many_files_as_allowed() -> None:
    """For all that is started from here: a slot of the local App Service has two ports, and a fleet has 2,000 slots."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _measure(options: argparse.Namespace, console: Console) -> dict[str, Measured]:
    where = machine()
    console.print(", ".join(f"{name}: {value}" for name, value in where.items()))
    parts: dict[str, Measured] = {}
    for name in options.only or PARTS:
        console.print(f"\n{name} ...")
        folder = Path(tempfile.mkdtemp(prefix=f"ghostbot-bench-{name}-"))
        try:
            place = Place(folder, default_cache_folder(), options.quick, _teller(console))
            longest = LONGEST_SECONDS_IF_NAMED if name in ONLY_IF_NAMED else LONGEST_SECONDS
            parts[name] = await found_by((PARTS | ONLY_IF_NAMED)[name], name, place, longest)
        finally:
            if options.keep:
                console.print(f"its folder: {folder}")
            else:
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
        console.print(parts[name].table())
        for note in parts[name].notes:
            console.print(f"  {note}", markup=False)
        if options.plots and not options.quick:
            await asyncio.to_thread(draw, parts[name].plots, options.plots)
        if options.json:
            told = with_earlier(options.json, as_told(where, parts), ORDER)
            options.json.write_text(json.dumps(told, indent=2) + "\n")
            if options.docs:
                options.docs.write_text(page(told, ORDER))
            if options.readme:
                options.readme.write_text(in_readme(options.readme.read_text(), told, tuple(PARTS)))
    verdict(parts, console, bounded=not ONLY_IF_NAMED.keys() & parts.keys())
    return parts


async def found_by(part: Part, name: str, place: Place, longest: float) -> Measured:
    """What a part found in so many seconds; one that could not be measured says why, and the others go on."""
    began, told_at = time.monotonic(), machine()
    try:
        async with asyncio.timeout(longest):
            found = await part(place)
    except Exception as error:  # noqa: BLE001 - a defect in one part must not take hours of the others with it
        place.tell(traceback.format_exc())
        found = Measured(f"{name} (failed)")
        found.lacks(name, f"{type(error).__name__}: {error}")
    found.at, found.commit, found.load = told_at["at"], told_at["commit"], told_at["load before"]
    found.machine, found.quick = in_words(told_at), place.quick
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _teller(console: Console) -> Callable[[str], None]:
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"  {time.monotonic() - began:6.1f} s  {text}", markup=False)

    return tell


def verdict(parts: dict[str, Measured], console: Console, bounded: bool) -> None:
    """How many targets were reached and in which time; `bounded`: whether that time is to be kept too."""
    judged = [row for part in parts.values() for row in part.rows if row.reached is not None]
    missed = [row for row in judged if not row.reached]
    seconds = sum(part.seconds for part in parts.values())
    console.print(
        f"\n{len(judged) - len(missed)} of {len(judged)} targets reached, in {seconds / 60:.1f} minutes, "
        f"load at the end {os.getloadavg()[0]:.1f}"
    )
    if bounded and seconds > MOST_MINUTES * 60:
        console.print(f"  not reached: the whole took more than {MOST_MINUTES} minutes")
    for row in missed:
        console.print(f"  not reached: {row.work}: {row.measured}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
