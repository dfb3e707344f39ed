"""Whole releases of many small blogs side by side in one process: real engine, real SDK, local App Service."""

import asyncio
import itertools
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from azure.identity.aio import ManagedIdentityCredential

from demo.stages import TINY_NODE
from demo.tiny.registry import start_registry
from demo.tiny.seed import Amounts, Seeded, seed
from demo.tiny.versions import LAST_OF_5, USUAL_NODE
from release.azure.arm import arm_client
from release.backups import BackupStore
from release.engine import start_engine
from release.ghost.build import build, build_stop
from release.ghost.cache import Cache
from release.ghost.npm import Npm, Registry, carried_node
from release.ghost.releases import Releases as PublishedGhosts
from release.model import Release, State, Stop, Verdict
from release.packages import Packages
from release.records import Records, open_records
from release.releases import Releases
from release.shapes import GHOST_ON_SQLITE
from release.site import Site, SiteConfig
from release.steps import Folders, Parts, Stages
from release.version import Version
from release.warm_up import WARM_UP_PATH, WARM_UP_STATUSES
from sandbox.appservice import LocalAppService, Options, start
from sandbox.appservice.faults import Fault, Seen
from tests.sandbox.appservice_fixtures import NO_TLS

OLD, NEW = "5.118.1", "6.4.0"
# How long the clients wait for an answer; a hang is longer.
ANSWER_SECONDS = 3.0
HANG_SECONDS = 5.0
_END_SECONDS = 240.0
# Looking at every idle connection before each request takes longer than the requests.
_LIMITS = httpx.Limits(max_connections=50, max_keepalive_connections=3)
CONFIG = SiteConfig(
    "",
    "ghostbot",
    "",
    probe_rate=5,
    watch_seconds=0.1,
    observe=timedelta(),
    scm_patience=10,
    start_limit=25,
    deploy_limit=20,
    backup_limit=15,
    swap_limit=20,
    swap_doubt=HANG_SECONDS - ANSWER_SECONDS + 1,
)
OPTIONS = Options(
    swap_seconds=0.2,
    recycle_seconds=0.2,
    deployment_lag_seconds=0.05,
    hold_seconds=20,
    stop_seconds=2,
    drain_seconds=5,
    warmup_seconds=5,
)


class Blog:
    """One site of the local App Service, and the bot's view of it."""

    def __init__(self, name: str, service: LocalAppService, site: Site) -> None:
        self.name = name
        self.service = service
        self.site = site

    @property
    def runtime(self) -> Any:  # Any: the sandbox's own Site
        return self.service.cloud.sites[self.name]

    def wwwroot(self, slot: str = "production") -> Path:
        return Path(self.runtime.folder(slot)) / "site" / "wwwroot"

    def lay_out(self, seeded: Seeded) -> None:
        """Production holds this blog; staging is empty."""
        shutil.rmtree(self.wwwroot(), ignore_errors=True)
        shutil.copytree(seeded.wwwroot, self.wwwroot())
        for slot in self.runtime.slots.values():
            slot.record.app_settings = {
                "NODE_ENV": "production",
                "url": f"http://{self.runtime.address(slot)}",
                "database__client": "sqlite3",
                "database__connection__filename": "content/data/ghost.db",
                "slot": slot.name,
                WARM_UP_PATH: "/",
                WARM_UP_STATUSES: "200",
            }
        self.runtime.record.sticky_settings = ["url", "slot"]
        # Each release sets staging's stack, so that this call has its faults too.
        self.runtime.slots["staging"].record.web["linuxFxVersion"] = "NODE|18-lts"

    def goes_wrong(self, slot: str, **fault: Any) -> Fault:
        """Some of the next requests about a slot of this blog get this instead; without a slot, tokens for it."""
        faults = self.service.cloud.faults
        if not slot:
            return faults.add({**fault, "path": f"blog={self.name}$"})
        where = self.name if slot == "production" else f"{self.name}/{slot}"
        return faults.add({**fault, "slot": where})

    def is_well_again(self, fault: Fault) -> None:
        """The fault is over, if it was not yet."""
        waiting = self.service.cloud.faults.waiting
        if fault in waiting:
            waiting.remove(fault)

    def seen(self) -> list[Seen]:
        """Every request about this blog, oldest first."""
        return [
            one
            for one in self.service.cloud.faults.seen
            if (one.slot or "").partition("/")[0] == self.name or one.path.endswith(f"blog={self.name}")
        ]


class Bench:
    """The bot without Slack: its engine, its records and its folders. Blogs come and go."""

    def __init__(self, folder: Path, npm: Npm, records: Records, seeded: Seeded) -> None:
        self.folder = folder
        self.records = records
        self.seeded = seeded
        self.sites: dict[str, Site] = {}
        self.folders = Folders(folder / "backups", folder / "work")
        ghosts = PublishedGhosts(npm)
        store = BackupStore(self.folders.backups)
        packages = Packages(npm, records, None)
        self.stages = Stages(Parts(self.sites, records, npm, ghosts, self.folders, store, packages))
        self._ghosts = ghosts
        self._releases: Releases | None = None
        self._numbers = itertools.count(1)

    @property
    def releases(self) -> Releases:
        assert self._releases is not None, "the engine is not started"
        return self._releases

    async def start(self, url: str) -> Any:  # Any: the engine, to be stopped
        engine = await start_engine(self.stages, self.records, url, "bench")
        self._releases = Releases(self.sites, self.records, self._ghosts, engine.start)
        return engine

    @asynccontextmanager
    async def blogs(self, count: int, options: Options = OPTIONS, **config: Any) -> AsyncIterator[list[Blog]]:
        """So many blogs, each well in production, gone at the end with all that was theirs."""
        names = [f"blog{next(self._numbers)}" for _ in range(count)]
        folder = self.folder / f"azure-{names[0]}"
        chosen = replace(
            options,
            node={TINY_NODE: carried_node().node},
            sites=dict.fromkeys(names, ("staging",)),
        )
        async with AsyncExitStack() as stack:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            service = await start(folder, chosen)
            stack.push_async_callback(service.stop)
            blogs = [await stack.enter_async_context(self._blog(name, service, config)) for name in names]
            await asyncio.gather(*(self._open(blog) for blog in blogs))
            service.cloud.faults.seen.clear()
            yield blogs

    @asynccontextmanager
    async def _blog(self, name: str, service: LocalAppService, config: Any) -> AsyncIterator[Blog]:
        told: dict[str, Any] = service.as_json()
        os.environ["IDENTITY_ENDPOINT"] = f"{told['identity_endpoint']}?blog={name}"
        os.environ["IDENTITY_HEADER"] = told["identity_header"]
        async with (
            ManagedIdentityCredential(retry_backoff_factor=0.1) as credential,
            arm_client(
                credential, told["subscription"], told["arm"], 0.05, ANSWER_SECONDS, pause_seconds=0.1
            ) as client,
            httpx.AsyncClient(timeout=ANSWER_SECONDS, verify=NO_TLS, limits=_LIMITS) as http,
            httpx.AsyncClient(timeout=20, verify=NO_TLS, limits=_LIMITS) as visitor,
        ):
            chosen = replace(CONFIG, **{**config, "name": name, "app": name})
            self.sites[name] = Site(chosen, GHOST_ON_SQLITE, client, credential, http, visitor, "http")
            yield Blog(name, service, self.sites[name])

    async def _open(self, blog: Blog) -> None:
        await asyncio.to_thread(blog.lay_out, self.seeded)
        await blog.runtime.slots["production"].restart()
        deadline = time.monotonic() + 60
        # Not with the bot's own eyes: its first token is a call of the release.
        url = f"http://{blog.runtime.address(blog.runtime.production)}/"
        while (await blog.site.visitor.get(url)).status_code != 200:
            assert time.monotonic() < deadline, f"{blog.name} does not start"
            await asyncio.sleep(0.05)

    async def upgrade(self, blog: Blog) -> Release:
        """An upgrade, approved at once, to its end. Raises ReleaseError when it is refused at once."""
        release = await self.releases.upgrade(blog.name, NEW, "ann", "C1")
        return await self.to_its_end(release)

    async def to_its_end(self, release: Release) -> Release:
        """Approve it when it asks, and wait until it has ended, or for the longest time that it may take."""
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            release = await self.records.release(release.id)
            if not release.state.is_open:
                return release
            if release.state is State.AWAITING_APPROVAL:
                approval = await self.records.approval_of(release.id)
                assert approval is not None
                await self.releases.decide(approval.id, Verdict.APPROVED, "ben")
            await asyncio.sleep(0.1)
        return release


@asynccontextmanager
async def a_bench(folder: Path, cache: Path) -> AsyncIterator[Bench]:
    """The engine runs inside the block; only one at a time in a process."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        registry = await start_registry()
        stack.push_async_callback(registry.close)
        npm = Npm(Cache(cache), Registry(registry.url))
        seeded = await asyncio.to_thread(
            seed, folder / "seeded" / "wwwroot", OLD, Amounts(posts=3, drafts=1, pages=1, members=3, images=2)
        )
        # So that all releases find them in the cache.
        await build(Version.parse(NEW), TINY_NODE, npm, lambda _: None)
        await build_stop(Stop(LAST_OF_5, USUAL_NODE), npm, lambda _: None)
        url = f"sqlite:///{folder}/ghostbot.db"
        records = open_records(url)
        stack.callback(records.close)
        bench = Bench(folder, npm, records, seeded)
        engine = await bench.start(url)
        stack.push_async_callback(asyncio.to_thread, engine.stop, 1)
        yield bench
