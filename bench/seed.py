"""The two usual pipelines as one script: their steps in their order, with the tools that they use.

Whole folders go down and up as zips, everything is installed and packed anew, and the slots are swapped by `az`. One
step is left out in its favour: it takes node_modules out of the package and lets the server install them again.
"""

import asyncio
import json
import shutil
import tarfile
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.az import Az
from demo.stages import Opening
from demo.world import DidNotStart, World
from release.ghost.build import START_FILE, start_files
from release.ghost.npm import Npm
from release.probe import Probe

JOB = "BackupDb-Manual"
GROUP = "ghostbot"
VISITORS = 10
"""A second. With the visitors beside it a real Ghost answers about 27 a second on two cores: more would only queue."""


@dataclass
class Script:
    """One run. `steps` are seconds by name; `folder` is the build agent's, with caches of its own."""

    world: World
    opening: Opening
    site: str
    npm: Npm
    az: Az
    folder: Path
    steps: dict[str, float] = field(default_factory=dict)
    swap: Probe | None = None

    async def run(self) -> None:
        """From the first backup to the last stop."""
        self.folder.mkdir(parents=True)
        await self._find()
        async with self._step("backup job"):
            await self._curl("-X", "POST", f"{self._scm}/api/triggeredwebjobs/{JOB}/run")
        async with self._step("images down"):
            await self._curl("-o", str(self.folder / "images.zip"), f"{self._scm}/api/zip/{self._images}/")
        async with self._step("npm install"):
            await self._fetch_source()
            await self._npm_install()
        async with self._step("images unpacked"):
            target = self._package / "content" / "images"
            await self._do("unzip", "-q", "-o", str(self.folder / "images.zip"), "-d", str(target))
        async with self._step("database down"):
            database = self._package / "content" / "data" / "ghost.db"
            database.parent.mkdir(parents=True, exist_ok=True)
            await self._curl("-o", str(database), f"{self._scm}/api/vfs/{self._backup}")
        async with self._step("migration"):
            await self._migrate(database)
        async with self._step("one zip"):
            await self._do("zip", "-q", "-r", str(self.folder / "package.zip"), ".", folder=self._package)
        async with self._step("copied and published"):
            for name in ("staged.zip", "published.zip"):
                await asyncio.to_thread(shutil.copyfile, self.folder / "package.zip", self.folder / name)
        await self._release()

    async def _release(self) -> None:
        """The second pipeline: stop, deploy, start, swap, ping, stop."""
        slot = ("-g", GROUP, "-n", self.site, "--slot", "staging")
        async with self._step("az stop"):
            await self.az.run("webapp", "stop", *slot)
        async with self._step("zipdeploy"):
            # Sent while it is read: --data-binary would load all of it first.
            body = str(self.folder / "published.zip")
            await self._curl("-X", "POST", "-T", body, f"{self._staging_scm}/api/zipdeploy")
        async with self._step("az start, ping staging"):
            await self.az.run("webapp", "start", *slot)
            await self.world.wait_until_well(self.site, "staging", 180)
        url = await self.world.url(self.site)
        async with Probe(self.world.http, url, ("/",), rate=VISITORS) as self.swap:
            async with self._step("az swap"):
                await self.az.run(
                    *("webapp", "deployment", "slot", "swap"), *slot, "--target-slot", "production"
                )
            async with self._step("ping production"):
                await self.world.wait_until_well(self.site)
        async with self._step("az stop the old one"):
            await self.az.run("webapp", "stop", *slot)

    @asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[None]:
        began = time.monotonic()
        yield
        self.steps[name] = round(time.monotonic() - began, 1)

    async def _find(self) -> None:
        """Addresses, and the publishing passwords that such pipelines use."""
        await self.world.put_site(self.site, basic_auth=True)
        await self.world.wait_until_well(self.site)
        told = (await self.world.http.get(self.world.azure["control"])).json()
        here = told["sites"][self.site]
        self._scm, self._staging_scm = here["production"]["scm"], here["staging"]["scm"]
        self._user = f"{told['deployment_user']}:{told['deployment_password']}"
        self._images = "site/wwwroot/content/images"
        self._backup = "site/wwwroot/content/data/backup.db"
        self._package = self.folder / "package"

    async def _fetch_source(self) -> None:
        """As the repository of the site would have it: Ghost, its own themes, and what App Service needs."""
        archive = await self.npm.pack(f"ghost@{self.opening.after}", self.folder)
        await asyncio.to_thread(_unpack, archive, self.folder)
        content = await self.world.wwwroot(self.site) / "content"
        for name in ("themes", "settings"):
            await asyncio.to_thread(
                shutil.copytree, content / name, self._package / "content" / name, dirs_exist_ok=True
            )
        for name, text in start_files().items():
            (self._package / name).write_text(text)
        told = json.loads((self._package / "package.json").read_text())
        for name in ("devDependencies", "packageManager", "devEngines"):
            told.pop(name, None)
        told["scripts"] = {"start": f"node {START_FILE}"}
        (self._package / "package.json").write_text(json.dumps(told))
        for name in ("pnpm-lock.yaml", "pnpm-workspace.yaml"):
            (self._package / name).unlink(missing_ok=True)

    async def _npm_install(self) -> None:
        programs = self.opening.node.parent
        environment = self.npm.environment(programs) | {
            "npm_config_cache": str(self.folder / "npm"),
            "npm_config_nodedir": str(programs.parent),  # its headers: the driver may have to be compiled
            "HOME": str(self.folder),
        }
        words = self.npm.words("install", "--omit=dev", "--legacy-peer-deps", "--loglevel=error")
        await self._do(*words, folder=self._package, environment=environment)

    async def _migrate(self, database: Path) -> None:
        given = {
            "NODE_ENV": "production",
            "database__client": "sqlite3",
            "database__useNullAsDefault": "true",
            "database__connection__filename": str(database),
            "paths__contentPath": str(self._package / "content"),
            "url": "http://127.0.0.1:2368",
        }
        program = self._package / "node_modules" / ".bin" / "knex-migrator-migrate"
        environment = self.npm.surroundings(self.opening.node.parent) | given
        await self._do(str(program), "--init", "--mgpath", ".", folder=self._package, environment=environment)

    async def _curl(self, *words: str) -> None:
        await self._do("curl", "-sS", "--fail", "-u", self._user, *words)

    async def _do(
        self, *words: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """One program of the script; DidNotStart with its last words when it fails."""
        process = await asyncio.create_subprocess_exec(
            *words, cwd=folder, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 800)
        if process.returncode:
            raise DidNotStart(f"{words[0]} of the script failed: {said.decode(errors='replace')[-1500:]}")


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
