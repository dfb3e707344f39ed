"""A blog on the local App Service, and the Site the bot has of it: real SDK, real credential, real HTTP."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.identity.aio import DefaultAzureCredential
from azure.mgmt.web.aio import WebSiteManagementClient

from demo.stages import TINY_NODE
from demo.tiny.seed import Seeded, seed
from release.azure.arm import arm_client
from release.ghost.npm import carried_node
from release.records import Records, open_records
from release.shape import Shape
from release.shapes import GHOST_ON_SQLITE
from release.site import Site, SiteConfig
from release.warm_up import WARM_UP_PATH, WARM_UP_STATUSES
from sandbox.appservice import LocalAppService, Options, start
from tests.sandbox.appservice_fixtures import NO_TLS, QUICK, eventually

OLD, NEW = "5.118.1", "6.4.0"
CONFIG = SiteConfig(
    "blog",
    "ghostbot",
    "blog",
    probe_rate=20,
    watch_seconds=0.1,
    observe=timedelta(),
    sick_seconds=0.5,
    scm_patience=2,
    start_limit=8,
    deploy_limit=20,
    backup_limit=10,
    swap_limit=20,
    swap_doubt=0.5,
)


class Cloud:
    """The local Azure as a test sees it, with one blog: `site` is the bot's view of it."""

    def __init__(
        self,
        service: LocalAppService,
        http: httpx.AsyncClient,
        client: Any,
        credential: Any,
    ) -> None:
        self.service = service
        self.http = http
        self._client = client
        self._credential = credential
        self.told: dict[str, Any] = service.as_json()
        self.site = self.site_with()

    def site_with(self, **changes: Any) -> Site:
        """The same site with other settings of the bot."""
        return self.site_of(GHOST_ON_SQLITE, **changes)

    def site_of(self, shape: Shape, **changes: Any) -> Site:
        """The same slots, taken for a site of this shape."""
        return Site(
            replace(CONFIG, **changes),
            shape,
            self._client,
            self._credential,
            self.http,
            self.http,
            self.service.cloud.scheme,
        )

    def sites_over(self, http: httpx.AsyncClient, copies: asyncio.Semaphore, number: int) -> list[Site]:
        """The same site so many times, all of them over these connections."""
        config = replace(CONFIG, scm_patience=0)
        parts = (GHOST_ON_SQLITE, self._client, self._credential, http, http, self.service.cloud.scheme)
        return [Site(config, *parts, copies) for _ in range(number)]

    def home(self, slot: str = "production") -> Path:
        """The slot's /home right now; a swap changes that."""
        return self.service.cloud.sites["blog"].folder(slot)

    def wwwroot(self, slot: str = "production") -> Path:
        return self.home(slot) / "site" / "wwwroot"

    def content(self, slot: str = "production") -> Path:
        return self.wwwroot(slot) / "content"

    async def control(self, verb: str, path: str, /, **body: Any) -> Any:
        answer = await self.http.request(verb, f"{self.told['control']}{path}", json=body)
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else None

    async def answers(self, **fault: Any) -> None:
        """The next requests that match get this instead."""
        await self.control("POST", "/faults", **fault)

    async def behaves_again(self) -> None:
        await self.control("DELETE", "/faults")

    async def does(self, slot: str, action: str, **body: Any) -> None:
        """The sandbox's own list: kill-process, recycle-scm, webjob ..."""
        await self.control("POST", f"/sites/blog/{slot}/{action}", **body)

    async def asked(self, path: str, method: str = "POST") -> int:
        """How often something was asked for."""
        query = {"method": method, "path": path}
        answer = await self.http.get(f"{self.told['control']}/requests", params=query)
        return len(answer.json()["requests"])

    async def shows(self) -> dict[str, Any]:
        told: dict[str, Any] = await self.control("GET", "/sites/blog")
        return told

    def settings(self, slot: str) -> dict[str, str]:
        return self.service.cloud.sites["blog"].slots[slot].record.app_settings

    def address(self, slot: str = "production") -> str:
        return str(self.told["sites"]["blog"][slot]["site"])

    async def is_well(self, slot: str = "production") -> None:
        async def well() -> bool:
            try:
                return (await self.http.get(self.address(slot) + "/")).status_code == 200
            except httpx.HTTPError:
                return False

        await eventually(well, f"{slot} answers 200")

    async def lay_out(self, seeded: Seeded, slot: str) -> None:
        """The slot holds this blog; its process is left as it was."""
        runtime = self.service.cloud.sites["blog"].slots[slot]
        await asyncio.to_thread(shutil.rmtree, self.wwwroot(slot), ignore_errors=True)
        await asyncio.to_thread(shutil.copytree, seeded.wwwroot, self.wwwroot(slot))
        runtime.record.app_settings = self._app_settings(slot)

    async def install(self, seeded: Seeded, slot: str) -> None:
        """The slot holds this blog and runs."""
        await self.lay_out(seeded, slot)
        await self.service.cloud.sites["blog"].slots[slot].restart()

    def _app_settings(self, slot: str) -> dict[str, str]:
        return {
            "NODE_ENV": "production",
            "url": self.address(slot),
            "database__client": "sqlite3",
            "database__connection__filename": "content/data/ghost.db",
            "database__useNullAsDefault": "true",
            "logging__transports": '["stdout"]',
            "mail__transport": "SMTP",
            "mail__from": "blog@example.com",
            "slot": slot,
            WARM_UP_PATH: "/",
            WARM_UP_STATUSES: "200",
        }


@asynccontextmanager
async def a_cloud(
    folder: Path, environment: pytest.MonkeyPatch, options: Mapping[str, Any] | None = None
) -> AsyncIterator[Cloud]:
    """A local App Service with an empty site `blog`, stopped and removed at the end."""
    chosen: Options = replace(QUICK, node={TINY_NODE: carried_node().node}, **(options or {}))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        service = await start(folder, chosen)
        stack.push_async_callback(service.stop)
        told: dict[str, Any] = service.as_json()
        environment.setenv("IDENTITY_ENDPOINT", told["identity_endpoint"])
        environment.setenv("IDENTITY_HEADER", told["identity_header"])
        environment.setenv("AZURE_TOKEN_CREDENTIALS", "prod")
        credential = await stack.enter_async_context(DefaultAzureCredential())
        client, trust = _clients_of(credential, told)
        await stack.enter_async_context(client)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=20, verify=trust))
        service.cloud.sites["blog"].record.sticky_settings = ["url", "slot"]
        yield Cloud(service, http, client, credential)


def _clients_of(credential: Any, told: Mapping[str, Any]) -> tuple[Any, ssl.SSLContext]:
    """The SDK's client, and whom to trust. Over https it is the SDK's own, which can be told of the sandbox's CA."""
    if told["ca"] is None:
        return arm_client(credential, told["subscription"], told["arm"], polling_interval=0.05), NO_TLS
    client = WebSiteManagementClient(
        credential,
        told["subscription"],
        base_url=told["arm"],
        polling_interval=0.05,
        connection_verify=told["ca"],
    )
    return client, ssl.create_default_context(cafile=told["ca"])


@pytest.fixture
async def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    """Both slots are empty; nothing of a blog runs."""
    async with a_cloud(tmp_path / "azure", monkeypatch) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return seed(tmp_path_factory.mktemp("old") / "wwwroot", OLD)


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return seed(tmp_path_factory.mktemp("new") / "wwwroot", NEW)


@pytest.fixture
async def blog(cloud: Cloud, old: Seeded) -> Cloud:
    """Production runs the old version; staging is empty."""
    await cloud.install(old, "production")
    await cloud.is_well()
    return cloud


@pytest.fixture
async def staged(cloud: Cloud, old: Seeded, new: Seeded) -> Cloud:
    """Production runs the old version, staging the new one."""
    await asyncio.gather(cloud.install(old, "production"), cloud.install(new, "staging"))
    await asyncio.gather(cloud.is_well(), cloud.is_well("staging"))
    return cloud


@pytest.fixture
async def laid_out(cloud: Cloud, old: Seeded, new: Seeded) -> Cloud:
    """As `staged`, but without the blogs' processes: for what looks at files and settings only."""
    await asyncio.gather(cloud.lay_out(old, "production"), cloud.lay_out(new, "staging"))
    return cloud


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return open_records(f"sqlite:///{tmp_path}/records/ghostbot.db")
