"""From the click on Approve to the swap: how soon it is asked for, and how long writes can come late."""

import asyncio
import os
import sqlite3
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.figures import Measured
from bench.place import Place, a_tiny_team, between, staged
from demo.world import DidNotStart
from release.ghost.migrate import lay_out_content
from release.model import Release, State, Step
from tests.stories.team import Team

MEGABYTE = 1_000_000
REVISION = 200_000
WATCHED_MINUTES = 1
"""After the swap; it is 5 by default, and more minutes are no more messages."""


async def measure(place: Place) -> Measured:
    """A small blog where nothing was written since, and one with a large database that is written to until the swap."""
    size = (20 if place.quick else 200) * MEGABYTE
    found = Measured("From the approval to the swap, without delays of Azure's")
    async with a_tiny_team(place, ("small", "large"), {"observe_minutes": WATCHED_MINUTES}) as team:
        await _small(found, team)
        place.tell(f"a database of {size // MEGABYTE} MB")
        await asyncio.to_thread(
            fill_database, await team.world.wwwroot("large") / "content/data/ghost.db", size
        )
        await _large(found, team, place, size)
    found.notes.append(
        f"After the swap the release was watched for {WATCHED_MINUTES} minute (5 by default; more are no more "
        "messages). There were no pictures, as without a browser on the bot's machine."
    )
    return found


async def _small(found: Measured, team: Team) -> None:
    slack = team.world.slack["control"]
    await team.world.http.post(f"{slack}forget-calls", json={})
    await staged(team, "small", seconds=120)
    card = await team.card("small")
    clicked = time.time()
    await team.clicks("ben", card, "Approve")
    await team.has_asked_for_a_swap("small", 60)
    seconds = await _first_swap(team, "small") - clicked
    await team.reaches("small", State.LIVE, seconds=240)
    await asyncio.sleep(3)  # what is told last is told then
    told: dict[str, Any] = (await team.world.http.get(f"{slack}calls")).json()
    calls = told.get("counts") or {}
    total = sum(int(count) for count in calls.values())
    found.add(
        "approval click to swap requested, nothing changed since",
        f"{seconds:.1f} s",
        "under 3 s",
        seconds < 3,
        seconds=seconds,
    )
    named = ", ".join(f"{name} {count}" for name, count in sorted(calls.items(), key=lambda one: -one[1])[:5])
    found.add(
        "Web API calls of one release", f"{total} ({named})", "at most 60", 0 < total <= 60, calls=total
    )


async def _first_swap(team: Team, site: str) -> float:
    """When Azure was asked to swap, by the clock."""
    query = {"host": "arm", "method": "POST", "path": f"/sites/{site}/"}
    answer = await team.world.http.get(f"{team.world.azure['control']}/requests", params=query)
    return min(
        float(row["time"]) - float(row["seconds"])
        for row in answer.json()["requests"]
        if "/slotsswap" in row["path"]
    )


async def _large(found: Measured, team: Team, place: Place, size: int) -> None:
    wwwroot = await team.world.wwwroot("large")
    database = wwwroot / "content/data/ghost.db"
    release = await staged(team, "large", seconds=300)
    await team.clicks("ben", await team.card("large"), "Approve")
    await team.is_at("large", Step.PREVIEW, seconds=120)
    await asyncio.to_thread(_write, database)
    release = await team.reaches("large", State.LIVE, seconds=400)
    if "caught up with" not in release.step(Step.LAST_LOOK).detail:
        raise DidNotStart("what was written at the last moment was not caught up with in the last look")
    window = between(release, Step.LAST_LOOK, Step.LAST_LOOK)
    floors = await _floors(team, place, release)
    ratio = window / sum(floors.values())
    told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in floors.items())
    found.add(
        f"last look with a database of {size // MEGABYTE} MB that was written to",
        f"{window:.1f} s; {told} ({ratio:.2f} x)",
        "under 2 x backup + migration + upload",
        ratio < 2,
        seconds=window,
        **{f"{name}_seconds": seconds for name, seconds in floors.items()},
    )


async def _floors(team: Team, place: Place, release: Release) -> dict[str, float]:
    """The least that it takes: SQLite's own copy, fetched; the migrator alone; the file sent."""
    await team.world.put_site("large", basic_auth=True)
    await team.world.wait_until_well("large")
    told = (await team.world.http.get(team.world.azure["control"])).json()
    user, here = f"{told['deployment_user']}:{told['deployment_password']}", told["sites"]["large"]
    old = await team.world.wwwroot("large", "staging") / "content/data"
    began = time.monotonic()
    await asyncio.to_thread(_vacuum, old / "ghost.db", old / "floor.db")
    path = "api/vfs/site/wwwroot/content/data/floor.db"
    copy = place.folder / "floor.db"
    await _curl(user, "-o", str(copy), f"{here['staging']['scm']}/{path}")
    backup = time.monotonic() - began
    began = time.monotonic()
    await _curl(user, "-T", str(copy), "-H", "If-Match: *", f"{here['production']['scm']}/{path}")
    upload = time.monotonic() - began
    began = time.monotonic()
    await _migrate(team, place, release, copy)
    return {"backup": backup, "migration": time.monotonic() - began, "upload": upload}


async def _migrate(team: Team, place: Place, release: Release, database: Path) -> None:
    """The new version's own migrator on this file, and nothing before or after it."""
    package = release.facts.package
    if package is None:
        raise DidNotStart("the release does not know its package")
    given = {
        "NODE_ENV": "production",
        "url": "http://localhost",
        "database__client": "sqlite3",
        "database__useNullAsDefault": "true",
        "database__connection__filename": str(database),
        "paths__contentPath": str(lay_out_content(place.folder / "floor")),
        "disableJSBackups": "true",
    }
    program = Path(package.folder) / "node_modules" / ".bin" / "knex-migrator-migrate"
    await _do(
        *(str(team.opening.node), str(program), "--init", "--mgpath", package.folder),
        environment={**os.environ, **given},
    )


async def _curl(user: str, *words: str) -> None:
    await _do("curl", "-sS", "--fail", "-u", user, *words)


async def _do(*words: str, environment: Mapping[str, str] | None = None) -> None:
    program = await asyncio.create_subprocess_exec(
        *words, env=environment, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    if await asyncio.wait_for(program.wait(), 200):
        raise DidNotStart(f"{words[0]} failed for {words[-1]}")


def _vacuum(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))


def fill_database(database: Path, size: int) -> None:
    """So many bytes of revisions, as a blog that is written in for years has them."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE mobiledoc_revisions (id TEXT PRIMARY KEY, mobiledoc TEXT)")
        for number in range(size // REVISION):
            connection.execute(
                "INSERT INTO mobiledoc_revisions VALUES (?, ?)",
                (str(number), os.urandom(REVISION // 2).hex()),
            )


def _write(database: Path) -> None:
    """As a reader who signs up in the last moment."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("UPDATE posts SET html = html || '<p>late</p>' WHERE rowid = 1")
