"""Packages for another kind of machine, and the lock file by which a server installs what was tested here."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from demo.tiny.registry import TinyRegistry
from release.ghost.archive import unpack_zip
from release.ghost.build import START_FILE, build
from release.ghost.driver import NoPrebuiltDriver, place_prebuilt_driver
from release.ghost.lock import lock_of
from release.ghost.node import Node, node_for
from release.ghost.npm import Npm
from release.ghost.packing import WithoutModules
from release.ghost.platforms import WINDOWS
from release.ghost.recipe import Recipe
from release.version import Version

NEW = Version.parse("6.4.0")
# prebuild-install, as far as the bot calls it.
DOWNLOADER = """
const fs = require('node:fs');
if (%s) { console.error('getaddrinfo ENOTFOUND github.com'); process.exit(1); }
fs.mkdirSync('build/Release', {recursive: true});
fs.writeFileSync('build/Release/better_sqlite3.node', process.argv.slice(2).join(' '));
"""


def has(folder: Path, name: str, **manifest: Any) -> Path:
    """A package in a node_modules folder."""
    package = folder / "node_modules" / name
    package.mkdir(parents=True, exist_ok=True)
    (package / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0", **manifest}))
    return package


@pytest.fixture
async def node(npm: Npm) -> Node:
    return await node_for(npm, "*", 24)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with a driver whose prebuilt binary has to be downloaded."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"dependencies": {"better-sqlite3": "1.0.0"}}))
    has(folder, "better-sqlite3", scripts={"install": "prebuild-install || node-gyp rebuild --release"})
    (has(folder, "prebuild-install") / "bin.js").write_text(DOWNLOADER % "false")
    return folder


async def test_the_drivers_binary_for_windows_is_its_makers_own(site: Path, node: Node, npm: Npm) -> None:
    for _ in range(2):
        assert await place_prebuilt_driver(site, node, npm, WINDOWS) == "better-sqlite3"
    binary = site / "node_modules" / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node"
    assert binary.read_text() == f"--platform=win32 --arch=x64 --target={node.version}"


async def test_a_driver_that_cannot_be_had_for_windows_is_refused_with_what_to_do(
    site: Path, node: Node, npm: Npm
) -> None:
    (site / "node_modules" / "prebuild-install" / "bin.js").write_text(DOWNLOADER % "true")
    with pytest.raises(NoPrebuiltDriver, match=r"win32-x64: getaddrinfo ENOTFOUND") as refused:
        await place_prebuilt_driver(site, node, npm, WINDOWS)
    assert "built on the server" in refused.value.advice
    (site / "node_modules" / "prebuild-install" / "bin.js").write_text(DOWNLOADER % "false")
    assert await place_prebuilt_driver(site, node, npm, WINDOWS) == "better-sqlite3"


async def test_a_package_for_windows_is_another_than_the_one_that_migrates(
    registry: TinyRegistry, npm: Npm
) -> None:
    here = await build(NEW, 24, npm, lambda _: None)
    there = await build(NEW, 24, npm, lambda _: None, Recipe(platform=WINDOWS))
    assert (there.folder, there.platform) == (here.folder, "win32-x64")
    assert there.digest != here.digest
    assert not (Path(here.folder) / "web.config").exists()
    config = WINDOWS.files(START_FILE)["web.config"]
    assert f'path="{START_FILE}" verb="*" modules="iisnode"' in config
    again = await build(NEW, 24, npm, lambda _: None, Recipe(platform=WINDOWS))
    assert (again.from_cache, again.digest) == (True, there.digest)


def test_a_lock_file_names_what_is_there(tmp_path: Path) -> None:
    site = tmp_path
    wants = {"inner": "^1.0.0", "ours": "file:components/ours.tgz"}
    (site / "package.json").write_text(
        json.dumps({"name": "ghost", "version": "1.2.3", "dependencies": wants})
    )
    inner = has(site, "inner", bin={"inner": "bin.js"}, dependencies={"@scoped/deep": "2"})
    has(inner, "@scoped/deep", version="2.0.1", scripts={"install": "node-gyp rebuild"})
    has(site, "ours")
    has(site, "@scoped/native-linux-x64", os=["linux"], cpu=["x64"])
    has(site, "@scoped/native", optionalDependencies={"@scoped/native-win32-x64": "3.0.0", "other": "^1"})
    (site / "node_modules" / ".bin").mkdir()
    lock = json.loads(lock_of(site))
    packages = lock["packages"]
    assert lock["lockfileVersion"] == 3
    assert packages[""]["dependencies"] == wants
    assert packages["node_modules/inner/node_modules/@scoped/deep"] == {
        "version": "2.0.1",
        "hasInstallScript": True,
    }
    assert packages["node_modules/ours"]["resolved"] == "file:components/ours.tgz"
    assert packages["node_modules/@scoped/native-linux-x64"]["optional"]
    assert "node_modules/@scoped/native-win32-x64" not in packages
    windows = json.loads(lock_of(site, WINDOWS))["packages"]
    assert windows["node_modules/@scoped/native-win32-x64"] == {
        "version": "3.0.0",
        "optional": True,
        "os": ["win32"],
        "cpu": ["x64"],
    }


async def test_what_is_native_goes_along_and_is_put_in_its_place_at_the_first_start(
    site: Path, node: Node, npm: Npm, tmp_path: Path
) -> None:
    """The server runs no install script then: some fetch from where a server cannot go, and none was run here."""
    driver = site / "node_modules" / "better-sqlite3"
    (driver / "build" / "Release").mkdir(parents=True)
    (driver / "build" / "Release" / "better_sqlite3.node").write_bytes(b"tried here")
    (site / START_FILE).write_text("console.log('started');\n")
    await WithoutModules().pack(site, tmp_path / "sources.zip", npm, None, START_FILE)
    server = tmp_path / "server"
    await unpack_zip(tmp_path / "sources.zip", server)
    assert not (server / "node_modules").exists()
    assert "ignore-scripts=true" in (server / ".npmrc").read_text().splitlines()
    placed = server / "node_modules" / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node"
    for already in (b"", b"of the server"):
        if already:
            placed.write_bytes(already)
        process = await asyncio.create_subprocess_exec(
            node.program, START_FILE, cwd=server, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert said == b"started\n"
        assert placed.read_bytes() == (already or b"tried here")
    await WithoutModules().pack(site, tmp_path / "windows.zip", npm, WINDOWS, START_FILE)
    await unpack_zip(tmp_path / "windows.zip", tmp_path / "windows")
    assert not (tmp_path / "windows" / "native").exists()
    assert "ignore-scripts" not in (tmp_path / "windows" / ".npmrc").read_text()
