"""The oldest Ghost that runs here, with content, to the newest: one command, one swap, and one more back.

A quarter of an hour the first time, where three native drivers have to be compiled; a few minutes later.
"""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from demo.blog.prepare import lay_out, prepare
from demo.stages import Opening, put_on_stage
from demo.world import SiteInDemo, open_world
from release.ghost.admin_api import admin_api
from release.ghost.build import build, build_stop
from release.ghost.cache import Cache, default_cache_folder
from release.ghost.database import MUST_NOT_SHRINK
from release.ghost.npm import Npm, registry_of_user
from release.model import Release, State, Stop
from release.version import Version
from tests.stories.team import Team

OLDEST, NEWEST = "4.1.2", "6.65.0"
WAY = f"{OLDEST} → 4.48.9 → 5.130.6 → {NEWEST}"
OLD_NODE, NEW_NODE = 14, 22
# Built beside the others, which saves minutes the first time.
STOPS = (Stop("4.48.9", "^14.17.0 || ^16.13.0"), Stop("5.130.6", "^18.12.1 || ^20.11.1 || ^22.13.1"))


def quietly(_text: str) -> None:
    """Progress that nobody reads in a test."""


def rows(wwwroot: Path) -> dict[str, int]:
    """How many rows the database has in each table that must not lose any."""
    with closing(sqlite3.connect(f"file:{wwwroot}/content/data/ghost.db?mode=ro", uri=True)) as database:
        there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return {
            name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - names from above
            for name in MUST_NOT_SHRINK
            if name in there
        }


async def writes_a_post(team: Team, key: str, title: str) -> None:
    """On the old Ghost, through its Admin API."""
    api = admin_api(OLDEST)
    answer = await team.world.http.post(
        f"{await team.world.url('blog')}{api.path}/posts/?source=html",
        json={"posts": [{"title": title, "html": "<p>words</p>", "status": "published"}]},
        headers={"Authorization": f"Ghost {api.token(key)}"},
    )
    assert answer.status_code == 201, answer.text


async def stacks(team: Team) -> tuple[str, str]:
    slots = (await team.world.site("blog"))["slots"]
    return slots["production"]["stack"], slots["staging"]["stack"]


def lost_nothing(release: Release, before: dict[str, int], after: dict[str, int]) -> None:
    assert {name: count for name, count in before.items() if after[name] < count} == {}
    assert before["posts"] >= 30
    assert before["members"] == 40
    assert release.facts.migration is not None
    assert release.facts.migration.stops == ("4.48.9", "5.130.6")
    assert release.facts.probe is not None
    assert release.facts.probe.failed == 0


@pytest.mark.ghost
@pytest.mark.timeout(2400)
async def test_the_oldest_ghost_comes_to_the_newest_in_one_swap_and_back_in_one_more(tmp_path: Path) -> None:
    npm = Npm(Cache(default_cache_folder()), await registry_of_user(os.environ))
    blog, newest, _ = await asyncio.gather(
        prepare(Version.parse(OLDEST), OLD_NODE, npm, quietly),
        build(Version.parse(NEWEST), NEW_NODE, npm, quietly),
        asyncio.gather(*(build_stop(stop, npm, quietly) for stop in STOPS)),
    )
    old, new = (Path(package.node_prefix) / "bin" / "node" for package in (blog.package, newest))

    async def fill(wwwroot: Path) -> str:
        await lay_out(blog, wwwroot)
        return blog.admin_key

    opening = Opening(OLDEST, NEWEST, OLD_NODE, old, None, default_cache_folder(), fill)
    async with open_world(tmp_path / "world", {OLD_NODE: old, NEW_NODE: new}) as world:
        key = await put_on_stage(world, opening, "blog")
        options = {"start_seconds": 120, "scm_seconds": 30}
        world.configure([SiteInDemo("blog", key, options)], cache_folder=str(opening.cache))
        await world.start_bot()
        team = Team(world, opening)
        try:
            await team.types("ann", f"/ghost upgrade {NEWEST} blog")
            await team.reaches("blog", State.AWAITING_APPROVAL, seconds=1500)
            card = await team.card("blog", NEWEST)
            for told in (WAY, "NODE|14-lts → NODE|22-lts", "theme harbour: Replace {{twitter_url}}"):
                assert told in card["plain"], card["plain"]
            assert f"{WAY}, Node 14 → 22" in await team.told("ann")
            assert await stacks(team) == ("NODE|14-lts", "NODE|22-lts")

            await writes_a_post(team, key, "Written while people decide")
            before = rows(await world.wwwroot("blog"))
            await team.clicks("ben", card, "Approve")
            release = await team.reaches("blog", State.LIVE, seconds=400)
            lost_nothing(release, before, rows(await world.wwwroot("blog")))
            assert await world.version("blog") == NEWEST
            assert await world.swaps("blog") == 1
            assert await stacks(team) == ("NODE|22-lts", "NODE|14-lts")
            posts = await team.asks_the_blog("blog", key, "GET", "posts/?limit=all&fields=title")
            assert "Written while people decide" in [post["title"] for post in posts["posts"]]
            assert await team.page("blog", "/written-while-people-decide/") == 200

            await team.rolls_back("blog")
            await team.sees("ann", f"blog is back on {OLDEST}", seconds=120)
            assert await stacks(team) == ("NODE|14-lts", "NODE|22-lts")
            assert rows(await world.wwwroot("blog")) == before
        finally:
            team.close()
