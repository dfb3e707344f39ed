"""ARM's front end: the token, the api-version, the resource; then the routine that answers."""

import re
import uuid

from aiohttp import web

from sandbox.appservice.arm import (
    accounts,
    lifecycle,
    publishing,
    references,
    settings,
    swaps,
    usages,
    webjobs,
)
from sandbox.appservice.arm.resource import Account, Refused, Resource, front_end_error
from sandbox.appservice.cloud import Cloud
from sandbox.appservice.records import PRODUCTION
from sandbox.appservice.routing import Route, Routes
from sandbox.appservice.tokens import BadToken

_SITE = re.compile(
    r"/subscriptions/(?P<sub>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft\.Web/sites/(?P<site>[^/]+)"
    r"(?:/slots/(?P<slot>[^/]+))?(?P<rest>/.*)?",
    re.IGNORECASE,
)
_SCOPE = re.compile(
    r"/subscriptions/(?P<sub>[^/]+)(?:/resourceGroups/(?P<group>[^/]+))?(?:/.*)?", re.IGNORECASE
)
# The versions of Microsoft.Web that exist; anything else is refused as ARM refuses it.
_VERSIONS = frozenset(
    [
        "2014-04-01",
        "2014-06-01",
        "2014-11-01",
        "2015-02-01",
        "2015-08-01",
        "2016-03-01",
        "2016-08-01",
        "2016-09-01",
        "2018-02-01",
        "2018-11-01",
        "2019-08-01",
        "2020-06-01",
        "2020-09-01",
        "2020-10-01",
        "2020-12-01",
        "2021-01-01",
        "2021-01-15",
        "2021-02-01",
        "2021-03-01",
        "2022-03-01",
        "2022-09-01",
        "2023-01-01",
        "2023-12-01",
        "2024-04-01",
        "2024-11-01",
        "2025-03-01",
        "2025-05-01",
    ]
)

_SITE_ROUTES: Routes[Resource] = Routes(
    [
        Route("GET", "", lifecycle.show),
        Route("PUT", "", lifecycle.cannot_create),
        Route("PATCH", "", lifecycle.cannot_create),
        Route("DELETE", "", lifecycle.cannot_create),
        Route("GET", "/slots", lifecycle.list_slots),
        Route("POST", "/start", lifecycle.start),
        Route("POST", "/stop", lifecycle.stop),
        Route("POST", "/restart", lifecycle.restart),
        Route("GET", "/instances", lifecycle.instances),
        Route("POST", "/config/appsettings/list", settings.list_app_settings),
        Route("PUT", "/config/appsettings", settings.put_app_settings),
        Route("POST", "/config/connectionstrings/list", settings.list_connection_strings),
        Route("PUT", "/config/connectionstrings", settings.put_connection_strings),
        Route("GET", "/config/configreferences/appsettings", references.of_app_settings),
        Route("GET", "/config/configreferences/connectionstrings", references.of_connection_strings),
        Route("GET", "/usages", usages.of_site),
        Route("GET", "/config/slotConfigNames", settings.show_sticky_names),
        Route("PUT", "/config/slotConfigNames", settings.put_sticky_names),
        Route("GET", "/config", settings.list_configurations),
        Route("GET", "/config/web", settings.show_web),
        Route("PATCH", "/config/web", settings.patch_web),
        Route("PUT", "/config/web", settings.patch_web),
        Route("GET", "/config/authsettingsV2", settings.show_authentication),
        Route("PUT", "/config/authsettingsV2", settings.put_authentication),
        Route("POST", "/config/publishingcredentials/list", publishing.list_credentials),
        Route("GET", "/basicPublishingCredentialsPolicies/{kind}", publishing.show_policy),
        Route("PUT", "/basicPublishingCredentialsPolicies/{kind}", publishing.put_policy),
        Route("POST", "/publishxml", publishing.publish_profile),
        Route("POST", "/slotsswap", swaps.swap_slots),
        Route("POST", "/slotsdiffs", swaps.differences),
        Route("POST", "/applySlotConfig", swaps.apply_slot_config),
        Route("POST", "/resetSlotConfig", swaps.reset_slot_config),
        Route("GET", "/operationresults/{id}", swaps.show_operation),
        Route("GET", "/triggeredwebjobs", webjobs.listing),
        Route("GET", "/triggeredwebjobs/{job}", webjobs.show),
        Route("POST", "/triggeredwebjobs/{job}/run", webjobs.run),
        Route("GET", "/triggeredwebjobs/{job}/history", webjobs.history),
        Route("GET", "/triggeredwebjobs/{job}/history/{id}", webjobs.show_run),
    ]
)
# Configurations that exist on the site only.
_SLOT_ROUTES: Routes[Resource] = Routes(
    [
        Route("GET", "/config/slotConfigNames", settings.no_sticky_names),
        Route("PUT", "/config/slotConfigNames", settings.no_sticky_names),
    ]
)
_GROUP = "/subscriptions/{sub}/resourceGroups/{group}"
_ACCOUNT_ROUTES: Routes[Account] = Routes(
    [
        Route("GET", "/subscriptions", accounts.list_subscriptions),
        Route("GET", "/subscriptions/{sub}", accounts.show_subscription),
        Route("GET", "/tenants", accounts.list_tenants),
        Route("GET", "/subscriptions/{sub}/resourceGroups", accounts.list_resource_groups),
        Route("GET", _GROUP, accounts.show_resource_group),
        Route("GET", "/subscriptions/{sub}/providers/Microsoft.Web", accounts.show_provider),
        Route("GET", "/subscriptions/{sub}/providers/Microsoft.Web/sites", lifecycle.list_sites),
        Route("GET", f"{_GROUP}/providers/Microsoft.Web/sites", lifecycle.list_sites),
        Route("GET", "/subscriptions/{sub}/providers/Microsoft.Web/serverfarms", accounts.list_plans),
        Route("GET", f"{_GROUP}/providers/Microsoft.Web/serverfarms", accounts.list_plans),
        Route("GET", f"{_GROUP}/providers/Microsoft.Web/serverfarms/{{plan}}", accounts.show_plan),
    ]
)


async def handle(cloud: Cloud, request: web.Request) -> web.StreamResponse:
    """Answer one call, with ARM's headers."""
    try:
        response = await _answer(cloud, request)
    except Refused as refusal:
        response = refusal.response
    except BadToken as error:
        response = web.json_response({"error": {"code": error.code, "message": error.message}}, status=401)
        response.headers["WWW-Authenticate"] = (
            f'Bearer authorization_uri="{cloud.arm_url}/{cloud.store.account.tenant}", error="invalid_token", '
            f'error_description="{error.message.replace(chr(34), chr(39))}"'
        )
    request_id = str(uuid.uuid4())
    response.headers["x-ms-request-id"] = request_id
    response.headers["x-ms-correlation-request-id"] = request.headers.get(
        "x-ms-correlation-request-id", request_id
    )
    response.headers.setdefault("Cache-Control", "no-cache")
    return response


async def _answer(cloud: Cloud, request: web.Request) -> web.StreamResponse:
    cloud.tokens.check(request.headers.get("Authorization"))
    path = request.path.rstrip("/")
    _check_scope(cloud, path)
    version = _api_version(request)
    match = _SITE.fullmatch(path)
    if match is None:
        found = _ACCOUNT_ROUTES.find(request.method, path)
        if found is None:
            raise _no_route(path, known=_ACCOUNT_ROUTES.knows(path))
        handler, variables = found
        return await handler(Account(cloud), request, variables)
    if version not in _VERSIONS:
        message = (
            "The resource type 'sites' could not be found in the namespace 'Microsoft.Web' for api version "
            f"'{version}'. The supported api-versions are '{','.join(sorted(_VERSIONS))}'."
        )
        raise front_end_error(400, "InvalidResourceType", message)
    resource = _resource(cloud, match, request.method, version)
    rest = match["rest"] or ""
    found_route = None
    if not resource.slot.is_production:
        found_route = _SLOT_ROUTES.find(request.method, rest)
    found_route = found_route or _SITE_ROUTES.find(request.method, rest)
    if found_route is None:
        raise _no_route(path, known=_SITE_ROUTES.knows(rest))
    site_handler, variables = found_route
    return await site_handler(resource, request, variables)


def _check_scope(cloud: Cloud, path: str) -> None:
    scope = _SCOPE.fullmatch(path)
    if scope is None:
        return
    account = cloud.store.account
    if scope["sub"].lower() != account.subscription:
        message = f"The subscription '{scope['sub']}' could not be found."
        raise front_end_error(404, "SubscriptionNotFound", message)
    if scope["group"] and scope["group"].lower() != account.resource_group.lower():
        raise front_end_error(
            404, "ResourceGroupNotFound", f"Resource group '{scope['group']}' could not be found."
        )


def _api_version(request: web.Request) -> str:
    version = request.query.get("api-version", "")
    if not version:
        message = "The api-version query parameter (?api-version=) is required for all requests."
        raise front_end_error(400, "MissingApiVersionParameter", message)
    return version


def _resource(cloud: Cloud, match: re.Match[str], method: str, version: str) -> Resource:
    site = cloud.sites.get(match["site"].lower())
    if site is None:
        raise accounts.not_found(cloud, f"Microsoft.Web/sites/{match['site']}")
    name = (match["slot"] or PRODUCTION).lower()
    slot = site.slots.get(name) if match["slot"] is None or name != PRODUCTION else None
    if slot is None:
        if method == "PUT" and not match["rest"]:
            message = (
                f"This local App Service does not create slots over ARM: use PUT /_sandbox/sites/{site.name}."
            )
            raise front_end_error(501, "NotImplemented", message)
        raise accounts.not_found(cloud, f"Microsoft.Web/sites/{site.name}/slots/{match['slot']}")
    return Resource(cloud, site, slot, version)


def _no_route(path: str, *, known: bool) -> Refused:
    if known:
        return front_end_error(
            405, "HttpMethodNotSupported", "The HTTP method is not supported at this address."
        )
    return front_end_error(404, "InvalidResourceType", f"The local App Service does not serve '{path}'.")
