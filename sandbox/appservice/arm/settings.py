"""App settings, connection strings, sticky names and web configuration."""

import re
from typing import Any

from aiohttp import web

from sandbox.appservice.arm.resource import Refused, Resource, body_of, service_error
from sandbox.appservice.records import ConnectionString

# https://learn.microsoft.com/azure/app-service/configure-common: on Linux only these characters
_SETTING_NAME = re.compile(r"[A-Za-z0-9_.]+")
_CONNECTION_TYPES = {
    one.lower(): one
    for one in (
        "MySql", "SQLServer", "SQLAzure", "Custom", "NotificationHub", "ServiceBus",
        "EventHub", "ApiHub", "DocDb", "RedisCache", "PostgreSQL",
    )
}  # fmt: skip
_WEB_DEFAULTS: dict[str, Any] = {
    "numberOfWorkers": 1,
    "defaultDocuments": ["Default.htm", "Default.html", "index.htm", "index.html"],
    "netFrameworkVersion": "v4.0",
    "phpVersion": "",
    "pythonVersion": "",
    "nodeVersion": "",
    "linuxFxVersion": "",
    "windowsFxVersion": None,
    "requestTracingEnabled": False,
    "remoteDebuggingEnabled": False,
    "httpLoggingEnabled": False,
    "logsDirectorySizeLimit": 35,
    "detailedErrorLoggingEnabled": False,
    "scmType": "None",
    "use32BitWorkerProcess": False,
    "webSocketsEnabled": False,
    "alwaysOn": True,
    "appCommandLine": "",
    "managedPipelineMode": "Integrated",
    "virtualApplications": [],
    "loadBalancing": "LeastRequests",
    "experiments": {"rampUpRules": []},
    "autoHealEnabled": False,
    "autoSwapSlotName": None,
    "vnetName": "",
    "localMySqlEnabled": False,
    "ipSecurityRestrictions": [],
    "scmIpSecurityRestrictions": [],
    "http20Enabled": True,
    "minTlsVersion": "1.2",
    "ftpsState": "FtpsOnly",
    "preWarmedInstanceCount": 0,
    "healthCheckPath": None,
}
# What changes the process; other parts of web configuration do not restart it.
_RESTARTING = ("linuxFxVersion", "appCommandLine")


async def list_app_settings(
    resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """POST config/appsettings/list."""
    return web.json_response(
        resource.part("appsettings", "appsettings", dict(resource.slot.record.app_settings))
    )


async def put_app_settings(resource: Resource, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """PUT config/appsettings: replaces all of them; the site restarts and its SCM is recycled."""
    properties = _properties(await body_of(request))
    bad = [name for name in properties if not _SETTING_NAME.fullmatch(name)]
    if bad:
        raise service_error(400, "BadRequest", f"AppSetting with name(s) '{','.join(bad)}' is not allowed.")
    resource.refuse_configuration()
    resource.slot.record.app_settings = {
        name: str(value) for name, value in properties.items() if value is not None
    }
    resource.configuration_changed()
    resource.site.tell(resource.slot.name, "app settings written")
    return await list_app_settings(resource, request, {})


async def list_connection_strings(
    resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """POST config/connectionstrings/list."""
    strings = {
        name: {"value": one.value, "type": one.type}
        for name, one in resource.slot.record.connection_strings.items()
    }
    return web.json_response(resource.part("connectionstrings", "connectionstrings", strings))


async def put_connection_strings(
    resource: Resource, request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """PUT config/connectionstrings: replaces all of them."""
    properties = _properties(await body_of(request))
    strings = {name: _connection_string(name, one) for name, one in properties.items()}
    resource.refuse_configuration()
    resource.slot.record.connection_strings = strings
    resource.configuration_changed()
    resource.site.tell(resource.slot.name, "connection strings written")
    return await list_connection_strings(resource, request, {})


def _connection_string(name: str, row: Any) -> ConnectionString:
    kind = _CONNECTION_TYPES.get(str(row.get("type", "")).lower()) if isinstance(row, dict) else None
    if kind is None or not isinstance(row.get("value"), str):
        raise service_error(
            400, "BadRequest", f"The connection string '{name}' needs a value and a known type."
        )
    return ConnectionString(row["value"], kind)


async def show_sticky_names(
    resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """GET config/slotConfigNames (of the site; slots have none)."""
    record = resource.site.record
    body = {
        "id": f"{resource.id}/config/slotConfigNames",
        "name": resource.site.name,
        "type": "Microsoft.Web/sites",
        "location": resource.cloud.store.account.location,
        "properties": {
            "connectionStringNames": record.sticky_connection_strings or None,
            "appSettingNames": record.sticky_settings or None,
            "azureStorageConfigNames": None,
        },
    }
    return web.json_response(body)


async def put_sticky_names(resource: Resource, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """PUT config/slotConfigNames: lists that are left out stay as they are."""
    properties = _properties(await body_of(request))
    for slot in resource.site.slots.values():
        resource.of(slot).refuse_configuration()
    record = resource.site.record
    if properties.get("appSettingNames") is not None:
        record.sticky_settings = [str(name) for name in properties["appSettingNames"]]
    if properties.get("connectionStringNames") is not None:
        record.sticky_connection_strings = [str(name) for name in properties["connectionStringNames"]]
    resource.cloud.store.save_site(resource.site.record)
    return await show_sticky_names(resource, request, {})


async def no_sticky_names(
    _resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """slotConfigNames of a slot: belongs to the site."""
    raise service_error(404, "NotFound", "slotConfigNames is a configuration of the site, not of a slot.")


async def show_web(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET config/web."""
    return web.json_response(resource.part("web", resource.name, web_row(resource)))


async def list_configurations(
    resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """GET config."""
    return web.json_response({"value": [resource.part("web", resource.name, web_row(resource))]})


def web_row(resource: Resource) -> dict[str, Any]:
    """The whole web configuration."""
    own = resource.slot.record.web
    return _WEB_DEFAULTS | {"publishingUsername": f"${resource.site.name}"} | own


async def patch_web(resource: Resource, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """PATCH or PUT config/web: what is named changes; the stack and the start command restart the site."""
    properties = _properties(await body_of(request))
    resource.refuse_configuration()
    _check_ramp_up(resource, properties.get("experiments"))
    record = resource.slot.record
    # Settings can be written through here as well, as `az` and templates do.
    if isinstance(properties.get("appSettings"), list):
        record.app_settings = {str(one["name"]): str(one["value"]) for one in properties.pop("appSettings")}
    before = {key: record.web.get(key) for key in _RESTARTING}
    record.web.update(
        {key: value for key, value in properties.items() if key in _WEB_DEFAULTS and value is not None}
    )
    resource.cloud.store.save_site(resource.site.record)
    if before != {key: record.web.get(key) for key in _RESTARTING}:
        resource.configuration_changed()
    resource.site.tell(resource.slot.name, "web configuration written", ", ".join(sorted(properties)))
    return await show_web(resource, request, {})


async def show_authentication(
    resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """GET config/authsettingsV2: whether it is on, and nothing else."""
    platform = {"platform": {"enabled": resource.slot.record.site_auth}}
    return web.json_response(resource.part("authsettingsV2", "authsettingsV2", platform))


async def put_authentication(
    resource: Resource, request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """PUT config/authsettingsV2: on or off; visitors are let in all the same."""
    platform = _properties(await body_of(request)).get("platform")
    resource.refuse_configuration()
    resource.slot.record.site_auth = isinstance(platform, dict) and bool(platform.get("enabled"))
    resource.configuration_changed()
    resource.site.tell(resource.slot.name, "authentication written")
    return await show_authentication(resource, request, {})


def _check_ramp_up(resource: Resource, experiments: Any) -> None:
    """Traffic routing: each rule names a slot and its share, together at most 100 percent."""
    rules = (experiments or {}).get("rampUpRules") or []
    total = 0.0
    for rule in rules:
        slot = resource.site.slots.get(str(rule.get("name")))
        if slot is None or slot.is_production:
            message = (
                f"The ramp up rule '{rule.get('name')}' does not name a slot of site '{resource.site.name}'."
            )
            raise service_error(400, "BadRequest", message)
        # `az` makes the slot's host name out of production's: the slot's name after the first label.
        label, _, domain = resource.site.address(resource.site.production).partition(".")
        hosts = (
            resource.site.address(slot),
            f"{slot.host_label}.azurewebsites.net",
            f"{label}-{slot.name}.{domain}",
        )
        if rule.get("actionHostName") not in hosts:
            raise service_error(
                400, "BadRequest", f"ActionHostName '{rule.get('actionHostName')}' is not valid."
            )
        total += float(rule.get("reroutePercentage") or 0)
    if total > 100:
        raise service_error(
            400, "BadRequest", "The sum of reroutePercentage of all ramp up rules exceeds 100."
        )


def _properties(body: dict[str, Any]) -> dict[str, Any]:
    properties = body.get("properties", {})
    if not isinstance(properties, dict):
        raise _invalid("properties")
    return properties


def _invalid(name: str) -> Refused:
    return service_error(400, "BadRequest", f"The parameter {name} has an invalid value.")
