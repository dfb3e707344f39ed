"""What surrounds the sites: tenants, subscriptions, resource groups, plans, the provider."""

from typing import Any

from aiohttp import web

from sandbox.appservice.arm.resource import Account, front_end_error, plan_id, resource_group_id
from sandbox.appservice.cloud import Cloud


async def list_subscriptions(
    account: Account, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """GET /subscriptions."""
    return web.json_response(
        {"value": [_subscription(account.cloud)], "count": {"type": "Total", "value": 1}}
    )


async def show_subscription(account: Account, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET /subscriptions/{sub}."""
    return web.json_response(_subscription(account.cloud))


async def list_tenants(account: Account, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET /tenants."""
    tenant = account.cloud.store.account.tenant
    return web.json_response(
        {"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "Sandbox"}]}
    )


async def list_resource_groups(
    account: Account, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """GET the resource groups: there is one."""
    return web.json_response({"value": [_resource_group(account.cloud)]})


async def show_resource_group(
    account: Account, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """GET the resource group."""
    return web.json_response(_resource_group(account.cloud))


async def list_plans(account: Account, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET serverfarms."""
    return web.json_response({"value": [_plan(account.cloud)]})


async def show_plan(account: Account, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET serverfarms/{plan}."""
    if variables["plan"].lower() != account.cloud.store.account.plan.lower():
        raise not_found(account.cloud, f"Microsoft.Web/serverfarms/{variables['plan']}")
    return web.json_response(_plan(account.cloud))


async def show_provider(_account: Account, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET providers/Microsoft.Web."""
    return web.json_response(
        {"namespace": "Microsoft.Web", "registrationState": "Registered", "resourceTypes": []}
    )


def not_found(cloud: Cloud, resource: str) -> Exception:
    """ARM's 404 for a resource."""
    message = (
        f"The Resource '{resource}' under resource group '{cloud.store.account.resource_group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return front_end_error(404, "ResourceNotFound", message)


def _subscription(cloud: Cloud) -> dict[str, Any]:
    account = cloud.store.account
    return {
        "id": f"/subscriptions/{account.subscription}",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": account.subscription,
        "tenantId": account.tenant,
        "displayName": "Sandbox",
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def _resource_group(cloud: Cloud) -> dict[str, Any]:
    account = cloud.store.account
    return {
        "id": resource_group_id(cloud),
        "name": account.resource_group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "properties": {"provisioningState": "Succeeded"},
    }


def _plan(cloud: Cloud) -> dict[str, Any]:
    account = cloud.store.account
    return {
        "id": plan_id(cloud),
        "name": account.plan,
        "type": "Microsoft.Web/serverfarms",
        "kind": "linux",
        "location": account.location,
        "properties": {
            "name": account.plan,
            "status": "Ready",
            "numberOfSites": len(cloud.sites),
            "numberOfWorkers": 1,
            "resourceGroup": account.resource_group,
            "reserved": True,
            "provisioningState": "Succeeded",
        },
        "sku": {"name": "S1", "tier": "Standard", "size": "S1", "family": "S", "capacity": 1},
    }
