"""How cost grows: with images, with the database, and with releases at once."""

import asyncio
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import aiohttp

from bench.answering import AT_ONCE
from bench.deciding import fill_database
from bench.figures import Curve, Measured, Plot, percentile
from bench.place import Place, a_tiny_team, between, forget_the_most, look_at, staged
from bench.waves import BROKE_OFF, all_staged, open_slack
from release.ghost.database import inspect
from release.model import Step

KILOBYTE = 1000
PAUSE = 8.0
"""Between 50 commands and the next 50: what follows their acknowledgement is done then, so that releases go on."""
IMAGES, QUICK_IMAGES = (100, 1_000, 10_000, 50_000), (100, 1_000)
MEGABYTES, QUICK_MEGABYTES = (1, 10, 100, 500), (1, 10)
RELEASES, QUICK_RELEASES = (1, 10, 50), (1, 3)


async def measure(place: Place) -> Measured:
    """Three curves each; what a target asks of them is in the other tables."""
    found = Measured("How cost grows")
    await _images(found, place, QUICK_IMAGES if place.quick else IMAGES)
    await _databases(found, place, QUICK_MEGABYTES if place.quick else MEGABYTES)
    await _at_once(found, place, QUICK_RELEASES if place.quick else RELEASES)
    return found


async def _images(found: Measured, place: Place, counts: tuple[int, ...]) -> None:
    """Staging a release of a blog with so many images of 2 kB, and the most memory meanwhile."""
    seconds: list[float] = []
    memory: list[float] = []
    sites = tuple(f"images{count}" for count in counts)
    async with a_tiny_team(place, sites) as team:
        pid = team.world.process_of("bot")
        for site, count in zip(sites, counts, strict=True):
            folder = await team.world.wwwroot(site) / "content" / "images"
            await asyncio.to_thread(_fill, folder, count)
            forget_the_most(pid)
            release = await staged(team, site, seconds=400)
            seconds.append(between(release, Step.PREFLIGHT, Step.SMOKE_TEST))
            memory.append(look_at(pid).most_memory / 1e6)
            place.tell(f"{count} images: {seconds[-1]:.1f} s, {memory[-1]:.0f} MB")
    shutil.rmtree(place.folder / "world", ignore_errors=True)
    told = ", ".join(
        f"{count:,}: {taken:.0f} s, {most:.0f} MB"
        for count, taken, most in zip(counts, seconds, memory, strict=True)
    )
    found.add("staging for the first time with so many images, and the most memory", told)
    x = tuple(map(float, counts))
    found.plots += [
        Plot(
            "images-time",
            "The first staging of a blog",
            "images",
            "seconds",
            (Curve("seconds", x, tuple(seconds)),),
            True,
        ),
        Plot(
            "images-memory",
            "The most memory meanwhile",
            "images",
            "MB",
            (Curve("MB", x, tuple(memory)),),
            True,
        ),
    ]


def _fill(folder: Path, count: int) -> None:
    """Ten years of months, as Ghost lays images out."""
    months = [folder / str(2010 + number // 12) / f"{number % 12 + 1:02}" for number in range(120)]
    for month in months:
        month.mkdir(parents=True)
    for number in range(count):
        picture = months[number % len(months)] / f"picture-{number}.jpg"
        picture.write_bytes(os.urandom(2 * KILOBYTE))


async def _databases(found: Measured, place: Place, sizes: tuple[int, ...]) -> None:
    """What the bot does with each copy: integrity, counts, and a digest of every table."""
    seconds: list[float] = []
    database = place.folder / "measured.db"
    async with a_tiny_team(place, ("blog",), start=False) as team:
        source = await team.world.wwwroot("blog") / "content/data/ghost.db"
        for size in sizes:
            await asyncio.to_thread(_copy, source, database)
            await asyncio.to_thread(fill_database, database, size * 1_000_000)
            began = time.monotonic()
            await inspect(database)
            seconds.append(time.monotonic() - began)
            place.tell(f"{size} MB: {seconds[-1]:.2f} s")
    shutil.rmtree(place.folder / "world", ignore_errors=True)
    told = ", ".join(f"{size} MB: {taken:.2f} s" for size, taken in zip(sizes, seconds, strict=True))
    found.add("a copy of the database checked and its tables digested", told)
    x = tuple(map(float, sizes))
    found.plots.append(
        Plot(
            "databases",
            "A copy checked and digested",
            "MB",
            "seconds",
            (Curve("seconds", x, tuple(seconds)),),
            True,
        )
    )


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as database:
        database.execute("VACUUM INTO ?", (str(target),))


async def _at_once(found: Measured, place: Place, counts: tuple[int, ...]) -> None:
    """50 commands at once, `/ghost history`, while so many sites are being staged."""
    slowest: list[float] = []
    took: list[float] = []
    sites = tuple(f"site{number}" for number in range(sum(counts)))
    async with a_tiny_team(place, sites) as team, aiohttp.ClientSession() as http:
        control = str(team.world.slack["control"])
        await open_slack(http, control)
        left = list(sites)
        for count in counts:
            chosen, left = left[:count], left[count:]
            try:
                staging = await all_staged(team, http, control, chosen, AT_ONCE, PAUSE)
            except BROKE_OFF as error:
                found.lacks(f"{count} releases at once", str(error), "all staged")
                break
            took.append(staging.seconds)
            slowest.append(percentile(staging.answers, 0.99) * 1000)
            place.tell(f"{count} at once: p99 {slowest[-1]:.0f} ms, all staged in {took[-1]:.0f} s")
    if not took:
        return
    told = ", ".join(
        f"{count}: {slow:.0f} ms, all staged in {taken:.0f} s"
        for count, slow, taken in zip(counts, slowest, took, strict=False)  # fewer if it broke off
    )
    found.add("p99 of 50 commands at once while so many releases are staged", told)
    x = tuple(map(float, counts[: len(took)]))
    found.plots += [
        Plot(
            "answers", "50 commands at once, p99", "releases at once", "ms", (Curve("ms", x, tuple(slowest)),)
        ),
        Plot(
            "at-once",
            "Until all of them are staged",
            "releases at once",
            "seconds",
            (Curve("seconds", x, tuple(took)),),
        ),
    ]
