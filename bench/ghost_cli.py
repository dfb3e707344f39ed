"""`ghost update` of ghost-cli, where it runs: how long it takes, and how long visitors get no answer.

It refuses to run as root, so there it runs as nobody, in a folder of its own. Both versions are installed beforehand,
as the bot's are when a version was announced: what is measured is stop, link, start and the migration that it runs.
"""

import asyncio
import json
import os
import shutil
import socket
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.figures import Measured
from bench.place import Place
from demo.blog.prepare import Blog, lay_out, prepare
from demo.stages import REAL, REAL_NODE
from demo.world import DidNotStart
from release.ghost.build import build
from release.ghost.cache import Cache
from release.ghost.npm import Npm, Registry, carried_node, registry_of_user, user_environment
from release.model import ProbeSeen
from release.probe import Probe
from release.version import Version

GHOST_CLI = "ghost-cli@1.32.5"
NOBODY = 65534
RATE = 50
SECONDS = 300


async def measure(place: Place) -> Measured:
    """A blog that runs under ghost-cli is updated while visitors come 50 times a second."""
    before, after = REAL
    found = Measured(f"`ghost update` of {GHOST_CLI.replace('@', ' ')}")
    npm = Npm(Cache(place.cache), await registry_of_user(user_environment()))
    blog = await prepare(Version.parse(before), REAL_NODE, npm, place.tell)
    package = await build(Version.parse(after), REAL_NODE, npm, place.tell)
    place.tell("laying out what ghost-cli installs")
    site = await _lay_out(place.folder, blog, Path(package.folder), npm.registry)
    try:
        await site.does("start")
        place.tell(f"ghost update {after}")
        async with httpx.AsyncClient() as http, Probe(http, site.url, ("/",), rate=RATE) as visitors:
            await asyncio.sleep(3)
            began = time.monotonic()
            await site.does("update", after)
            took = time.monotonic() - began
            await asyncio.sleep(2)
        served = json.loads((site.folder / "current" / "package.json").read_text())["version"]
        if served != after:
            raise DidNotStart(f"ghost-cli left {served}")
    finally:
        with suppress(DidNotStart):
            await site.does("stop")
    _tell(found, visitors.seen(), took, before, after)
    return found


def _tell(found: Measured, seen: ProbeSeen, took: float, before: str, after: str) -> None:
    down = seen.failed / RATE
    found.add(
        f"`ghost update`, Ghost {before} to {after}, in production",
        f"{took:.0f} s; {seen.failed} of {seen.requests} requests failed: about {down:.1f} s without an answer",
        "",
        None,
        seconds=took,
        failed=seen.failed,
        requests=seen.requests,
        down_seconds=down,
    )
    found.notes.append(
        f"Visitors came {RATE} times a second. It makes no backup, tests nothing before it stops production, and what "
        "it migrates is production's own database. What visitors see of the bot's releases is in the other tables."
    )


@dataclass(frozen=True)
class Installed:
    """A blog as ghost-cli lays one out: versions side by side, and a link to the one that runs."""

    folder: Path
    node: Path
    program: Path
    url: str
    environment: dict[str, str]

    async def does(self, *words: str) -> None:
        """One command of ghost-cli. Raises DidNotStart with what it said."""
        asked = (*words, "--dir", str(self.folder), "--no-prompt", "--no-color")
        process = await asyncio.create_subprocess_exec(
            self.node,
            self.program,
            *asked,
            cwd=self.folder,
            env=self.environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
            preexec_fn=_as_nobody if os.getuid() == 0 else None,
        )
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
        if process.returncode != 0:
            raise DidNotStart(f"ghost {' '.join(words)}: {said.decode(errors='replace')[-1500:]}")


def _as_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


async def _lay_out(folder: Path, blog: Blog, newer: Path, registry: Registry) -> Installed:
    """Everything is in `folder`: nobody may not look into the user's cache."""
    tool, site, home, bin_ = (folder / name for name in ("tool", "site", "home", "bin"))
    await _install(tool)
    await lay_out(blog, folder / "laid-out")
    node = bin_ / "node"

    def fill() -> None:
        for made in (home, bin_, site / "versions"):
            made.mkdir(parents=True)
        shutil.copy2(Path(blog.package.node_prefix) / "bin" / "node", node)
        after = json.loads((newer / "package.json").read_text())["version"]
        for version, source in ((blog.version, Path(blog.package.folder)), (after, newer)):
            shutil.copytree(source, site / "versions" / version, symlinks=True)
        shutil.copytree(folder / "laid-out" / "content", site / "content")
        (site / "current").symlink_to(site / "versions" / blog.version)
        (site / "config.production.json").write_text(json.dumps(_config(site, url, port)))
        (site / ".ghost-cli").write_text(
            json.dumps(
                {
                    "cli-version": GHOST_CLI.rpartition("@")[2],
                    "active-version": blog.version,
                    "name": "bench",
                    "channel": "stable",
                }
            )
        )
        if os.getuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    await asyncio.to_thread(fill)
    environment = {"PATH": f"{bin_}:/usr/bin:/bin", "HOME": str(home)}
    if registry.url:
        environment["npm_config_registry"] = registry.url
    certificates = registry.extra_certificates or registry.cafile
    if certificates:
        environment["NODE_EXTRA_CA_CERTS"] = certificates
    return Installed(site, node, tool / "node_modules" / ".bin" / "ghost", url, environment)


def _config(site: Path, url: str, port: int) -> dict[str, object]:
    database = site / "content" / "data" / "ghost.db"
    return {
        "url": f"{url}/",
        "server": {"host": "127.0.0.1", "port": port},
        "database": {
            "client": "sqlite3",
            "useNullAsDefault": True,
            "connection": {"filename": str(database)},
        },
        "mail": {"transport": "Direct"},
        "process": "local",
        "logging": {"transports": ["file"]},
        "paths": {"contentPath": str(site / "content")},
    }


async def _install(tool: Path) -> None:
    tool.mkdir()
    node = carried_node()
    words = ("install", "--prefix", tool, "--ignore-scripts", "--no-audit", "--no-fund", GHOST_CLI)
    process = await asyncio.create_subprocess_exec(
        node.node,
        node.npm / "bin" / "npm-cli.js",
        *map(str, words),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise DidNotStart(f"{GHOST_CLI} cannot be had: {said.decode(errors='replace')[-800:]}")
