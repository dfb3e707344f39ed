"""A large blog: a database larger than what the bot may take of memory, and thousands of images."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from release.content import FOLDERS
from release.model import State
from tests.stories.team import NEWEST, Team, a_team

pytestmark = [
    pytest.mark.story,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]

MEGABYTE = 1 << 20
# What is written into it; the bot must not take a fifth of that.
DATABASE_BYTES = 250 * MEGABYTE
MORE_MEMORY = 45 * MEGABYTE
IMAGES = 10_000
MONTHS = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    patience = {"scm_seconds": 60, "start_seconds": 60, "backup_seconds": 120}
    async with a_team(tmp_path_factory.mktemp("large"), cache, ("small", "large"), patience) as team:
        yield team


async def test_memory_does_not_grow_with_the_database_nor_requests_with_the_images(team: Team) -> None:
    await _upgraded(team, "small", 90)
    usual = _most_memory(team)

    key = await team.has_site("large")
    wwwroot = await team.world.wwwroot("large")
    await asyncio.to_thread(_fill, wwwroot / "content" / "data" / "ghost.db")
    await asyncio.to_thread(_add_images, wwwroot / "content" / "images")
    await team.types("ann", f"/ghost upgrade {NEWEST} large")
    await team.reaches("large", State.AWAITING_APPROVAL, seconds=600)
    copied = (await team.last("large")).facts.content
    assert copied is not None
    assert copied.copied > IMAGES
    # Whole folders move as one zip each, since none of theirs is on staging yet.
    moved = [one for one in await _requests(team, "large") if "/content/images/" in one]
    assert len([one for one in moved if one.endswith(".jpg")]) == 0
    assert len([one for one in moved if "/api/zip/" in one]) <= 2 * MONTHS

    asked_before = await _requests(team, "large")
    await team.writes_a_post("large", key, "While people decide")
    await team.clicks("ben", await team.card("large"), "Approve")
    live = await team.reaches("large", State.LIVE, seconds=300)
    assert live.facts.probe is not None
    assert live.facts.probe.failed == 0
    took = _most_memory(team) - usual
    assert took < MORE_MEMORY, (
        f"{took / MEGABYTE:.0f} MB more for {DATABASE_BYTES / MEGABYTE:.0f} MB of database"
    )

    # Four looks at both slots (catch-up, last look, late files, and the manifest), a listing a folder; no image again.
    asked = (await _requests(team, "large"))[len(asked_before) :]
    folders = MONTHS + MONTHS // 12 + len(FOLDERS) + 20
    assert len([one for one in asked if "/api/vfs/" in one]) < 8 * folders + 200
    assert not [one for one in asked if re.search(r"/images/.*\.jpg$", one)]


async def _upgraded(team: Team, site: str, seconds: float) -> None:
    await team.has_site(site)
    await team.clicks("ben", await team.ask_for_approval(site), "Approve")
    await team.reaches(site, State.LIVE, seconds=seconds)


def _most_memory(team: Team) -> int:
    """The most memory the bot ever had, in bytes (proc(5), VmHWM)."""
    status = Path(f"/proc/{team.world.process_of('bot')}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def _fill(database: Path) -> None:
    """Revisions of 200 kB each, and one of 5 MB, as an article with pictures in its text is."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE mobiledoc_revisions (id TEXT PRIMARY KEY, mobiledoc TEXT)")
        sizes = [5 * MEGABYTE, *[200_000] * (DATABASE_BYTES // 200_000)]
        for number, size in enumerate(sizes):
            connection.execute(
                "INSERT INTO mobiledoc_revisions VALUES (?, hex(randomblob(?)))", (str(number), size // 2)
            )


def _add_images(images: Path) -> None:
    for number in range(IMAGES):
        month = number % MONTHS
        folder = images / str(2019 + month // 12) / f"{month % 12 + 1:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"picture {number}.jpg").write_bytes(b"\xff\xd8" + number.to_bytes(4) * 250)


async def _requests(team: Team, site: str) -> list[str]:
    """Paths of the requests to the site's SCM, production's and staging's, oldest first."""
    query = {"host": "scm"}
    answer = await team.world.http.get(f"{team.world.azure['control']}/requests", params=query)
    return [row["path"] for row in answer.json()["requests"] if (row["slot"] or "").split("/")[0] == site]
