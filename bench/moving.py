"""The files of a large blog: what a release moves of them, beside the whole folder down and up."""

import asyncio
import os
import shutil
import time
from asyncio.subprocess import DEVNULL
from pathlib import Path

from bench.figures import Measured
from bench.place import AZURE_LINE, Place, a_tiny_team, forget_the_most, look_at, staged, took
from demo.world import DidNotStart
from release.model import Release, State, Step
from tests.stories.team import Team

FIRST, SECOND = "5.130.0", "5.130.6"
CHANGED = 20
MONTHS = 60
A_CHANGE = 10
"""Requests at most for a folder, or for a file that was changed."""
SITE = "blog"


async def measure(place: Place) -> Measured:
    """10,000 images of 200 kB: the first release moves all of them, the next one those 20 that were changed."""
    images, size = (1000, 20_000) if place.quick else (10_000, 200_000)
    found = Measured(f"{images:,} images, {images * size / 1e9:g} GB, 50 MB/s and 20 ms a call to SCM")
    async with a_tiny_team(place, (SITE,), line=AZURE_LINE) as team:
        folder = await team.world.wwwroot(SITE) / "content" / "images"
        await asyncio.to_thread(_fill, folder, images, size)
        pid = team.world.process_of("bot")
        await asyncio.sleep(5)
        resting = look_at(pid).memory
        forget_the_most(pid)
        place.tell("the first release, which moves all")
        first = await staged(team, SITE, FIRST, 600)
        more = (look_at(pid).most_memory - resting) / 1e6
        await team.clicks("ben", await team.card(SITE, FIRST), "Approve")
        await team.reaches(SITE, State.LIVE, seconds=300)
        await _change(await team.world.wwwroot(SITE) / "content" / "images")
        place.tell(f"the second release, after {CHANGED} were changed")
        await _forget_requests(team)  # the log holds 20,000 at most
        second = await staged(team, SITE, SECOND, 300)
        asked = await _asked(team)
        place.tell("the whole folder down and up")
        whole = await _whole(team, place.folder)
    step, all_of_it = _content(second), _content(first)
    found.add(
        f"content step, {CHANGED} of them changed since the last release",
        f"{step:.1f} s; whole folder down and up {whole:.1f} s ({step / whole:.3f})",
        "at most 0.05 of the whole folder",
        step / whole <= 0.05,
        seconds=step,
        whole_seconds=whole,
        copied=second.facts.content.copied if second.facts.content else 0,
        requests=asked,
    )
    found.add(
        "content step of the first release, which moves all, with the deployment beside it",
        f"{all_of_it:.1f} s ({all_of_it / whole:.2f} of the whole folder)",
        seconds=all_of_it,
    )
    found.add(
        f"memory while {images * size / 1e9:g} GB move, more than at rest",
        f"{more:.0f} MB (of {resting / 1e6:.0f} MB)",
        "at most 40 MB more",
        more <= 40,
        megabytes=more,
    )
    found.add(
        "requests to SCM of the second release, until approval",
        f"{asked}",
        f"at most {A_CHANGE} for each of {MONTHS} folders and {CHANGED} changes, however many files there are",
        asked <= A_CHANGE * (MONTHS + CHANGED),
        requests=asked,
    )
    return found


def _content(release: Release) -> float:
    """Seconds that content took: the deployment's are among them where most of it came meanwhile."""
    brought = release.facts.brought
    beside = took(release, Step.DEPLOY) if brought and brought.copied else 0.0
    return beside + took(release, Step.SYNC_CONTENT)


def _fill(folder: Path, images: int, size: int) -> None:
    for number in range(images):
        month = folder / str(2019 + number % MONTHS // 12) / f"{number % 12 + 1:02}"
        month.mkdir(parents=True, exist_ok=True)
        (month / f"picture-{number}.jpg").write_bytes(os.urandom(size))


async def _change(folder: Path) -> None:
    files = sorted(folder.rglob("*.jpg"))
    for file in files[:: max(1, len(files) // CHANGED)][:CHANGED]:
        size = file.stat().st_size
        file.unlink()  # it may be linked elsewhere
        file.write_bytes(os.urandom(size + 1))


async def _forget_requests(team: Team) -> None:
    answer = await team.world.http.delete(f"{team.world.azure['control']}/requests", timeout=120)
    answer.raise_for_status()


async def _asked(team: Team) -> int:
    """How many requests SCM has answered for the site since they were forgotten."""
    answer = await team.world.http.get(
        f"{team.world.azure['control']}/requests", params={"host": "scm"}, timeout=120
    )
    return len([row for row in answer.json()["requests"] if (row["slot"] or "").split("/")[0] == SITE])


async def _whole(team: Team, folder: Path) -> float:
    """Seconds of curl for the folder as a zip from production, and the same zip into staging."""
    await team.world.put_site(SITE, basic_auth=True)
    await team.world.wait_until_well(SITE)
    told = (await team.world.http.get(team.world.azure["control"])).json()
    user = f"{told['deployment_user']}:{told['deployment_password']}"
    here, path = told["sites"][SITE], "api/zip/site/wwwroot/content/images/"
    archive = folder / "images.zip"
    began = time.monotonic()
    for words in (
        ("-o", str(archive), f"{here['production']['scm']}/{path}"),
        ("-T", str(archive), f"{here['staging']['scm']}/{path}"),
    ):
        curl = await asyncio.create_subprocess_exec(
            str(shutil.which("curl")), "-sS", "--fail", "-u", user, *words, stdin=DEVNULL, stdout=DEVNULL
        )
        if await asyncio.wait_for(curl.wait(), 400):
            raise DidNotStart(f"curl failed for {words[-1]}")
    seconds = time.monotonic() - began
    archive.unlink()
    return seconds
