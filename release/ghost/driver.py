"""The SQLite driver of a Ghost: the one native part that is not in its npm package.

Its prebuilt binary is tried first; where that cannot be had, it is built once and kept by driver,
version, Node's ABI (or N-API) and platform.
"""

import asyncio
import json
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from release.errors import ReleaseError
from release.ghost.cache import Mark, host_platform
from release.ghost.errors import CommandFailed, CommandTooSlow
from release.ghost.node import Node
from release.ghost.npm import Npm
from release.ghost.platforms import Platform
from release.ghost.process import Command, ask, run

DRIVERS = ("better-sqlite3", "sqlite3", "@vscode/sqlite3")
DOWNLOAD_SECONDS = 60
BUILD_SECONDS = 1200
# What each driver must be able to do before it is trusted; run inside the site's folder.
TRIAL = {
    "better-sqlite3": "new (require('better-sqlite3'))(':memory:').prepare('select 1').get()",
    "sqlite3": "new (require('sqlite3').Database)(':memory:', e => { if (e) throw e })",
    "@vscode/sqlite3": "new (require('@vscode/sqlite3').Database)(':memory:', e => { if (e) throw e })",
}


class DriverUnbuildable(ReleaseError):
    problem = "The SQLite driver {0} is not to be had prebuilt, and building it failed."
    remedy = "A build needs make and a C++ compiler on the bot's host. Its log is {1}. The last lines:\n{2}"


class NoPrebuiltDriver(ReleaseError):
    problem = "The SQLite driver {0} {1} cannot be had prebuilt for {2}: {3}."
    remedy = (
        "It cannot be built on the bot's machine, which is of another kind. Let the bot reach github.com, where the "
        'driver\'s makers keep it, or set package = "built on the server" for this site in ghostbot.toml.'
    )


@dataclass(frozen=True)
class Driver:
    """A driver as a site's node_modules holds it."""

    name: str
    version: str
    folder: Path
    install_script: str
    is_napi: bool

    def key(self, node: Node) -> str:
        bound_to = "napi" if self.is_napi else f"abi{node.abi}"
        return f"{self.name.replace('/', '+')}-{self.version}-{bound_to}-{host_platform()}"


def driver_of(site: Path) -> Driver | None:
    """The driver that this Ghost depends on; None for a site that needs none."""
    package = json.loads((site / "package.json").read_text())
    asked = {**package.get("dependencies", {}), **package.get("optionalDependencies", {})}
    for name in DRIVERS:
        folder = site / "node_modules" / name
        if name in asked and (folder / "package.json").is_file():
            told = json.loads((folder / "package.json").read_text())
            return Driver(
                name=name,
                version=told["version"],
                folder=folder,
                install_script=told.get("scripts", {}).get("install", ""),
                is_napi="napi_versions" in told.get("binary", {}),
            )
    return None


async def place_driver(site: Path, node: Node, npm: Npm, progress: Callable[[str], None]) -> str | None:
    """The site's driver has its binary and works under this Node; its name, or None if the site needs none."""
    driver = await asyncio.to_thread(driver_of, site)
    if driver is None:
        return None

    async def fill(folder: Path) -> Mark:
        return await _make(driver, site, node, npm, folder, progress)

    kept = await npm.cache.folder_of("drivers", driver.key(node), fill)
    await asyncio.to_thread(shutil.copytree, kept.path, driver.folder, dirs_exist_ok=True)
    await _try(driver, site, node, npm)
    return driver.name


async def place_prebuilt_driver(site: Path, node: Node, npm: Npm, platform: Platform) -> str | None:
    """The site's driver has its prebuilt binary for another kind of machine; NoPrebuiltDriver if it cannot be had.

    It cannot be built here, and it cannot be tried here either.
    """
    driver = await asyncio.to_thread(driver_of, site)
    if driver is None:
        return None

    async def fill(folder: Path) -> Mark:
        async with npm.cache.workplace(f"prebuilt-{driver.name.replace('/', '+')}") as work:
            copy = work / "node_modules" / driver.name
            await asyncio.to_thread(shutil.copytree, driver.folder, copy, symlinks=True)
            await _download(driver, site, node, npm, copy, platform)
            await asyncio.to_thread(_collect, copy, folder)
        return {"origin": "prebuilt"}

    name = driver.key(node).removesuffix(host_platform()) + platform.name
    kept = await npm.cache.folder_of("drivers", name, fill)
    await asyncio.to_thread(shutil.copytree, kept.path, driver.folder, dirs_exist_ok=True)
    return driver.name


async def _download(driver: Driver, site: Path, node: Node, npm: Npm, copy: Path, platform: Platform) -> None:
    words = shlex.split(driver.install_script.partition("||")[0])
    if not words or words[0] != "prebuild-install":
        raise NoPrebuiltDriver(driver.name, driver.version, platform.name, "it names none")
    program = site / "node_modules" / "prebuild-install" / "bin.js"
    chosen = [f"--platform={platform.system}", f"--arch={platform.processor}"]
    if not driver.is_napi:
        chosen.append(f"--target={node.version}")
    command = Command(
        title=f"downloading {driver.name} for {platform.name}",
        words=[node.program, program, *words[1:], *chosen],
        folder=copy,
        environment=npm.environment(node.programs),
        log=npm.cache.log("prebuilt-driver"),
        seconds=DOWNLOAD_SECONDS,
    )
    try:
        await run(command)
    except CommandFailed as error:
        why = error.detail.splitlines()[-1] if error.detail else "without a word"
        raise NoPrebuiltDriver(driver.name, driver.version, platform.name, why) from error
    except CommandTooSlow as error:
        why = f"no answer within {DOWNLOAD_SECONDS} seconds"
        raise NoPrebuiltDriver(driver.name, driver.version, platform.name, why) from error


async def _make(
    driver: Driver, site: Path, node: Node, npm: Npm, folder: Path, progress: Callable[[str], None]
) -> Mark:
    """`folder` holds the driver's binaries where the driver looks for them; prebuilt, else built here."""
    async with npm.cache.workplace(f"building-{driver.key(node)}") as work:
        copy = work / "node_modules" / driver.name
        await asyncio.to_thread(shutil.copytree, driver.folder, copy, symlinks=True)
        origin = "prebuilt"
        if not await _prebuilt(driver, site, node, npm, copy):
            origin = "built here"
            progress(f"building {driver.name} {driver.version} for Node {node.version}: minutes, this once")
            await _build(driver, site, node, npm, copy)
        await asyncio.to_thread(_collect, copy, folder)
    return {"origin": origin}


async def _prebuilt(driver: Driver, site: Path, node: Node, npm: Npm, copy: Path) -> bool:
    """Whether the driver's own download of a prebuilt binary worked, and what it brought can be loaded."""
    download, _, _ = driver.install_script.partition("||")
    words = shlex.split(download)
    if not words or words[0] != "prebuild-install":
        return False
    program = site / "node_modules" / "prebuild-install" / "bin.js"
    log = npm.cache.log("prebuilt-driver")
    try:
        await run(
            Command(
                title=f"downloading the prebuilt {driver.name}",
                words=[node.program, program, *words[1:]],
                folder=copy,
                environment=npm.environment(node.programs),
                log=log,
                seconds=DOWNLOAD_SECONDS,
            )
        )
        await _try(driver, copy.parents[len(Path(driver.name).parts)], node, npm, site)
    except (CommandFailed, CommandTooSlow):
        return False
    return True


async def _build(driver: Driver, site: Path, node: Node, npm: Npm, copy: Path) -> None:
    options = ["--release", "--jobs=2", f"--nodedir={node.prefix}", f"--python={sys.executable}"]
    # An old driver's own build calls `python`.
    environment = npm.environment(node.programs, Path(sys.executable).parent)
    environment |= {"NODE_PATH": str(site / "node_modules")}
    pre_gyp = site / "node_modules" / "@mapbox" / "node-pre-gyp" / "bin" / "node-pre-gyp"
    if "node-pre-gyp" in driver.install_script and await asyncio.to_thread(pre_gyp.is_file):
        words: list[str | Path] = [node.program, pre_gyp, "rebuild", "--build-from-source", *options]
    else:
        node_gyp = npm.carried.npm / "node_modules" / "node-gyp" / "bin" / "node-gyp.js"
        if not await asyncio.to_thread(node_gyp.is_file):
            raise DriverUnbuildable(driver.name, "nowhere", "npm came without node-gyp")
        if "node-pre-gyp" in driver.install_script:
            options += await _placed(driver, node, npm, copy, environment)
        # By the Node that it came with: an old one cannot run it, and builds are for the Node in `nodedir`.
        words = [npm.carried.node, node_gyp, "rebuild", *options]
    try:
        await run(
            Command(
                title=f"building {driver.name} {driver.version}",
                words=words,
                folder=copy,
                environment=environment,
                log=npm.cache.log("building-driver"),
                seconds=BUILD_SECONDS,
            )
        )
    except CommandFailed as error:
        raise DriverUnbuildable(driver.name, error.args[2], error.detail) from error


async def _placed(
    driver: Driver, node: Node, npm: Npm, copy: Path, environment: Mapping[str, str]
) -> list[str]:
    """What node-pre-gyp of before 1.0 would tell node-gyp; it cannot be run itself, its node-gyp wants Python 2."""
    told = await ask(
        Command(
            title=f"asking where {driver.name} looks for its binary",
            words=[
                node.program,
                "-p",
                "require('node-pre-gyp').find(require('path').resolve('package.json'))",
            ],
            folder=copy,
            environment=environment,
            log=npm.cache.log("place-of-driver"),
            seconds=30,
        )
    )
    binary = Path(told.decode().strip())
    return [f"--module_name={binary.stem}", f"--module_path={binary.parent}"]


async def _try(driver: Driver, site: Path, node: Node, npm: Npm, also: Path | None = None) -> None:
    """The driver opens a database under this Node; else CommandFailed. `also` has the driver's dependencies."""
    environment = npm.environment(node.programs)
    if also is not None:
        environment["NODE_PATH"] = str(also / "node_modules")
    log = npm.cache.log("trying-driver")
    await run(
        Command(
            title=f"loading the SQLite driver {driver.name}",
            words=[node.program, "-e", TRIAL[driver.name]],
            folder=site,
            environment=environment,
            log=log,
            seconds=30,
        )
    )
    log.unlink(missing_ok=True)


def _collect(copy: Path, folder: Path) -> None:
    """The binaries alone, at the same places, without what the compiler left around them."""
    for binary in copy.rglob("*.node"):
        inside = binary.relative_to(copy)
        if "obj.target" in inside.parts or binary.name == "test_extension.node":
            continue
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(binary, folder / inside)
