"""A backup is brought to life on a copy, told apart from a broken one, and nothing of it is left."""

import asyncio
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from demo.blog.prepare import prepare
from demo.tiny.seed import Seeded
from release.ghost.build import Package, build
from release.ghost.cache import Cache, default_cache_folder, file_digest, folder_digest
from release.ghost.npm import Npm, carried_node, registry_of_user
from release.ghost.read_back import NotReadBack, read_back
from release.version import Version
from tests.ghost.test_database import change


async def built(npm: Npm, version: str = "5.100.1") -> Package:
    return await build(Version.parse(version), 24, npm, lambda _: None)


def ghosts_of(work: Path) -> list[psutil.Process]:
    """Processes that work on something below `work`."""
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            if str(work) in "".join(process.environ().values()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "reading-work"
    yield folder
    assert not ghosts_of(folder)
    assert [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "locks"] == []


async def test_a_backup_is_booted_and_read_back(warm: Npm, blog: Seeded, work: Path) -> None:
    backup = Path(blog.database)
    before = file_digest(backup)
    found = await read_back(await built(warm), backup, work, warm)
    assert found.version == "5.100"
    assert found.post == "/post-12/"
    assert found.totals == {"posts": 17, "members": 20}
    assert file_digest(backup) == before
    assert sorted(path.name for path in backup.parent.iterdir()) == ["ghost.db"]


async def test_a_private_blog_without_a_key_and_with_a_theme_of_its_own_is_read_back(
    warm: Npm, blog: Seeded, work: Path
) -> None:
    change(
        Path(blog.database),
        "INSERT INTO settings (id, key, value) VALUES ('private', 'is_private', 'true')",
        "UPDATE settings SET value = 'no-such-theme' WHERE key = 'active_theme'",
        "DELETE FROM api_keys",
    )
    found = await read_back(await built(warm), Path(blog.database), work, warm)
    assert (found.version, found.totals) == ("5.100", {})


async def test_a_backup_of_another_version_is_told(warm: Npm, blog: Seeded, work: Path) -> None:
    change(Path(blog.database), "UPDATE migrations SET currentVersion = '5.130'")
    with pytest.raises(NotReadBack, match=r"Ghost 5.100.1 .* did not boot, it ended with 2"):
        await read_back(await built(warm), Path(blog.database), work, warm)


async def test_a_ghost_that_serves_less_than_the_backup_holds_is_told(
    warm: Npm, blog: Seeded, work: Path, tmp_path: Path
) -> None:
    package = await built(warm)
    forgetful = tmp_path / "forgetful"
    shutil.copytree(package.folder, forgetful, symlinks=True)
    start = forgetful / "core" / "boot.js"
    loses = "database.exec(\"DELETE FROM members WHERE email = 'reader1@example.com'\"); database.close();"
    assert "database.close();" in start.read_text()
    start.write_text(start.read_text().replace("database.close();", loses))
    with pytest.raises(NotReadBack, match="it serves 19 members, and the backup holds 20"):
        await read_back(replace(package, folder=str(forgetful)), Path(blog.database), work, warm)


async def test_a_ghost_that_takes_too_long_is_ended(warm: Npm, blog: Seeded, work: Path) -> None:
    with pytest.raises(NotReadBack, match=r"it took more than 0\.1 seconds"):
        await read_back(await built(warm), Path(blog.database), work, warm, seconds=0.1)


async def test_nothing_reaches_out_of_the_copy(warm: Npm, blog: Seeded, work: Path, tmp_path: Path) -> None:
    backup = Path(blog.database)
    change(
        backup,
        "UPDATE posts SET status = 'scheduled', published_at = '2024-01-01 00:00:00' WHERE slug = 'post-3'",
        "INSERT INTO settings (id, key, value) VALUES ('s', 'stripe_secret_key', 'sk_live_1')",
    )
    package = await built(warm)
    seen = tmp_path / "seen.db"
    reading = asyncio.create_task(read_back(package, backup, work, warm))
    while not reading.done():
        for copy in work.glob("work/*/content/data/ghost.db"):
            if ghosts_of(work):
                shutil.copyfile(copy, seen)
        await asyncio.sleep(0.02)
    await reading
    with closing(sqlite3.connect(seen)) as database:
        statuses = database.execute("SELECT status FROM posts WHERE slug = 'post-3'").fetchall()
        keys = database.execute("SELECT value FROM settings WHERE key LIKE 'stripe%'").fetchall()
    assert statuses == [("draft",)]
    assert keys == [(None,)]


CUT_OFF = """
import asyncio, sys
from pathlib import Path
from release.ghost.running import running
async def main(wwwroot, node, log):
    environment = {"PATH": "/usr/bin:/bin"}
    async with running(Path(wwwroot), Path(node), environment, Path(log)) as url:
        print(url, flush=True)
        await asyncio.sleep(60)
asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_ghost_ends_with_the_one_who_started_it(blog: Seeded, tmp_path: Path) -> None:
    words = (blog.wwwroot, str(carried_node().node), str(tmp_path / "log"))
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CUT_OFF, *words, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    assert await starter.stdout.readline()
    (ghost,) = psutil.Process(starter.pid).children()
    starter.kill()
    await starter.wait()
    deadline = time.monotonic() + 10
    while ghost.is_running() and ghost.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it outlived the one who started it"
        await asyncio.sleep(0.05)


@pytest.mark.ghost
@pytest.mark.timeout(1500)
async def test_a_backup_of_a_real_ghost_is_read_back(work: Path) -> None:
    npm = Npm(Cache(default_cache_folder()), await registry_of_user(os.environ))
    blog = await prepare(Version.parse("6.50.0"), 22, npm, lambda _: None)
    backup = Path(blog.content) / "data" / "ghost.db"
    code = folder_digest(Path(blog.package.folder))
    found = await read_back(blog.package, backup, work, npm)
    assert found.version == "6.50"
    assert found.post is not None
    assert found.totals["members"] == 40
    assert folder_digest(Path(blog.package.folder)) == code, "the cache is not written to"
