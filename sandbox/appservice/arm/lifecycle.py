"""Sites and slots: show, list, start, stop, restart."""

import hashlib
from typing import Any

from aiohttp import web

from sandbox.appservice.arm.resource import Account, Resource, plan_id, service_error
from sandbox.appservice.kudu.container import INSTANCE
from sandbox.appservice.worker import WorkerState


def site_row(resource: Resource) -> dict[str, Any]:
    """The JSON of a site or slot."""
    site, slot = resource.site, resource.slot
    account = resource.cloud.store.account
    address, scm = site.address(slot), site.scm_address(slot)
    swap = site.record.swap
    last = site.record.last_swaps.get(slot.name)
    operation = site.running_operation
    # Clients such as `az` choose http or https by this.
    tls = "SniEnabled" if resource.cloud.options.https else "Disabled"
    prepared_with = None
    if swap and not swap.operation:
        prepared_with = {swap.target: swap.source, swap.source: swap.target}.get(slot.name)
    return {
        "id": resource.id,
        "name": resource.name,
        "type": resource.type,
        "kind": site.platform(slot).kind,
        "location": account.location,
        "tags": {},
        "properties": {
            "name": site.name if slot.is_production else f"{site.name}({slot.name})",
            "state": "Running" if slot.record.running else "Stopped",
            "hostNames": [address],
            "webSpace": f"{account.resource_group}-WestEuropewebspace{'' if site.record.windows else '-Linux'}",
            "selfLink": f"{resource.cloud.arm_url}{resource.id}",
            "repositorySiteName": site.name,
            "usageState": "Normal",
            "enabled": True,
            "adminEnabled": True,
            "enabledHostNames": [address, scm],
            "siteProperties": {"metadata": None, "properties": [], "appSettings": None},
            "availabilityState": "Normal",
            "hostNameSslStates": [
                _host(address, "Standard", tls),
                _host(scm, "Repository", tls),
            ],
            "serverFarmId": plan_id(resource.cloud),
            "reserved": not site.record.windows,
            "isXenon": False,
            "hyperV": False,
            "siteConfig": {
                "numberOfWorkers": 1,
                "linuxFxVersion": slot.record.web.get("linuxFxVersion"),
                "alwaysOn": slot.record.web.get("alwaysOn", True),
                "http20Enabled": True,
            },
            "targetSwapSlot": prepared_with,
            "slotSwapStatus": last
            and {
                "timestampUtc": last.timestamp,
                "sourceSlotName": last.source,
                "destinationSlotName": last.destination,
            },
            "resourceGroup": account.resource_group,
            "defaultHostName": address,
            "httpsOnly": slot.record.https_only,
            "sku": "Standard",
            "clientAffinityEnabled": False,
            "inProgressOperationId": operation.id
            if operation and resource.cloud.options.names_operations
            else None,
            "publicNetworkAccess": "Enabled",
        },
    }


def _host(name: str, kind: str, tls: str) -> dict[str, Any]:
    return {"name": name, "sslState": tls, "hostType": kind, "virtualIP": None, "thumbprint": None}


async def show(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET the site or slot."""
    return web.json_response(site_row(resource))


async def list_slots(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET P/slots."""
    slots = [slot for slot in resource.site.slots.values() if not slot.is_production]
    return web.json_response(
        {"value": [site_row(resource.of(slot)) for slot in slots], "nextLink": None, "id": None}
    )


async def list_sites(account: Account, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET the sites of the subscription or the resource group."""
    rows = [
        site_row(Resource(account.cloud, site, site.production, "")) for site in account.cloud.sites.values()
    ]
    return web.json_response({"value": rows})


async def start(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST start: 200 at once, the process comes up behind it."""
    resource.refuse_while_busy()
    resource.slot.record.running = True
    resource.cloud.store.save_site(resource.site.record)
    await resource.slot.start()
    resource.site.tell(resource.slot.name, "started")
    return web.Response(status=200)


async def stop(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST stop: from now on the site answers 403; its SCM stays."""
    resource.refuse_while_busy()
    resource.slot.record.running = False
    resource.cloud.store.save_site(resource.site.record)
    await resource.slot.stop()
    resource.site.tell(resource.slot.name, "stopped")
    return web.Response(status=200)


async def restart(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST restart: the process and the SCM container restart; a stopped site stays stopped."""
    resource.refuse_while_busy()
    resource.slot.restart_soon()
    resource.slot.recycle_scm(resource.cloud.options.recycle_seconds)
    resource.site.tell(resource.slot.name, "restarted")
    return web.Response(status=200)


async def instances(
    resource: Resource, _request: web.Request, _variables: dict[str, str]
) -> web.StreamResponse:
    """GET instances: there is one."""
    instance = hashlib.sha256(resource.cloud.store.account.instance.encode()).hexdigest()
    worker = resource.slot.occupant.worker
    ready = worker.state in (WorkerState.RUNNING, WorkerState.EMPTY)
    row = {
        "id": f"{resource.id}/instances/{instance}",
        "name": instance,
        "type": f"{resource.type}/instances",
        "location": resource.cloud.store.account.location,
        "properties": {
            "state": "READY" if ready else "UNKNOWN",
            "machineName": INSTANCE,
            "name": instance,
        },
    }
    if not resource.slot.record.running:
        return web.json_response({"value": []})
    return web.json_response({"value": [row]})


async def cannot_create(_resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """PUT, PATCH, DELETE of a site or slot."""
    message = "This local App Service does not create, change or delete sites over ARM: use PUT /_sandbox/sites/{name}."
    raise service_error(501, "NotImplemented", message)
