"""The control endpoint, /_sandbox/ beside ARM: make sites, look inside, and have things go wrong."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from sandbox.appservice.cloud import BadSite, Cloud
from sandbox.appservice.faults import BadFault
from sandbox.appservice.jobs import JobOutcome
from sandbox.appservice.platforms.windows import NODE_VERSION
from sandbox.appservice.records import ConnectionString, ImageRecord, VaultRecord
from sandbox.appservice.site import Site
from sandbox.appservice.slot import Slot


class _BadRequest(Exception):
    """Told to the caller as 400."""


class Control:
    """Handlers of the control endpoint."""

    def __init__(
        self, cloud: Cloud, open_ports: Callable[[Site], Awaitable[None]], listing: Callable[[], object]
    ) -> None:
        self._cloud = cloud
        self._open_ports = open_ports
        self._listing = listing

    def add_to(self, app: web.Application) -> None:
        """Register the routes."""
        app.add_routes(
            [
                web.get("/_sandbox", self.show),
                web.get("/_sandbox/faults", self.faults),
                web.post("/_sandbox/faults", self.add_fault),
                web.delete("/_sandbox/faults", self.clear_faults),
                web.get("/_sandbox/requests", self.requests),
                web.delete("/_sandbox/requests", self.forget_requests),
                web.get("/_sandbox/sites/{site}", self.show_site),
                web.put("/_sandbox/sites/{site}", self.put_site),
                web.post("/_sandbox/sites/{site}/{slot}/{action}", self.act),
                web.put("/_sandbox/images", self.put_image),
                web.delete("/_sandbox/images", self.delete_image),
                web.put("/_sandbox/vaults/{vault}", self.put_vault),
                web.put("/_sandbox/plan", self.put_plan),
                web.post("/_sandbox/tokens", self.token),
            ]
        )

    async def show(self, _: web.Request) -> web.Response:
        """Addresses and credentials."""
        return web.json_response(self._listing())

    async def faults(self, _: web.Request) -> web.Response:
        """The faults that still wait for a request."""
        return web.json_response({"faults": self._cloud.faults.as_json()})

    async def add_fault(self, request: web.Request) -> web.Response:
        """A further fault; 400 says what is wrong with it."""
        try:
            fault = self._cloud.faults.add(await _json(request))
        except (BadFault, TypeError, _BadRequest) as error:
            return _error(str(error))
        return web.json_response(asdict(fault), status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        """No faults any more."""
        self._cloud.faults.waiting.clear()
        return web.Response(status=204)

    async def requests(self, request: web.Request) -> web.Response:
        """The requests answered so far; ?host= &slot= &method= &path= (part of it) &since= (a number) choose."""
        query = request.query
        rows = [
            asdict(one)
            for one in self._cloud.faults.seen
            if query.get("host", one.host) == one.host
            and query.get("slot", one.slot) == one.slot
            and query.get("method", one.method).upper() == one.method
            and query.get("path", "") in one.path
            and one.number > int(query.get("since", 0))
        ]
        return web.json_response({"requests": rows})

    async def forget_requests(self, _: web.Request) -> web.Response:
        """Begin a new log."""
        self._cloud.faults.seen.clear()
        return web.Response(status=204)

    async def show_site(self, request: web.Request) -> web.Response:
        """A site's slots (state, process, folder, settings' names) and what happened to it."""
        site = self._cloud.sites.get(request.match_info["site"])
        if site is None:
            return _error(f"no site {request.match_info['site']}", 404)
        return web.json_response(self._site(site))

    def _site(self, site: Site) -> dict[str, Any]:
        operation = site.running_operation
        return {
            "name": site.name,
            "slots": {name: _slot(site, slot) for name, slot in site.slots.items()},
            "sticky": site.record.sticky_settings,
            "swap": operation and asdict(operation),
            "prepared": bool(site.record.swap and not site.record.swap.operation),
            "events": list(site.events),
        }

    async def put_site(self, request: web.Request) -> web.Response:
        """Make a site, or change one, without ceremony: no conditions, no recycled SCM, processes restarted.

        {"slots": ["staging"] or {"staging": {...}}, "production": {...}, "sticky": [names], and for all
        slots: "settings", "connection_strings", "node" (major), "image", "start_command", "running", "https_only",
        "basic_auth", "scm_bearer", "site_auth", "auto_swap" (a slot's name); of a new site "windows"}.
        """
        try:
            body = await _json(request)
            slots = body.get("slots", ["staging"])
            site = self._cloud.make_site(
                request.match_info["site"], tuple(slots), windows=bool(body.get("windows", False))
            )
            for name, slot in site.slots.items():
                own = (
                    body.get("production")
                    if slot.is_production
                    else slots.get(name)
                    if isinstance(slots, dict)
                    else None
                )
                _configure(site, slot, body)
                _configure(site, slot, own or {})
        except (BadSite, _BadRequest, TypeError, AttributeError, KeyError) as error:
            return _error(str(error))
        if "sticky" in body:
            site.record.sticky_settings = [str(one) for one in body["sticky"]]
        if "sticky_connection_strings" in body:
            site.record.sticky_connection_strings = [str(one) for one in body["sticky_connection_strings"]]
        await self._open_ports(site)
        for slot in site.slots.values():
            await slot.restart()
        return web.json_response(self._site(site))

    async def put_image(self, request: web.Request) -> web.Response:
        """{"reference", "folder", "command", "node" (major), "port"}: from now on slots can pull it."""
        try:
            body = await _json(request)
            reference = str(body.pop("reference"))
            self._cloud.store.images[reference] = ImageRecord(**body)
        except (_BadRequest, TypeError, KeyError) as error:
            return _error(str(error))
        self._cloud.store.save()
        return web.Response(status=204)

    async def delete_image(self, request: web.Request) -> web.Response:
        """{"reference"}: nobody can pull it any more."""
        body = await _json(request)
        self._cloud.store.images.pop(str(body.get("reference")), None)
        self._cloud.store.save()
        return web.Response(status=204)

    async def act(self, request: web.Request) -> web.Response:
        """POST .../{recycle-scm, kill-deployment, stick-deployment, unstick-deployment, kill-process, webjob}."""
        info = request.match_info
        site = self._cloud.sites.get(info["site"])
        slot = site.slots.get(info["slot"]) if site else None
        if site is None or slot is None:
            return _error(f"no slot {info['site']}/{info['slot']}", 404)
        try:
            body = await _json(request)
            await self._act(slot, info["action"], body)
        except (_BadRequest, ValueError, KeyError) as error:
            return _error(str(error))
        site.tell(slot.name, info["action"], json.dumps(body))
        return web.Response(status=204)

    async def _act(self, slot: Slot, action: str, body: dict[str, Any]) -> None:
        occupant = slot.occupant
        match action:
            case "recycle-scm":
                slot.recycle_scm(float(body.get("seconds", self._cloud.options.recycle_seconds)))
            case "kill-deployment":
                await occupant.deployer.kill()
            case "stick-deployment":
                occupant.deployer.stuck_after = int(body.get("files", 0))
            case "unstick-deployment":
                occupant.deployer.stuck_after = None
            case "kill-process":
                await occupant.worker.crash()
            case "webjob":
                outcome = body.get("outcome")
                if outcome is None:
                    occupant.jobs.outcomes.pop(body["job"], None)
                else:
                    occupant.jobs.outcomes[body["job"]] = JobOutcome(outcome)
            case _:
                raise _BadRequest(f"unknown action {action}")

    async def put_vault(self, request: web.Request) -> web.Response:
        """{"secrets": {name: value}, "readers": ["blog", "blog/staging"]}: processes see it from their next start."""
        try:
            vault = VaultRecord(**await _json(request))
        except (_BadRequest, TypeError) as error:
            return _error(str(error))
        with self._cloud.store.changing():
            self._cloud.store.vaults[request.match_info["vault"]] = vault
        return web.Response(status=204)

    async def put_plan(self, request: web.Request) -> web.Response:
        """{"bytes"}: what all sites of the plan may store together. Told by ARM's usages, and not enforced."""
        try:
            size = int((await _json(request))["bytes"])
        except (_BadRequest, KeyError, ValueError, TypeError) as error:
            return _error(str(error))
        with self._cloud.store.changing():
            self._cloud.store.account.plan_bytes = size
        return web.Response(status=204)

    async def token(self, request: web.Request) -> web.Response:
        """A token for {"audience", "seconds"}; negative seconds make one that has expired."""
        body = await _json(request)
        audience = str(body.get("audience", "https://management.azure.com"))
        token, expires = self._cloud.tokens.issue(audience, int(body.get("seconds", 3600)))
        return web.json_response({"access_token": token, "expires_on": expires})


def _configure(site: Site, slot: Slot, wish: dict[str, Any]) -> None:
    record = slot.record
    if "settings" in wish:
        kept = {NODE_VERSION: record.app_settings[NODE_VERSION]} if site.record.windows else {}
        record.app_settings = kept | {str(name): str(value) for name, value in wish["settings"].items()}
    if "node" in wish and site.record.windows:
        record.app_settings[NODE_VERSION] = f"~{wish['node']}"
    elif "node" in wish:
        record.web["linuxFxVersion"] = f"NODE|{wish['node']}-lts"
    if "image" in wish:
        record.web["linuxFxVersion"] = f"DOCKER|{wish['image']}"
    if "start_command" in wish:
        record.web["appCommandLine"] = str(wish["start_command"])
    if "auto_swap" in wish:
        record.web["autoSwapSlotName"] = str(wish["auto_swap"])
    if "running" in wish:
        record.running = bool(wish["running"])
    if "connection_strings" in wish:
        record.connection_strings = {
            str(name): ConnectionString(str(one["value"]), str(one["type"]))
            for name, one in wish["connection_strings"].items()
        }
    for name in ("basic_auth", "scm_bearer", "https_only", "site_auth"):
        if name in wish:
            setattr(record, name, bool(wish[name]))


def _slot(site: Site, slot: Slot) -> dict[str, Any]:
    worker = slot.occupant.worker
    return {
        "running": slot.record.running,
        "process": str(worker.state),
        "pid": worker.pid,
        "port": worker.port,
        "starts": worker.starts,
        "crashes": worker.crashes,
        "folder": str(site.folder(slot.name)),
        "content": slot.record.content,
        "address": site.address(slot),
        "scm": site.scm_address(slot),
        "scm_is_back": slot.scm_is_back,
        "deploying": slot.occupant.deployer.busy,
        "settings": sorted(slot.record.app_settings),
        "stack": slot.record.web.get("linuxFxVersion"),
        "start_command": slot.record.web.get("appCommandLine"),
    }


async def _json(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    try:
        body = json.loads(raw or b"{}")
    except ValueError as error:
        raise _BadRequest(f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise _BadRequest("a JSON object is expected")
    return body


def _error(message: str, status: int = 400) -> web.Response:
    return web.json_response({"error": message}, status=status)
