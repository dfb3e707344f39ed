"""config/configreferences: which settings are references to Key Vault, and whether they resolve."""

from collections.abc import Mapping

from aiohttp import web

from sandbox.appservice.arm.resource import Resource
from sandbox.appservice.vaults import Status, look_up

_DETAILS = {
    Status.RESOLVED: "Reference has been successfully resolved.",
    Status.INVALID_SYNTAX: "Reference was not able to be resolved because it is not in a valid form.",
    Status.VAULT_NOT_FOUND: "Key Vault reference was not able to be resolved because the vault was not found.",
    Status.SECRET_NOT_FOUND: "Key Vault reference was not able to be resolved because the secret was not found.",
    Status.ACCESS_DENIED: "Key Vault reference was not able to be resolved because site was denied access.",
}


async def of_app_settings(resource: Resource, _: web.Request, __: dict[str, str]) -> web.StreamResponse:
    """GET config/configreferences/appsettings."""
    return _listing(resource, "appsettings", resource.slot.record.app_settings)


async def of_connection_strings(resource: Resource, _: web.Request, __: dict[str, str]) -> web.StreamResponse:
    """GET config/configreferences/connectionstrings."""
    strings = {name: one.value for name, one in resource.slot.record.connection_strings.items()}
    return _listing(resource, "connectionstrings", strings)


def _listing(resource: Resource, kind: str, settings: Mapping[str, str]) -> web.Response:
    rows = []
    identity = resource.site.identity(resource.slot)
    for name, text in settings.items():
        reference = look_up(resource.cloud.store.vaults, identity, text)
        if reference is None:
            continue
        told = {
            "reference": text,
            "status": str(reference.status),
            "vaultName": reference.vault,
            "secretName": reference.secret,
            "secretVersion": "",
            "identityType": "SystemAssigned",
            "details": _DETAILS[reference.status],
            "source": "KeyVault",
        }
        rows.append(
            {
                "id": f"{resource.id}/config/configreferences/{kind}/{name}",
                "name": name,
                "type": f"{resource.type}/config/configreferences",
                "location": resource.cloud.store.account.location,
                "properties": told,
            }
        )
    return web.json_response({"value": rows, "nextLink": None, "id": None})
