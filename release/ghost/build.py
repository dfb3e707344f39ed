"""A Ghost from npm, built away from the server: with its own lock file, without scripts, without our secrets."""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release.ghost.cache import Kept, Mark, file_digest, host_platform
from release.ghost.driver import place_driver, place_prebuilt_driver
from release.ghost.errors import (
    BrokenSource,
    DamagedPackage,
    NodeTooOld,
    OnlyBuiltThere,
    ToolUnavailable,
)
from release.ghost.node import Node, accepts_major, node_for
from release.ghost.npm import NotPublished, Npm
from release.ghost.packing import write_missing
from release.ghost.platforms import Platform
from release.ghost.process import Command, run
from release.ghost.recipe import USUAL, Recipe
from release.ghost.releases import Releases
from release.ghost.sources import NPM, Source
from release.ghost.yarn import install_what_there_is, yarn_words
from release.model import Stop
from release.version import Version

INSTALL_SECONDS = 1200
# Raise it when what a build makes of a version changes, so that no package of an earlier bot is deployed.
RECIPE = 2
# Lock files before pnpm 11 are Ghost 6.34 and older, which ship a yarn.lock instead; 11 is the first that wants one.
USUAL_PNPM = "11"
YARN = "1"
NOT_CARRIED = (
    "{0} is locked by this Ghost, and your npm registry does not have it: another one that fits was taken"
)

# App Service names the port in PORT and runs package.json's start script; Ghost reads server__port, and
# without a configuration of its own looks for MySQL. Whatever the slot's settings say wins.
START_FILE = "app-service.js"
START = """\
// Written by ghostbot. App Service names the port in PORT, Ghost wants it as server__port.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const given = process.env;
given.NODE_ENV = given.NODE_ENV || 'production';
given.server__port = given.server__port || given.PORT || '2368';
given.server__host = given.server__host || '0.0.0.0';
if (!given.database__client && !fs.existsSync(path.join(__dirname, 'config.production.json'))) {
    given.database__client = 'sqlite3';
    given.database__useNullAsDefault = 'true';
    given.database__connection__filename = given.database__connection__filename
        || path.join(__dirname, 'content', 'data', 'ghost.db');
}
require('./write-guard.js').start(() => require('./index.js'));
"""
# Loaded before Ghost: it can refuse writes for the seconds of a swap, keeps a muted slot from publishing, and lets no
# version start on a database that is another one's.
GUARD_FILE = "write-guard.js"
GUARD_SOURCE = Path(__file__).with_name("write_guard.js")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Package:
    """What is deployed. `path` is the zip, `folder` the same unpacked (with node_modules/.bin, for the migrator).

    `node` is the Node it was built for, `program` that Node on this machine; `digest` is sha256 of the
    zip, `size` its bytes, `seconds` what this call took to build it (0 from the cache).
    """

    version: str
    node: str
    node_prefix: str
    platform: str
    path: str
    folder: str
    digest: str
    size: int
    seconds: float
    from_cache: bool
    driver: str | None
    warnings: tuple[str, ...] = ()
    migrate: tuple[str, ...] = ()


async def package_key(version: Version, node_major: int, source: Source = NPM) -> str:
    """What the built site is called in the cache: equal where the same would be built."""
    ours = await asyncio.to_thread(start_files, source.entry)
    return f"{source.name}-{version}-node{node_major}-{host_platform()}-r{RECIPE}-{_digest_of(ours)}"


async def build(
    version: Version, node_major: int, npm: Npm, progress: Progress, recipe: Recipe = USUAL
) -> Package:
    """The package of this Ghost for a slot with this major of Node, on this machine's platform.

    From the cache when it is there whole: its digest and the unpacked folder are checked each time, and
    what does not hold is built again. UnknownVersion, NodeTooOld, RegistryUnreachable and CommandFailed
    leave nothing behind that a later call would trust.
    """
    source, packing = recipe.source, recipe.packing
    key = await package_key(version, node_major, source)

    async def fill_site(folder: Path) -> Mark:
        return await _build_site(version, node_major, npm, folder, progress, source)

    def waits() -> None:
        progress(f"Ghost {version} is being built already: waiting for that")

    site = await npm.cache.folder_of("sites", key, fill_site, waits)
    node = await _node_of_built(site, npm)
    packed, key = site, key if packing.whole else f"{key}-{packing.name}"
    platform = recipe.platform
    if platform is not None:
        key = f"{key}-{platform.name}"
        if packing.whole:
            packed = await _site_for(platform, key, version, node_major, npm, progress, source)

    async def fill_package(archive: Path) -> Mark:
        progress(f"packing Ghost {version}")
        files = await packing.pack(packed.path, archive, npm, platform, START_FILE)
        return {"files": files, "site": packed.mark["content"]}

    name = f"{key}.zip"
    package = await npm.cache.file_of("packages", name, fill_package)
    if package.mark["site"] != packed.mark["content"]:
        # The site was built again since: a package of the former one would not be what gets migrated.
        await npm.cache.forget("packages", name)
        package = await npm.cache.file_of("packages", name, fill_package)
    for kind in ("sites", "packages"):
        await npm.cache.sweep(kind)
    await npm.cache.sweep_logs()
    made = [kept for kept in (site, package) if not kept.from_cache]
    return Package(
        version=str(version),
        node=node.version,
        node_prefix=node.prefix,
        platform=platform.name if platform and packing.whole else host_platform(),
        path=str(package.path),
        folder=str(site.path),
        digest=str(package.mark["digest"]),
        size=int(package.mark["size"]),
        seconds=round(sum(float(kept.mark["seconds"]) for kept in made), 1),
        from_cache=not made,
        driver=str(site.mark["driver"]) or None,
        warnings=tuple(filter(None, str(site.mark["warnings"]).split("\n"))),
        migrate=source.migrate,
    )


async def _site_for(
    platform: Platform,
    key: str,
    version: Version,
    node_major: int,
    npm: Npm,
    progress: Progress,
    source: Source,
) -> Kept:
    """The site as it is deployed to another kind of machine; what runs here, to migrate, is another build."""

    async def fill(folder: Path) -> Mark:
        return await _build_site(version, node_major, npm, folder, progress, source, platform)

    return await npm.cache.folder_of("sites", key, fill)


@dataclass(frozen=True)
class StopBuilt:
    """A Ghost whose migrations a database goes through on its way: unpacked on this machine, with driver and Node."""

    version: str
    node_prefix: str
    folder: str
    driver: str | None
    seconds: float
    migrate: tuple[str, ...] = ()


async def build_stop(stop: Stop, npm: Npm, progress: Progress) -> StopBuilt:
    """This Ghost is here for its migrator alone: on any Node that it accepts, as npm has it, and never packed.

    From the cache when it is there whole. Raises as `build` does, and NodeUnavailable.
    """
    version = Version.parse(stop.version)
    node_major = int((await node_for(npm, stop.node)).version.partition(".")[0])

    async def fill(folder: Path) -> Mark:
        _, mark = await _build_ghost(version, node_major, npm, folder, progress, NPM)
        return mark

    # Nothing of the bot's is in it: unlike a package it outlives an update of the bot.
    key = f"ghost-{version}-node{node_major}-{host_platform()}-r{RECIPE}"
    site = await npm.cache.folder_of("stops", key, fill)
    await npm.cache.sweep("stops")
    return StopBuilt(
        version=str(version),
        node_prefix=(await _node_of_built(site, npm)).prefix,
        folder=str(site.path),
        driver=str(site.mark["driver"]) or None,
        seconds=0.0 if site.from_cache else float(site.mark["seconds"]),
    )


async def check_package(package: Package) -> None:
    """The zip is still the one that was built; else DamagedPackage. For every use after the build."""
    path = Path(package.path)
    if not await asyncio.to_thread(path.is_file):
        raise DamagedPackage(path.name, "it is gone")
    if await asyncio.to_thread(file_digest, path) != package.digest:
        raise DamagedPackage(path.name, "its digest is not the one it was built with")


async def _build_site(
    version: Version,
    node_major: int,
    npm: Npm,
    folder: Path,
    progress: Progress,
    source: Source,
    platform: Platform | None = None,
) -> Mark:
    """This Ghost with what the bot adds to it, ready to be packed."""
    package, mark = await _build_ghost(version, node_major, npm, folder, progress, source, platform)
    await asyncio.to_thread(_finish_package, package, folder, source.entry)
    if platform is not None:
        await asyncio.to_thread(write_missing, platform.files(START_FILE), folder)
    return mark


async def _build_ghost(
    version: Version,
    node_major: int,
    npm: Npm,
    folder: Path,
    progress: Progress,
    source: Source,
    platform: Platform | None = None,
) -> tuple[dict[str, Any], Mark]:
    """This Ghost with its packages and its driver is in `folder`. Returns its package.json too, as it came."""
    progress(f"fetching Ghost {version}")
    await source.fetch(version, npm, Releases(npm), folder)
    package = await asyncio.to_thread(read_package, folder, version, source.entry)
    node = await node_of(package, npm, node_major)
    progress(f"installing what Ghost {version} needs")
    told = await _install(package, folder, node, npm, platform)
    if platform is None:
        driver = await place_driver(folder, node, npm, progress)
    else:
        driver = await place_prebuilt_driver(folder, node, npm, platform)
    await asyncio.to_thread(prune, folder)
    return package, {
        "node": node.version,
        "driver": driver or "",
        "warnings": "\n".join((*told, *await asyncio.to_thread(_warnings, folder))),
    }


async def _node_of_built(site: Kept, npm: Npm) -> Node:
    """A Node for what is built, wherever one is now: the cache outlives the installation that filled it."""
    return await node_for(npm, f"^{site.mark['node']}")


async def node_of(package: dict[str, Any], npm: Npm, node_major: int) -> Node:
    """The Node of this major that a package.json asks for. NodeTooOld if it runs on none; NodeUnavailable."""
    wanted = wanted_node(package)
    if not accepts_major(wanted, node_major):
        raise NodeTooOld(str(package.get("version")), wanted, str(node_major))
    return await node_for(npm, wanted, node_major)


def wanted_node(package: dict[str, Any]) -> str:
    """The range of Node's versions that a package.json asks for."""
    return str(package.get("engines", {}).get("node", "*"))


async def _install(
    package: dict[str, Any], folder: Path, node: Node, npm: Npm, platform: Platform | None = None
) -> tuple[str, ...]:
    """Production's node_modules, by the package manager and lock file that this version ships, scripts not run.

    Returns what people should know of it.
    """
    environment = npm.environment(node.programs)
    registry = ["--registry", npm.registry.url] if npm.registry.url else []
    elsewhere = [f"--os={platform.system}", f"--cpu={platform.processor}"] if platform else []
    words: list[str | Path]
    if (folder / "pnpm-lock.yaml").is_file():
        pnpm = await _tool(npm, "pnpm", wanted_pnpm(package))
        # The lock file lists devDependencies too, so here they stay in package.json until the end.
        _write_package(_without(package, "scripts", "packageManager", "devEngines"), folder)
        words = [
            # Not .bin/pnpm: from 12 on that is a script without an interpreter, for a shell to find out.
            node.program,
            pnpm / "pnpm" / "bin" / "pnpm.mjs",
            "install",
            "--prod",
            "--frozen-lockfile",
            "--ignore-scripts",
            "--config.node-linker=hoisted",
            "--config.manage-package-manager-versions=false",
            *([f"--config.cafile={npm.registry.cafile}"] if npm.registry.cafile else []),
            "--store-dir",
            str(npm.cache.place("pnpm-store")),
            *elsewhere,
            *registry,
        ]
    elif (folder / "yarn.lock").is_file():
        if platform is not None:
            raise OnlyBuiltThere(str(package["version"]), platform.name)
        yarn = await _tool(npm, "yarn", YARN)
        _write_package(
            _without(package, "devDependencies", "scripts", "packageManager", "devEngines"), folder
        )
        words = yarn_words(node.program, yarn, npm.cache.place("yarn-cache"), registry)
        missing = await install_what_there_is(_installing(package, words, folder, environment, npm))
        return tuple(NOT_CARRIED.format(name) for name in missing)
    else:
        locked = (folder / "package-lock.json").is_file()
        _write_package(
            _without(package, "devDependencies", "scripts", "packageManager", "devEngines"), folder
        )
        words = [*npm.words("ci" if locked else "install", "--omit=dev", "--ignore-scripts"), *elsewhere]
    await run(_installing(package, words, folder, environment, npm))
    return ()


def _installing(
    package: dict[str, Any],
    words: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    npm: Npm,
) -> Command:
    title = f"installing the packages of Ghost {package['version']}"
    return Command(title, words, folder, environment, npm.cache.log("install"), INSTALL_SECONDS)


async def _tool(npm: Npm, name: str, spec: str) -> Path:
    """The node_modules folder with a package manager of exactly one version, fetched once."""
    try:
        told = await npm.view(f"{name}@{spec}", "version")
    except NotPublished:
        raise ToolUnavailable(name, spec) from None
    version = told if isinstance(told, str) else max(map(Version.parse, told))

    async def fill(folder: Path) -> Mark:
        await npm.install(f"{name}@{version}", folder)
        return {}

    kept = await npm.cache.folder_of("tools", f"{name}-{version}", fill)
    return kept.path / "node_modules"


def wanted_pnpm(package: dict[str, Any]) -> str:
    """The version in "pnpm@11.8.0+sha512..."; a usual one if the package names none."""
    found = re.fullmatch(r"pnpm@(\d+\.\d+\.\d+)(?:\+.*)?", str(package.get("packageManager", "")), re.ASCII)
    return found.group(1) if found else USUAL_PNPM


def read_package(folder: Path, version: Version, entry: str = NPM.entry) -> dict[str, Any]:
    """The package.json of a Ghost; BrokenSource if it is not this version's."""
    try:
        package = json.loads((folder / "package.json").read_text())
    except (FileNotFoundError, ValueError, RecursionError):
        raise BrokenSource(str(version), "its package.json cannot be read") from None
    if not isinstance(package, dict) or package.get("version") != str(version):
        raise BrokenSource(str(version), "its package.json names another version")
    if not all(isinstance(package.get(name, {}), dict) for name in _TABLES):
        raise BrokenSource(str(version), "its package.json is not one of a package")
    if not (folder / entry).is_file():
        raise BrokenSource(str(version), f"it has no {entry}")
    return package


# What is looked up in by name; a package.json in which one of them is anything else is npm's no more than ours.
_TABLES = ("engines", "dependencies", "devDependencies", "optionalDependencies", "scripts")


def _without(package: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in package.items() if key not in keys}


def _write_package(package: dict[str, Any], folder: Path) -> None:
    (folder / "package.json").write_text(json.dumps(package, indent=2) + "\n")


def _finish_package(package: dict[str, Any], folder: Path, entry: str) -> None:
    """package.json as App Service needs it: a start script, and nothing that makes it install again."""
    kept = _without(package, "devDependencies", "packageManager", "devEngines")
    _write_package({**kept, "scripts": {"start": f"node {START_FILE}"}}, folder)
    for name, content in start_files(entry).items():
        (folder / name).write_text(content)


def start_files(entry: str = NPM.entry) -> dict[str, str]:
    """What the bot adds to a Ghost so that it runs on a slot, as name -> content; `entry` is what it starts."""
    return {START_FILE: START.replace("index.js", entry), GUARD_FILE: GUARD_SOURCE.read_text()}


def _digest_of(files: dict[str, str]) -> str:
    """Ten letters that change with any of the files: no package with an earlier one of them is deployed."""
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:10]


def prune(folder: Path) -> None:
    """Files that no running Ghost reads are gone from node_modules: a third of all files.

    The rules are those of Ghost's own production image (scripts/prune.mts, shipped with 6.65): type
    declarations, source maps, documents but for licences, and the sources of native parts.
    """
    for path in (folder / "node_modules").rglob("*"):
        if _is_needless(path) and path.is_file() and not path.is_symlink():
            path.unlink()


def _is_needless(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(("licence", "license", "notice")):
        return False
    return name.endswith(
        (
            ".d.ts",
            ".d.mts",
            ".d.cts",
            ".map",
            ".md",
            ".c",
            ".cc",
            ".cpp",
            ".cxx",
            ".h",
            ".hpp",
            ".hxx",
            ".gyp",
            ".gypi",
        )
    )


def _warnings(folder: Path) -> list[str]:
    """What will not work in this package although it boots."""
    sharp = folder / "node_modules" / "sharp"
    if not sharp.is_dir():
        return []
    natives = [*(folder / "node_modules" / "@img").glob("sharp-*/**/*.node"), *sharp.glob("**/*.node")]
    if natives:
        return []
    return [
        "sharp has no native part here: image uploads need imageOptimization__resize=false on the slot",
    ]
