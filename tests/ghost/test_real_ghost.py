"""Real Ghost from npm: a blog on 6.50, the build of 6.65, the migration of its database, and a boot on it.

Minutes the first time (one native driver is compiled where no prebuilt one can be had), half a minute later.
"""

import os
import shutil
import zipfile
from pathlib import Path

import httpx
import pytest

from demo.blog.prepare import lay_out, prepare
from release.ghost.admin_api import admin_token
from release.ghost.build import build
from release.ghost.cache import Cache, default_cache_folder
from release.ghost.database import inspect
from release.ghost.migrate import migrate_copy
from release.ghost.npm import Npm, registry_of_user
from release.ghost.running import running
from release.version import Version
from tests.ghost.test_webjob import run_job

OLD, NEW, NODE = Version.parse("6.50.0"), Version.parse("6.65.0"), 22


@pytest.mark.ghost
@pytest.mark.timeout(1500)
async def test_a_real_blog_is_upgraded_across_fifteen_minors_and_loses_nothing(tmp_path: Path) -> None:
    npm = Npm(Cache(default_cache_folder()), await registry_of_user(os.environ))
    blog = await prepare(OLD, NODE, npm, lambda _: None)
    wwwroot = tmp_path / "wwwroot"
    await lay_out(blog, wwwroot)
    package = await build(NEW, NODE, npm, lambda _: None)

    node = Path(package.node_prefix) / "bin" / "node"

    code, output = await run_job(wwwroot, node)
    assert code == 0, output
    assert "copied with better-sqlite3" in output
    backup = wwwroot / "content" / "data" / "backup.db"
    migrated = await migrate_copy(package, backup, tmp_path / "work", npm)

    rows = migrated.report.rows
    assert (migrated.before.version, migrated.after.version) == ("6.50", "6.65")
    assert rows["posts"][0] == rows["posts"][1] >= 30
    assert rows["members"] == (40, 40)
    assert migrated.report.posts_unchanged
    assert (await inspect(backup)).digest == migrated.before.digest
    assert (await inspect(backup.with_name("ghost.db"))).digests == migrated.before.digests

    newer = tmp_path / "newer"
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(newer)
    shutil.copytree(blog.content, newer / "content", dirs_exist_ok=True)
    Path(migrated.path).replace(newer / "content" / "data" / "ghost.db")
    headers = {"Authorization": f"Ghost {admin_token(blog.admin_key)}"}
    async with (
        running(newer, node, npm.surroundings(node.parent), tmp_path / "log") as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client,
    ):
        front = (await client.get("/")).text
        exact = (await client.get("/ghost/api/admin/config/")).json()["config"]["version"]
        posts = (await client.get("/ghost/api/admin/posts/?limit=1")).json()["meta"]["pagination"]["total"]
        members = (await client.get("/ghost/api/admin/members/?limit=1")).json()["meta"]["pagination"][
            "total"
        ]
    assert '<meta name="generator" content="Ghost 6.65">' in front
    assert (exact, members) == ("6.65.0", 40)
    assert posts == 27 + 1
