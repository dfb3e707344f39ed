"""A local App Service for tests, with a small web app in its slots and the real SDK beside it."""

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.web.aio import WebSiteManagementClient
from azure.mgmt.web.models import (
    CsmSlotEntity,
    SiteConfig,
    SiteConfigResource,
    SlotConfigNames,
    SlotConfigNamesResource,
)

from sandbox.appservice import LocalAppService, Options, start

GROUP = "ghostbot"
NO_TLS = ssl.SSLContext(
    ssl.PROTOCOL_TLS_CLIENT
)  # trusts nobody; loading the usual CAs takes longer than a test
TO_PRODUCTION = CsmSlotEntity(target_slot="production", preserve_vnet=True)
QUICK = Options(
    sites={"blog": ("staging",)},
    swap_seconds=0.2,
    recycle_seconds=0.2,
    deployment_lag_seconds=0.05,
    hold_seconds=10,
    stop_seconds=2,
    drain_seconds=5,
    warmup_seconds=2,
)
# Answers with its version, its environment, its headers; slow, sick or dead on demand.
APP = """
const http = require('http'), fs = require('fs');
const version = fs.readFileSync('version.txt', 'utf8').trim();
console.log('app ' + version + ' starts');
http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://x');
  if (url.pathname === '/env') return response.end(JSON.stringify(process.env));
  if (url.pathname === '/headers') return response.end(JSON.stringify(request.headers));
  if (url.pathname === '/crash') process.exit(3);
  if (url.pathname === '/redirect') { response.writeHead(301, {location: '/'}); return response.end(); }
  if (url.pathname === '/break') {
    response.writeHead(200, {'content-length': 1000}); response.write('half');
    return setTimeout(() => request.socket.destroy(), 50);
  }
  if (url.pathname === '/slow') await new Promise(done => setTimeout(done, Number(url.searchParams.get('ms'))));
  if (url.pathname === '/status') response.statusCode = Number(url.searchParams.get('code'));
  if (url.pathname === '/size') {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    return response.end(String(size));
  }
  response.setHeader('set-cookie', ['a=1', 'b=2']);
  response.end(version);
}).listen(process.env.PORT, process.env.LISTEN_ON || '0.0.0.0');
"""


class _StaticToken(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Sets the bearer token, also over plain http (which the SDK's own policy refuses)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def on_request(self, request: PipelineRequest[HttpRequest]) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"


class _NeverAsked:
    """The SDK wants a credential even when a policy authenticates."""

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        raise AssertionError("the policy authenticates")

    async def close(self) -> None: ...

    async def __aenter__(self) -> "_NeverAsked":
        return self

    async def __aexit__(self, *_: object) -> None: ...


class Azure:
    """The local App Service as a test sees it."""

    def __init__(
        self, service: LocalAppService, visitor: httpx.AsyncClient, operator: httpx.AsyncClient
    ) -> None:
        self.service = service
        self.addresses: dict[str, Any] = service.as_json()
        self.visitor = visitor
        self.operator = operator  # carries a good bearer token
        self.web = self.sdk()

    @property
    def token(self) -> str:
        """A good token for ARM and SCM."""
        return self.service.cloud.tokens.issue("https://management.azure.com")[0]

    def sdk(self) -> WebSiteManagementClient:
        """The real SDK, without retries and with short polls."""
        return WebSiteManagementClient(
            _NeverAsked(),
            self.addresses["subscription"],
            base_url=self.addresses["arm"],
            authentication_policy=_StaticToken(self.token),
            polling_interval=0.05,
            retry_total=0,
        )

    def site(self, slot: str = "production") -> str:
        """The address of a slot's site."""
        return str(self.addresses["sites"]["blog"][slot]["site"])

    def scm(self, slot: str = "production") -> str:
        """The address of a slot's SCM."""
        return str(self.addresses["sites"]["blog"][slot]["scm"])

    def home(self, slot: str = "production") -> Path:
        """The folder of a slot."""
        return Path(self.addresses["sites"]["blog"][slot]["folder"])

    def arm(self, rest: str = "", slot: str | None = None) -> str:
        """An ARM address of the site blog or one of its slots."""
        account = self.addresses
        own = f"/slots/{slot}" if slot else ""
        return (
            f"{account['arm']}/subscriptions/{account['subscription']}/resourceGroups/{GROUP}"
            f"/providers/Microsoft.Web/sites/blog{own}{rest}?api-version=2025-05-01"
        )

    async def sticky(self, *names: str) -> None:
        """Make these app settings stay with their slot."""
        await self.web.web_apps.update_slot_configuration_names(
            GROUP, "blog", SlotConfigNamesResource(properties=SlotConfigNames(app_setting_names=list(names)))
        )

    async def configure(self, slot: str | None = None, **values: Any) -> None:
        """Change web configuration over ARM."""
        config = SiteConfigResource(properties=SiteConfig(**values))
        if slot:
            await self.web.web_apps.update_configuration_slot(GROUP, "blog", slot, config)
        else:
            await self.web.web_apps.update_configuration(GROUP, "blog", config)

    async def install(self, version: str, slot: str = "production", **settings: str) -> None:
        """Put the small app into a slot and wait until it answers."""
        lay_out(self.home(slot), version)
        runtime = self.service.cloud.sites["blog"].slots[slot]
        runtime.record.app_settings.update(settings)
        await runtime.restart()
        await self.answers(version, slot)

    async def answers(self, text: str, slot: str = "production") -> None:
        """Wait until the slot's front page is this text."""

        async def looks_so() -> bool:
            answer = await self.visitor.get(self.site(slot))
            return answer.text == text

        await eventually(looks_so, f"{slot} answers {text}")

    async def env(self, slot: str = "production") -> dict[str, str]:
        """The environment of a slot's process."""
        answer = await self.visitor.get(f"{self.site(slot)}/env")
        found: dict[str, str] = answer.json()
        return found

    async def control(self, verb: str, path: str, /, **body: Any) -> Any:
        """One call of the control endpoint."""
        answer = await self.visitor.request(verb, f"{self.addresses['control']}{path}", json=body)
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else None

    async def slot_state(self, slot: str = "production") -> dict[str, Any]:
        """What the control endpoint says about a slot."""
        found: dict[str, Any] = (await self.control("GET", "/sites/blog"))["slots"][slot]
        return found

    async def scm_is_back(self, slot: str = "production") -> None:
        """Wait until SCM answers again."""

        async def answers() -> bool:
            return (await self.operator.get(f"{self.scm(slot)}/api/deployments")).status_code == 200

        await eventually(answers, f"the SCM of {slot} is back")


def body_of(error: HttpResponseError) -> dict[str, Any]:
    """The JSON of an error's answer, which the SDK does not show."""
    assert error.response is not None
    found: dict[str, Any] = json.loads(error.response.text())
    return found


def lay_out(home: Path, version: str) -> None:
    """Write the small app into a slot's wwwroot."""
    wwwroot = home / "site" / "wwwroot"
    wwwroot.mkdir(parents=True, exist_ok=True)
    (wwwroot / "server.js").write_text(APP)
    (wwwroot / "version.txt").write_text(version)


def add_job(home: Path, name: str, script: str, file: str = "run.sh") -> None:
    """Write a triggered WebJob."""
    folder = home / "site" / "wwwroot" / "App_Data" / "jobs" / "triggered" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(script)


async def eventually(check: Callable[[], Awaitable[bool]], what: str, seconds: float = 10) -> None:
    """Wait for a condition with a deadline."""
    try:
        async with asyncio.timeout(seconds):
            while not await check():  # noqa: ASYNC110 - the condition lies in another process
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


@asynccontextmanager
async def running(state: Path, options: Options = QUICK) -> AsyncIterator[Azure]:
    """A local App Service in a state folder."""
    async with AsyncExitStack() as stack:
        service = await start(state, options)
        stack.push_async_callback(service.stop)
        visitor = await stack.enter_async_context(httpx.AsyncClient(timeout=20, verify=NO_TLS))
        token = service.cloud.tokens.issue("https://management.azure.com")[0]
        operator = await stack.enter_async_context(
            httpx.AsyncClient(timeout=20, verify=NO_TLS, headers={"Authorization": f"Bearer {token}"})
        )
        azure = Azure(service, visitor, operator)
        await stack.enter_async_context(azure.web)
        yield azure


@pytest.fixture
async def azure(tmp_path: Path) -> AsyncIterator[Azure]:
    """A site `blog` with a production and a staging slot, both empty."""
    async with running(tmp_path / "azure") as found:
        yield found
    shutil.rmtree(tmp_path / "azure", ignore_errors=True)
