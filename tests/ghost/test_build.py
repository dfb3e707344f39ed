import asyncio
import json
import os
import signal
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.tiny.registry import TinyRegistry
from demo.tiny.versions import (
    OTHER_NODE,
    find,
    ghost_files,
    ghost_manifest,
    migrator_files,
    migrator_manifest,
    tarball,
)
from release.ghost.build import Package, build, check_package
from release.ghost.cache import Cache
from release.ghost.errors import BrokenSource, DamagedPackage, NodeTooOld, UnknownVersion
from release.ghost.npm import Npm, Registry
from release.version import Version

VERSION = "5.130.6"


def silent(_: str) -> None:
    pass


async def built(npm: Npm, version: str = VERSION, progress: Callable[[str], None] = silent) -> Package:
    return await build(Version.parse(version), 24, npm, progress)


def leftovers(npm: Npm) -> list[str]:
    return [path.name for path in (npm.cache.folder / "work").iterdir()]


async def test_a_package_starts_on_app_service_and_holds_what_ghost_ships(warm: Npm) -> None:
    package = await built(warm)

    with zipfile.ZipFile(package.path) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("package.json"))
    assert manifest["scripts"] == {"start": "node app-service.js"}
    assert "devDependencies" not in manifest
    assert {"index.js", "app-service.js", "content/themes/casper/index.hbs"} <= set(names)
    assert "node_modules/knex-migrator/lib/index.js" in names
    assert len(names) == len(set(names))
    assert not any(name.startswith("content/data/") or "/.bin/" in name for name in names)
    assert (Path(package.folder) / "node_modules/.bin/knex-migrator-migrate").exists()
    assert leftovers(warm) == []


async def test_equal_sources_give_equal_packages(npm: Npm, registry: TinyRegistry, tmp_path: Path) -> None:
    other = Npm(Cache(tmp_path / "other"), Registry(registry.url))
    first, second = await asyncio.gather(built(npm), built(other))
    assert first.digest == second.digest


async def test_the_second_time_nobody_is_asked(npm: Npm, registry: TinyRegistry) -> None:
    first = await built(npm)
    await registry.close()
    second = await built(npm)
    assert second.from_cache
    assert not first.from_cache
    assert second.digest == first.digest
    assert second.seconds == 0


async def test_the_cache_outlives_the_installation_that_filled_it(npm: Npm) -> None:
    package = await built(npm)
    marks = [path.read_text() for path in npm.cache.folder.glob("*/*.json")]
    assert marks
    assert not any(package.node_prefix in mark for mark in marks)
    assert (await built(npm)).node_prefix == package.node_prefix


async def test_two_at_once_build_once(npm: Npm, registry: TinyRegistry) -> None:
    first, second = await asyncio.gather(built(npm), built(npm))
    assert first.digest == second.digest
    assert registry.downloads("ghost") == 1


async def test_who_comes_second_is_told_what_is_waited_for(npm: Npm) -> None:
    said: dict[str, list[str]] = {"first": [], "second": []}
    await asyncio.gather(*(built(npm, progress=texts.append) for texts in said.values()))
    waits = f"Ghost {VERSION} is being built already: waiting for that"
    assert sum(waits in texts for texts in said.values()) == 1
    assert sum(f"fetching Ghost {VERSION}" in texts for texts in said.values()) == 1


async def test_a_damaged_package_is_refused_and_then_built_anew(npm: Npm) -> None:
    package = await built(npm)
    path = Path(package.path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    with pytest.raises(DamagedPackage):
        await check_package(package)

    again = await built(npm)
    assert again.digest == package.digest
    await check_package(again)


async def test_a_folder_that_lost_a_file_is_built_anew(npm: Npm) -> None:
    package = await built(npm)
    (Path(package.folder) / "core" / "boot.js").unlink()
    again = await built(npm)
    assert not again.from_cache
    assert (Path(again.folder) / "core" / "boot.js").is_file()


async def test_a_cancelled_build_leaves_nothing_that_is_trusted(npm: Npm) -> None:
    reached = asyncio.Event()

    def note(text: str) -> None:
        if text.startswith("installing"):
            reached.set()

    task = asyncio.create_task(built(npm, progress=note))
    async with asyncio.timeout(20):
        await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert leftovers(npm) == []
    assert not (await built(npm)).from_cache


BUILDER = """
import asyncio, sys
from pathlib import Path
from release.ghost.build import build
from release.ghost.cache import Cache
from release.ghost.npm import Npm, Registry
from release.version import Version

npm = Npm(Cache(Path(sys.argv[1])), Registry(sys.argv[2]))
say = lambda text: print(text, flush=True)
asyncio.run(build(Version.parse(sys.argv[3]), 24, npm, say))
"""


async def test_a_build_killed_in_the_middle_is_swept_by_the_next(npm: Npm, registry: TinyRegistry) -> None:
    words = [sys.executable, "-c", BUILDER, str(npm.cache.folder), registry.url, VERSION]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        async for line in process.stdout:
            if line.startswith(b"installing"):
                break
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert leftovers(npm) != []

    package = await built(npm)

    await check_package(package)
    assert leftovers(npm) == []


async def test_no_script_of_a_package_is_run(npm: Npm, registry: TinyRegistry, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    script = {
        "scripts": {"preinstall": f"touch {trace}", "install": f"touch {trace}", "prepack": f"touch {trace}"}
    }
    manifest = migrator_manifest() | script
    evil = tarball(migrator_files() | {"package.json": json.dumps(manifest).encode()})
    files = ghost_files(find(VERSION)) | {
        "package.json": json.dumps(ghost_manifest(find(VERSION)) | script).encode()
    }
    del files["package-lock.json"]
    registry.publish(manifest, evil)
    registry.publish(ghost_manifest(find(VERSION)) | script, tarball(files))

    await built(npm)

    assert not trace.exists()


async def test_a_ghost_for_another_node_is_refused_with_both_named(npm: Npm) -> None:
    with pytest.raises(NodeTooOld) as failure:
        await built(npm, OTHER_NODE)
    assert "18.12.1" in str(failure.value)
    assert "24" in str(failure.value)


async def test_a_version_that_was_never_published_is_refused(npm: Npm) -> None:
    with pytest.raises(UnknownVersion):
        await built(npm, "5.130.9")


async def test_a_package_that_lies_about_its_version_is_refused(npm: Npm, registry: TinyRegistry) -> None:
    registry.publish(ghost_manifest(find(VERSION)), tarball(ghost_files(find("5.130.0"))))
    with pytest.raises(BrokenSource):
        await built(npm)
    assert leftovers(npm) == []


async def test_packages_nobody_used_for_a_week_make_room(tmp_path: Path) -> None:
    cache, folder = Cache(tmp_path), tmp_path / "packages"
    folder.mkdir()
    ages = {"today": time.time(), "old-1": 1.0, "old-2": 2.0, "old-3": 3.0, "old-4": 4.0}
    for name, used in ages.items():
        (folder / name).write_text("")
        (folder / f"{name}.json").write_text("{}")
        os.utime(folder / f"{name}.json", (used, used))

    await cache.sweep("packages")

    assert sorted(path.stem for path in folder.glob("*.json")) == ["old-2", "old-3", "old-4", "today"]
    assert not (folder / "old-1").exists()
