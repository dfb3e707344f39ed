import asyncio
import json
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from demo.tiny.seed import Seeded
from demo.webjob import NAME, SOURCE
from release.ghost.database import inspect
from release.ghost.npm import carried_node


async def run_job(wwwroot: Path, node: Path | None = None, **environment: str) -> tuple[int | None, str]:
    """The job's exit code and output; it runs under the carried Node unless told otherwise."""
    script = wwwroot / "App_Data" / "jobs" / "triggered" / NAME / "run.js"
    return await run_script(script, node, HOME=str(wwwroot.parents[1]), **environment)


async def run_script(script: Path, node: Path | None = None, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        str(node or carried_node().node),
        str(script),
        cwd=script.parent,
        env={"PATH": "/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_job_leaves_a_whole_copy_beside_the_database(blog: Seeded) -> None:
    code, output = await run_job(Path(blog.wwwroot))
    assert code == 0, output
    backup = Path(blog.database).with_name("backup.db")
    live, copied = await inspect(Path(blog.database)), await inspect(backup)
    assert copied.digests == live.digests
    assert sorted(path.name for path in backup.parent.iterdir()) == ["backup.db", "ghost.db"]


async def test_copies_made_while_people_write_are_all_sound(blog: Seeded) -> None:
    done = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(blog.database, timeout=10)) as database:
            number = 0
            while not done.is_set():
                number += 1
                # A busy blog, not a writer that never lets a reader in.
                done.wait(0.005)
                with database:
                    database.execute(
                        "INSERT INTO comments VALUES (?, 'p', 'm', ?, 'published')",
                        (f"c{number}", "x" * 2000),
                    )

    writers = asyncio.create_task(asyncio.to_thread(write))
    try:
        seen = []
        for _ in range(3):
            code, output = await run_job(Path(blog.wwwroot))
            assert code == 0, output
            seen.append((await inspect(Path(blog.database).with_name("backup.db"))).rows["comments"])
    finally:
        done.set()
        await writers
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


async def test_the_job_follows_the_sites_own_setting(blog: Seeded, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "blog.db"
    elsewhere.parent.mkdir()
    Path(blog.database).rename(elsewhere)
    code, output = await run_job(Path(blog.wwwroot), database__connection__filename=str(elsewhere))
    assert code == 0, output
    assert (await inspect(elsewhere.with_name("backup.db"))).version == "5.100"


async def test_a_failed_job_says_so_and_keeps_the_former_backup(blog: Seeded) -> None:
    await run_job(Path(blog.wwwroot))
    backup = Path(blog.database).with_name("backup.db")
    former = backup.read_bytes()
    Path(blog.database).write_text(json.dumps("no database") * 100)
    code, output = await run_job(Path(blog.wwwroot))
    assert code == 1
    assert "The backup failed" in output
    assert backup.read_bytes() == former


async def test_a_site_without_a_database_is_told(blog: Seeded) -> None:
    Path(blog.database).unlink()
    code, output = await run_job(Path(blog.wwwroot))
    assert code == 1
    assert "there is no database at" in output


async def test_the_job_works_as_a_command_that_does_not_see_the_site(blog: Seeded, tmp_path: Path) -> None:
    alone = tmp_path / "backup"
    alone.mkdir()
    shutil.copy(SOURCE / "run.js", alone)
    code, output = await run_script(alone / "run.js", database__connection__filename=str(blog.database))
    assert code == 0, output
    assert (await inspect(Path(blog.database).with_name("backup.db"))).version == "5.100"
    assert (await run_script(alone / "run.js"))[0] == 1
