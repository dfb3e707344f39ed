"""A real Ghost on a real MariaDB that both slots share: upgraded while people write, and taken back. Minutes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from demo.stages import REAL_NODE, Opening
from demo.world import SiteInDemo, open_world
from release.ghost.admin_api import admin_token
from release.ghost.cache import Cache, default_cache_folder
from release.ghost.npm import Npm, registry_of_user, user_environment
from release.model import Kind, Release, State, Step
from release.mysql.connection import NAME
from tests.ghost.mysql_blog import SharedBlog, put_on_stage, shared_blog
from tests.ghost.small_mysql import asked
from tests.mariadb import a_mariadb
from tests.stories.team import Team

SITE = "harbour"
OLD, NEW = "6.50.0", "6.65.0"
OPTIONS = {"database_client": "mysql", "watch_seconds": 1, "probe_rate": 2}


@pytest.mark.ghost
@pytest.mark.mariadb
@pytest.mark.timeout(1500)
async def test_a_blog_on_a_shared_database_goes_up_without_a_failed_request_and_comes_back(
    tmp_path: Path,
) -> None:
    npm = Npm(Cache(default_cache_folder()), await registry_of_user(user_environment()))
    with a_mariadb() as mariadb:
        shared = await shared_blog(OLD, REAL_NODE, npm, mariadb)
        node = Path(shared.blog.package.node_prefix) / "bin" / "node"
        async with open_world(tmp_path, {REAL_NODE: node}, swap_seconds=4) as world:
            await put_on_stage(world, shared, SITE, REAL_NODE)
            opening = Opening(OLD, NEW, REAL_NODE, node, None, npm.cache.folder, _nothing)
            team = Team(world, opening)
            options = {**OPTIONS, "mysql": {"programs": str(mariadb.programs)}}
            world.configure([SiteInDemo(SITE, shared.admin_key, options)], cache_folder=str(npm.cache.folder))
            await world.start_bot()
            try:
                await _proven_backup(team, shared)
                await _up(team, shared)
                await _and_back(team, shared)
                await _rejected(team, shared)
                await _sick_and_put_back(team, shared)
            finally:
                team.close()
            said = (tmp_path / "bot.log").read_text() + await team.told("ann")
            assert shared.database.password not in said


async def _proven_backup(team: Team, shared: SharedBlog) -> None:
    """A dump is brought to life, and what is for SQLite only is not offered."""
    await team.types("ann", f"/ghost help {SITE}")
    assert "restore" not in str((await team.sees("ann", "Ghost on MySQL"))["plain"])
    await team.types("ann", f"/ghost backup --verify {SITE}")
    release = await team.reaches(SITE, State.BACKED_UP, seconds=200)
    assert release.facts.read_back is not None
    assert release.facts.read_back.totals == {"posts": 32, "members": 40}
    assert release.facts.backup is not None
    await team.types("ann", f"/ghost restore {release.facts.backup.id} {SITE}")
    await team.sees("ann", "it has no such release")
    assert _databases(shared) == {shared.database.database}


async def _up(team: Team, shared: SharedBlog) -> None:
    before = await team.last(SITE)
    await team.types("ann", f"/ghost upgrade {NEW} {SITE}")
    staged = await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=500, after=before)
    assert staged.kind is Kind.UPGRADE_SHARED
    card = await team.card(SITE, NEW)
    assert "puts the database back from the dump" in str(card["plain"])
    assert _version_of(shared) == "6.50", "the rehearsal left the real one alone"
    told = await team.world.site(SITE)
    assert NAME in told["sticky"]
    async with writing_all_the_time(await team.world.url(SITE), shared.admin_key) as authors:
        await team.clicks("ben", card, "Approve")
        await team.is_at(SITE, "migrate_shared", seconds=100)
        await team.world.kill_bot()
        await team.world.start_bot()
        release = await team.reaches(SITE, State.LIVE, seconds=400)
        before_opening = len(authors.accepted)
        async with asyncio.timeout(20):
            while len(authors.accepted) == before_opening:  # it takes writes again  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert authors.otherwise == []
    assert authors.refused > 0
    assert await team.world.version(SITE) == NEW
    assert _version_of(shared) == "6.65"
    titles = {str(title) for (title,) in asked(shared.database, "SELECT title FROM posts")}
    assert set(authors.accepted) <= titles
    assert release.facts.probe is not None
    assert release.facts.probe.failed == 0, release.facts.probe.failures
    assert "shows its pages on it" in release.step(Step.TEST_PRODUCTION).detail
    assert release.facts.way_back is not None
    assert _databases(shared) == {shared.database.database}, release.step(Step.STOP_OLD).detail
    slots = (await team.world.site(SITE))["slots"]
    assert slots["staging"]["running"] is False


async def _and_back(team: Team, shared: SharedBlog) -> None:
    up = await team.last(SITE)
    key = shared.admin_key
    await team.writes_a_post(SITE, key, "Written on the new version")
    await team.types("ann", f"/ghost rollback {SITE}")
    await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=300, after=up)
    question = await team.question(SITE)
    assert "Written on the new version" in str(question["plain"])
    assert "all that was written since is left behind" in str(question["plain"])
    assert _version_of(shared) == "6.65", "nothing is put back before somebody says so"
    await team.clicks("ann", question, "Roll back")
    back = await team.reaches(SITE, State.ROLLED_BACK, seconds=400, after=up)
    assert await team.world.version(SITE) == OLD
    assert _version_of(shared) == "6.50"
    titles = {str(title) for (title,) in asked(shared.database, "SELECT title FROM posts")}
    assert "Written on the new version" not in titles
    assert "Author 0, post 0" in titles
    assert await team.page(SITE, "/") == 200
    await team.writes_a_post(SITE, key, "Written on the old version again")
    assert "Written on the new version" in await _titles_in_backup(team, back)
    print("visitors during the rollback", back.facts.probe)  # noqa: T201 - told by pytest -rP
    assert (await team.records.release(up.id)).state is State.ROLLED_BACK


async def _rejected(team: Team, shared: SharedBlog) -> None:
    """Nobody wants it: the scratch database is gone, staging is stopped, and production never noticed."""
    back = await team.last(SITE)
    await team.types("ann", f"/ghost upgrade {NEW} {SITE}")
    await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=500, after=back)
    assert len(_databases(shared)) == 2
    await team.rejects("ben", await team.card(SITE, NEW))
    rejected = await team.reaches(SITE, State.REJECTED, seconds=60, after=back)
    assert rejected.facts.staging_left is not None
    assert "is dropped" in rejected.facts.staging_left.words
    assert _databases(shared) == {shared.database.database}
    assert (await team.world.site(SITE))["slots"]["staging"]["running"] is False
    assert await team.world.version(SITE) == OLD
    await team.writes_a_post(SITE, shared.admin_key, "After the rejected one")


async def _sick_and_put_back(team: Team, shared: SharedBlog) -> None:
    """Up once more; sick after the swap, its database is put back and then it is, though the bot is killed."""
    back = await team.last(SITE)
    await team.writes_a_post(SITE, shared.admin_key, "Before the sick one")
    await team.types("ann", f"/ghost upgrade {NEW} {SITE}")
    await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=500, after=back)
    swaps = await team.world.swaps(SITE)
    await team.clicks("ben", await team.card(SITE, NEW), "Approve")
    await team.is_at(SITE, "swap", seconds=200)
    await team.azure_answers(host="site", slot=SITE, path="^/sitemap.xml", status=500, count=2)
    await team.is_at(SITE, "put_back", seconds=100)
    await team.world.kill_bot()
    await team.world.start_bot()
    failed = await team.reaches(SITE, State.FAILED, seconds=400, after=back)
    assert "swapped back" in (failed.reason or "")
    assert "is as it was before this release: from" in str(failed.facts.put_back)
    assert await team.world.swaps(SITE) == swaps + 2
    assert await team.world.version(SITE) == OLD
    assert _version_of(shared) == "6.50"
    assert await team.page(SITE, "/") == 200
    titles = {str(title) for (title,) in asked(shared.database, "SELECT title FROM posts")}
    assert "Before the sick one" in titles
    await team.writes_a_post(SITE, shared.admin_key, "After the sick one")


async def _titles_in_backup(team: Team, release: Release) -> set[str]:
    assert release.facts.way_back is not None
    picture = team.world.data_folder / "backups" / release.facts.way_back.path
    with closing(sqlite3.connect(picture)) as database:
        return {str(title) for (title,) in database.execute("SELECT title FROM posts")}


def _version_of(shared: SharedBlog) -> str:
    ((version,),) = asked(shared.database, "SELECT currentVersion FROM migrations ORDER BY id DESC LIMIT 1")
    return str(version)


def _databases(shared: SharedBlog) -> set[str]:
    found = asked(shared.database, f"SHOW DATABASES LIKE '{shared.database.database}%'")
    return {str(name) for (name,) in found}


@dataclass
class Authors:
    """What authors who never stop writing were answered."""

    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    otherwise: list[str] = field(default_factory=list)


@asynccontextmanager
async def writing_all_the_time(url: str, key: str) -> AsyncIterator[Authors]:
    told = Authors()

    async def author(number: int) -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            for turn in range(100_000):
                title = f"Author {number}, post {turn}"
                try:
                    answer = await client.post(
                        f"{url}/ghost/api/admin/posts/?source=html",
                        json={"posts": [{"title": title, "html": "<p>words</p>", "status": "draft"}]},
                        headers={"Authorization": f"Ghost {admin_token(key)}"},
                    )
                except httpx.HTTPError as error:
                    told.otherwise.append(type(error).__name__)
                    continue
                if answer.status_code == 201:
                    told.accepted.append(title)
                elif answer.status_code == 503 and "X-Ghostbot-Closed" in answer.headers:
                    told.refused += 1
                else:
                    told.otherwise.append(f"HTTP {answer.status_code}: {answer.text[:200]}")
                await asyncio.sleep(0.5)

    tasks = [asyncio.create_task(author(number)) for number in range(2)]
    try:
        yield told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _nothing(_wwwroot: Path) -> str:
    return ""
