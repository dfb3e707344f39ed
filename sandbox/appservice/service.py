"""The local App Service as one running thing: its servers and their ports."""

import asyncio
import errno
import ssl
from pathlib import Path

from aiohttp import web

from sandbox.appservice import certificates
from sandbox.appservice.arm import router as arm
from sandbox.appservice.cloud import Cloud
from sandbox.appservice.control import Control
from sandbox.appservice.front import Front
from sandbox.appservice.identity import add_entra, identity_app
from sandbox.appservice.kudu import router as kudu_router
from sandbox.appservice.kudu.scm import Scm, publishing_user
from sandbox.appservice.options import Options
from sandbox.appservice.processes import free_port
from sandbox.appservice.records import Store
from sandbox.appservice.site import Site
from sandbox.appservice.slot import Slot
from sandbox.appservice.tls_or_plain import TlsOrPlain

# How long open requests may go on when everything stops.
_SHUTDOWN_SECONDS = 0.5


class LocalAppService:
    """ARM, identity, every slot's site and SCM, served until `stop`."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._front = Front(cloud)
        self._tls = certificates.server_context(cloud.store.folder) if cloud.options.https else None
        self._runners: list[web.AppRunner] = []
        self._edge: web.AppRunner | None = None
        self._open: set[int] = set()
        self._opening = asyncio.Lock()
        self._doors: list[TlsOrPlain] = []

    async def open(self) -> None:
        """Listen everywhere and start the sites."""
        account, options = self.cloud.store.account, self.cloud.options
        self._edge = await self._runner(self._edge_app())
        arm_runner = await self._runner(self._arm_app())
        identity_runner = await self._runner(identity_app(self.cloud))
        account.front_port = await self._listen_as_a_site(
            self._edge, options.front_port or account.front_port
        )
        account.arm_port = await self._listen(arm_runner, options.arm_port or account.arm_port, self._tls)
        account.identity_port = await self._listen(
            identity_runner, options.identity_port or account.identity_port, None
        )
        self.cloud.store.save()
        for site in self.cloud.sites.values():
            await self._open_slots(site, known=True)
        await self.cloud.start()

    async def open_site(self, site: Site) -> None:
        """Listen on the ports of a site's slots, if that is not done yet; nobody was told the addresses of new ones."""
        async with self._opening:
            await self._open_slots(site, known=False)
        self.cloud.store.save_site(site.record)

    async def _open_slots(self, site: Site, *, known: bool) -> None:
        """What another program has taken meanwhile is left to it, unless people know the address. Raises OSError."""
        for slot in site.slots.values():
            for name in ("site_port", "scm_port"):
                while (port := getattr(slot.record, name)) not in self._open and self._edge:
                    try:
                        await self._listen_as_a_site(self._edge, port)
                    except OSError as error:
                        if known or error.errno != errno.EADDRINUSE:
                            raise
                        self.cloud.move(slot, name)
                    else:
                        self._open.add(port)

    async def stop(self) -> None:
        """Everything is closed, every process gone; the state folder can be used again."""
        await asyncio.gather(*(door.close() for door in self._doors))
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        await self._front.close()
        await self.cloud.stop()

    def as_json(self) -> dict[str, object]:
        """All addresses and credentials."""
        cloud, account = self.cloud, self.cloud.store.account
        sites = cloud.sites.values()
        ca = certificates.authority_path(cloud.store.folder)
        return {
            "arm": cloud.arm_url,
            "front": self._url(account.front_port),
            "control": f"{cloud.arm_url}/_sandbox",
            "identity_endpoint": f"http://{cloud.options.host}:{account.identity_port}/msi/token",
            "identity_header": account.identity_header,
            "subscription": account.subscription,
            "tenant": account.tenant,
            "resource_group": account.resource_group,
            "client_id": account.client_id,
            "client_secret": account.client_secret,
            "deployment_user": account.deployment_user,
            "deployment_password": account.deployment_password,
            "ca": str(ca) if cloud.options.https else None,
            "sites": {
                site.name: {name: self._slot(site, slot) for name, slot in site.slots.items()}
                for site in sites
            },
            "publishing": {
                site.name: {
                    name: {"user": publishing_user(slot), "password": slot.record.publishing_password}
                    for name, slot in site.slots.items()
                }
                for site in sites
            },
        }

    def _slot(self, site: Site, slot: Slot) -> dict[str, str]:
        return {
            "site": f"{self.cloud.scheme}://{site.address(slot)}",
            "scm": f"{self.cloud.scheme}://{site.scm_address(slot)}",
            "folder": str(site.folder(slot.name)),
        }

    def _url(self, port: int) -> str:
        return f"{self.cloud.scheme}://{self.cloud.options.host}:{port}"

    async def _runner(self, app: web.Application) -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _listen_as_a_site(self, runner: web.AppRunner, port: int) -> int:
        """With TLS, plain http is answered there as well: sites have both, and some redirect one to the other."""
        if self._tls is None or runner.server is None:
            return await self._listen(runner, port, None)
        host = self.cloud.options.host
        chosen = port or free_port(host, frozenset(self.cloud.taken_ports()))
        self._doors.append(TlsOrPlain.listen(runner.server, host, chosen, self._tls))
        return chosen

    async def _listen(self, runner: web.AppRunner, port: int, tls: ssl.SSLContext | None) -> int:
        host = self.cloud.options.host
        chosen = port or free_port(host, frozenset(self.cloud.taken_ports()))
        await web.TCPSite(runner, host, chosen, ssl_context=tls, reuse_address=True, backlog=1024).start()
        return chosen

    def _arm_app(self) -> web.Application:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await arm.handle(self.cloud, request)

        app = web.Application(
            middlewares=[self.cloud.faults.middleware(self._where_in_arm)], client_max_size=1 << 24
        )
        Control(self.cloud, self.open_site, self.as_json).add_to(app)
        add_entra(app, self.cloud)
        app.router.add_route("*", "/{path:.*}", answer)
        return app

    def _where_in_arm(self, request: web.Request) -> tuple[str, str | None]:
        parts = [part.lower() for part in request.path.split("/")]
        if "sites" not in parts[:-1]:
            return "arm", None
        site = parts[parts.index("sites") + 1]
        if "slots" in parts[:-1]:
            return "arm", f"{site}/{parts[parts.index('slots') + 1]}"
        return "arm", site

    def _edge_app(self) -> web.Application:
        async def answer(request: web.Request) -> web.StreamResponse:
            found = self._find(request)
            if found is None:
                return web.Response(status=404, text="404 Web Site not found.")
            site, slot, scm = found
            if _has_to_be_secure(slot, scm) and self.cloud.options.https and not request.secure:
                raise web.HTTPMovedPermanently(f"https://{request.host}{request.raw_path}")
            if scm:
                return await kudu_router.handle(Scm(self.cloud, site, slot), request)
            return await self._front.handle(site, slot, request)

        def where(request: web.Request) -> tuple[str, str | None]:
            found = self._find(request)
            if found is None:
                return "site", None
            site, slot, scm = found
            name = site.name if slot.is_production else f"{site.name}/{slot.name}"
            return ("scm" if scm else "site"), name

        app = web.Application(middlewares=[self.cloud.faults.middleware(where)], client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", answer)
        return app

    def _find(self, request: web.Request) -> tuple[Site, Slot, bool] | None:
        """By the port that was connected to; on the shared front port by host name."""
        socket_name = request.transport.get_extra_info("sockname") if request.transport else None
        port = socket_name[1] if socket_name else 0
        return self.cloud.slot_by_port(port) or self.cloud.slot_by_host(request.host)


def _has_to_be_secure(slot: Slot, scm: bool) -> bool:
    """App Service itself sends plain http away before an app sees it: from the SCM site, elsewhere with httpsOnly."""
    return scm or slot.record.https_only


async def start(state: Path, options: Options) -> LocalAppService:
    """Start the local App Service in a state folder; raises StateInUse and OSError (a port that is taken)."""
    store = await asyncio.to_thread(Store, state.resolve())
    service = None
    try:
        service = LocalAppService(await Cloud.open(store, options))
        await service.open()
    except BaseException:
        if service:
            await service.stop()
        store.close()
        raise
    return service
