"""A small web app on a shared "database" (a file), released by a real engine through the local App Service."""

import asyncio
import hashlib
import json
import os
import re
import shutil
import time
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from azure.identity.aio import ManagedIdentityCredential

from demo.stages import TINY_NODE
from release.artefacts.downloads import Downloads
from release.artefacts.source import Source
from release.azure.arm import arm_client
from release.backups import BackupStore
from release.chores import Chores
from release.engine import Engine, start_engine
from release.ghost.cache import Cache
from release.ghost.npm import Npm, Registry, carried_node
from release.ghost.releases import Releases as PublishedGhosts
from release.migrations.config import MigrationConfig
from release.model import Release, State, Verdict
from release.packages import Packages
from release.records import Records, open_records
from release.releases import Releases
from release.shape import Page
from release.site import Site, SiteConfig
from release.steps import Folders, Parts, Stages
from release.web_app import web_app
from sandbox.appservice import LocalAppService, start
from sandbox.appservice.records import ConnectionString
from tests.sandbox.appservice_fixtures import NO_TLS, QUICK

PASSWORD = "Tr0ub4dor&3-horse"
END_SECONDS = 90.0

# Well as long as the database has what its code needs and nothing that it cannot live with.
SERVER = """
const http = require('http'), fs = require('fs');
const code = JSON.parse(fs.readFileSync('code.json', 'utf8'));
const file = decodeURIComponent(new URL(process.env.CUSTOMCONNSTR_Shop.replace('shopdb:', 'http:')).pathname);
http.createServer((request, response) => {
  const schema = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\\n') : [];
  const well = code.needs.every(one => schema.includes(one)) && !code.refuses.some(one => schema.includes(one));
  response.statusCode = well ? 200 : 500;
  response.end(code.version);
}).listen(process.env.PORT, '0.0.0.0');
"""
# Applies what is not in the database yet; says too much on purpose.
MIGRATE = """#!/bin/sh
set -e
database=${DATABASE_URL#*127.0.0.1}
echo "connecting to $DATABASE_URL"
for one in $(ls steps); do
  grep -qx "$one" "$database" 2>/dev/null && continue
  echo "applying $one"
  . "./steps/$one"
  echo "$one" >> "$database"
done
env > seen-environment; cat seen-environment
echo "migrated"
"""
PENDING = """#!/bin/sh
database=${DATABASE_URL#*127.0.0.1}
for one in $(ls steps); do grep -qx "$one" "$database" 2>/dev/null || echo "[ ] $one"; done
echo "that is all"
"""
DOWN = """#!/bin/sh
database=${DATABASE_URL#*127.0.0.1}
head -n -"$1" "$database" > "$database.new" && mv "$database.new" "$database"
"""
MIGRATION = MigrationConfig(
    command=("./migrate.sh",),
    pending=("./pending.sh",),
    pending_pattern=r"^\[ \] (.*)",
    down=("./down.sh", "{count}"),
    connection_string="Shop",
    seconds=20,
)
CONFIG = SiteConfig(
    "shop",
    "ghostbot",
    "shop",
    probe_rate=20,
    watch_seconds=0.1,
    observe=timedelta(),
    sick_seconds=0.5,
    scm_patience=3,
    start_limit=10,
    deploy_limit=20,
    swap_limit=20,
    swap_doubt=0.5,
    migration=MIGRATION,
)
PAGES = (Page("/", "front page", 200), Page("/health", "/health", 200))


@dataclass(frozen=True)
class Build:
    """What a build makes: `steps` are its migrations with what each one's script does."""

    version: str
    needs: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    steps: Mapping[str, str] = field(default_factory=dict)

    def site_files(self) -> dict[str, str]:
        code = {"version": self.version, "needs": self.needs, "refuses": self.refuses}
        return {"server.js": SERVER, "code.json": json.dumps(code)}

    def bundle_files(self) -> dict[str, str]:
        scripts = {"migrate.sh": MIGRATE, "pending.sh": PENDING, "down.sh": DOWN}
        return scripts | {f"steps/{name}": text for name, text in self.steps.items()}

    def pack(self, archive: Path, bundle: str = "migrations") -> Path:
        inside = {f"{bundle}/{name}": text for name, text in self.bundle_files().items()}
        return zipped(archive, {**self.site_files(), **inside})


ONE = Build("1", needs=("001",), steps={"001": ":"})
TWO = Build("2", needs=("001", "002"), steps={"001": ":", "002": ":"})
# Its migration takes away what version 1 cannot live without.
BAD = Build("3", needs=("001",), steps={"001": ":", "002": ":", "666": ":"})


def zipped(archive: Path, files: Mapping[str, str]) -> Path:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as package:
        for name, text in files.items():
            package.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)  # equal builds, equal zips
    return archive


class Bench:
    """The bot without Slack: its engine, its records, and one shop."""

    def __init__(
        self, folder: Path, service: LocalAppService, records: Records, parts: tuple[Any, ...]
    ) -> None:
        self.folder = folder
        self.service = service
        self.records = records
        self._client, self._credential, self.http = parts
        self.sites: dict[str, Site] = {}
        self.sources: dict[str, Source] = {}
        self.folders = Folders(folder / "bot" / "backups", folder / "bot" / "work")
        npm = Npm(Cache(folder / "cache"), Registry("http://127.0.0.1:9"))
        self._ghosts = PublishedGhosts(npm)
        store = BackupStore(self.folders.backups)
        packages = Packages(npm, records, None)
        self.stages = Stages(
            Parts(self.sites, records, npm, self._ghosts, self.folders, store, packages, self.sources)
        )
        self.chores = Chores(self.sites, records, store, self.folders.work)
        self.artefacts = folder / "artefacts"
        self.artefacts.mkdir()
        self.database = folder / "shop.db"
        self._releases: Releases | None = None
        self.configure()

    def configure(
        self, asks_first: bool = False, migration: MigrationConfig | None = MIGRATION, **config: Any
    ) -> None:
        """The bot's settings of the shop."""
        shape = web_app(PAGES, asks_first, bool(migration and migration.down))
        chosen = replace(CONFIG, migration=migration, **config)
        self.sites["shop"] = Site(
            shape=shape,
            config=chosen,
            client=self._client,
            credential=self._credential,
            http=self.http,
            visitor=self.http,
            scheme="http",
        )
        downloads = Downloads(self.http, ("http://127.0.0.1:1",), True, 10_000_000)
        self.sources["shop"] = Source("shop", downloads, self.artefacts, None, "", 10_000_000)

    @property
    def site(self) -> Site:
        return self.sites["shop"]

    @property
    def releases(self) -> Releases:
        assert self._releases is not None, "the engine is not started"
        return self._releases

    async def start(self, url: str) -> Engine:
        engine = await start_engine(self.stages, self.records, url, "bench")
        self._releases = Releases(self.sites, self.records, self._ghosts, engine.start)
        return engine

    # -- the shop ---------------------------------------------------------------------------------

    @property
    def runtime(self) -> Any:  # Any: the sandbox's own Site
        return self.service.cloud.sites["shop"]

    def wwwroot(self, slot: str = "production") -> Path:
        return Path(self.runtime.folder(slot)) / "site" / "wwwroot"

    @property
    def connection_string(self) -> str:
        return f"shopdb://shop:{PASSWORD.replace('&', '%26')}@127.0.0.1{self.database}"

    async def opens(self, build: Build = ONE, schema: tuple[str, ...] = ("001",)) -> None:
        """Production runs this build, put there by somebody else; staging is empty, and nothing is known of before."""
        for left in await self.records.open_releases():  # by a test that failed
            await self.records.move(left.id, State.CANCELLED)
        self.database.write_text("".join(f"{one}\n" for one in schema))
        for slot in self.runtime.slots.values():
            slot.record.connection_strings = {"Shop": ConnectionString(self.connection_string, "Custom")}
        for name in self.runtime.slots:
            home = Path(self.runtime.folder(name))
            shutil.rmtree(home / "site", ignore_errors=True)
            (home / "site" / "wwwroot").mkdir(parents=True)
        for name, text in build.site_files().items():
            (self.wwwroot() / name).write_text(text)
        await self.runtime.slots["production"].restart()
        await self.answers(build.version)
        self.service.cloud.faults.seen.clear()

    async def answer(self, slot: str = "production", path: str = "/") -> tuple[int, str]:
        try:
            answer = await self.http.get(await self.site.url(slot) + path)
        except httpx.HTTPError as error:
            return 0, type(error).__name__
        return answer.status_code, answer.text

    async def answers(self, version: str, slot: str = "production") -> None:
        deadline = time.monotonic() + 30
        while await self.answer(slot) != (200, version):
            assert time.monotonic() < deadline, f"{slot}: {await self.answer(slot)}, not {version}"
            await asyncio.sleep(0.05)

    def schema(self) -> list[str]:
        return self.database.read_text().split()

    async def running(self, slot: str = "staging") -> bool:
        return (await self.site.app.slot(slot)).running

    # -- releases ---------------------------------------------------------------------------------

    def built(self, build: Build, name: str | None = None) -> str:
        """The build lies in the folder; the word that people type for it."""
        file = name or f"shop-{build.version}.zip"
        build.pack(self.artefacts / file)
        return file

    async def asks(self, build: Build, digest: str | None = None) -> Release:
        """A deployment of this build, as far as its question, or to another end."""
        release = await self.releases.deploy("shop", self.built(build), digest, "ann", "C1")
        return await self.stands(release, State.AWAITING_APPROVAL)

    async def deploys(self, build: Build) -> Release:
        """Asked and approved, to its end."""
        return await self.decided(await self.asks(build))

    async def decided(self, release: Release, verdict: Verdict = Verdict.APPROVED) -> Release:
        approval = await self.records.approval_of(release.id)
        assert approval is not None, release.reason
        await self.releases.decide(approval.id, verdict, "ben")
        return await self.stands(release)

    async def stands(self, release: Release, *states: State) -> Release:
        """The release as soon as it is in one of these states, or has ended."""
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            release = await self.records.release(release.id)
            if release.state in states or not release.state.is_open:
                return release
            await asyncio.sleep(0.05)
        raise AssertionError(f"{release.state}: {[(s.step, s.state, s.detail) for s in release.steps]}")

    async def at(self, release: Release, step: str) -> None:
        deadline = time.monotonic() + END_SECONDS
        while True:
            release = await self.records.release(release.id)
            if any(record.step == step and record.state == "running" for record in release.steps):
                return
            assert time.monotonic() < deadline, f"never came to {step}"
            assert release.state.is_open, f"{release.state}: {release.reason}"
            await asyncio.sleep(0.02)

    def asked_of_azure(self) -> list[str]:
        """What changed anything, in order: `POST staging stop`."""
        found = []
        for one in self.service.cloud.faults.seen:
            # The warm-up is asked for from inside, by a command that changes nothing.
            if (
                one.method in ("GET", "HEAD")
                or one.host == "site"
                or re.search(r"/list\b|/api/command", one.path)
            ):
                continue
            found.append(f"{one.method} {one.path.partition('?')[0].rpartition('/')[2]}")
        return found

    def everything_kept(self) -> str:
        """All that the bot has written to its disk."""
        return "\n".join(
            path.read_bytes().decode("utf-8", "replace")
            for path in sorted((self.folder / "bot").rglob("*"))
            if path.is_file()
        )


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@asynccontextmanager
async def a_bench(folder: Path) -> AsyncIterator[Bench]:
    """The engine runs inside the block; only one at a time in a process."""
    (folder / "bot").mkdir(parents=True)
    options = replace(
        QUICK, node={TINY_NODE: carried_node().node}, sites={"shop": ("staging",)}, drain_seconds=1
    )
    async with AsyncExitStack() as stack:
        service = await start(folder / "azure", options)
        stack.push_async_callback(service.stop)
        told: dict[str, Any] = service.as_json()
        os.environ["IDENTITY_ENDPOINT"] = told["identity_endpoint"]
        os.environ["IDENTITY_HEADER"] = told["identity_header"]
        credential = await stack.enter_async_context(ManagedIdentityCredential())
        client = await stack.enter_async_context(
            arm_client(credential, told["subscription"], told["arm"], polling_interval=0.05)
        )
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=20, verify=NO_TLS))
        url = f"sqlite:///{folder}/bot/ghostbot.db"
        records = open_records(url)
        stack.callback(records.close)
        bench = Bench(folder, service, records, (client, credential, http))
        engine = await bench.start(url)
        stack.push_async_callback(asyncio.to_thread, engine.stop, 1)
        yield bench
