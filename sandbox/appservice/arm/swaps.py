"""Swaps over ARM: preview, swap, cancel, differences, and the operation to poll."""

from typing import Any

from aiohttp import web

from sandbox.appservice import swap
from sandbox.appservice.arm.lifecycle import site_row
from sandbox.appservice.arm.resource import Resource, body_of, service_body, service_error
from sandbox.appservice.records import ConnectionString, OperationState, SwapPhase
from sandbox.appservice.slot import Slot


async def swap_slots(resource: Resource, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST slotsswap: 202 and the operation to poll; completes the swap if one was prepared."""
    target = await _target(resource, request)
    resource.refuse_while_busy()
    _refuse_other_preview(resource, target)
    operation = swap.begin(resource.site, resource.slot, target)
    return web.Response(status=202, headers={"Location": _location(resource, operation.id)})


async def apply_slot_config(
    resource: Resource, request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """POST applySlotConfig: the first step of a swap and no more; 200, empty."""
    target = await _target(resource, request)
    resource.refuse_while_busy()
    _refuse_other_preview(resource, target)
    if resource.slot.record.site_auth or target.record.site_auth:
        message = "Swap with Preview cannot be used when one of the slots has site authentication enabled."
        raise service_error(409, "Conflict", message)
    if resource.site.record.swap is None:
        swap.prepare(resource.site, resource.slot, target, SwapPhase.PREVIEWED)
        resource.slot.restart_soon()
    return web.Response(status=200)


async def reset_slot_config(
    resource: Resource, _request: web.Request, _: dict[str, str]
) -> web.StreamResponse:
    """POST resetSlotConfig: cancel a prepared swap; 200, also when none was."""
    resource.refuse_while_busy()
    source = swap.cancel_preview(resource.site)
    if source:
        source.restart_soon()
    return web.Response(status=200)


async def show_operation(
    resource: Resource, _request: web.Request, variables: dict[str, str]
) -> web.StreamResponse:
    """GET operationresults/{id}: 202 until it is over, then the slot, or the error it ended with."""
    operation = resource.site.record.operations.get(variables["id"])
    if operation is None:
        raise service_error(404, "NotFound", f"Cannot find operation with id {variables['id']}.")
    if operation.state is OperationState.RUNNING:
        return web.Response(status=202, headers={"Location": _location(resource, operation.id)})
    if operation.state is OperationState.FAILED:
        return web.json_response(service_body(operation.code, operation.message), status=operation.status)
    return web.json_response(site_row(resource))


async def differences(resource: Resource, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST slotsdiffs: what a swap would change in the target."""
    target = await _target(resource, request)
    rows = [
        *_stored(resource, target, "AppSetting", resource.site.record.sticky_settings),
        *_stored(resource, target, "ConnectionString", resource.site.record.sticky_connection_strings),
        *_general(resource, target),
    ]
    return web.json_response(
        {"value": [_row(resource, target, row) for row in rows], "nextLink": None, "id": None}
    )


async def _target(resource: Resource, request: web.Request) -> Slot:
    body = await body_of(request)
    name = body.get("targetSlot")
    if not isinstance(name, str) or not name:
        raise service_error(400, "BadRequest", "The parameter targetSlot has an invalid value.")
    target = next((slot for slot in resource.site.slots.values() if slot.name == name.lower()), None)
    if target is None:
        raise service_error(404, "NotFound", f"Cannot find slot '{name}' for site '{resource.site.name}'.")
    if target is resource.slot:
        message = f"Cannot swap slot '{name}' with itself: source and target slot must be different."
        raise service_error(400, "BadRequest", message)
    return target


def _refuse_other_preview(resource: Resource, target: Slot) -> None:
    prepared = resource.site.record.swap
    if prepared and {prepared.source, prepared.target} != {resource.slot.name, target.name}:
        message = "The slot cannot be changed because its configuration settings have been prepared for swap."
        raise service_error(409, "Conflict", message)


def _location(resource: Resource, operation: str) -> str:
    return f"{resource.cloud.arm_url}{resource.id}/operationresults/{operation}?api-version={resource.api_version}"


_Difference = tuple[str, str, str, str, str | None, str | None, str]


def _stored(resource: Resource, target: Slot, kind: str, sticky: list[str]) -> list[_Difference]:
    own, other = _values(resource.slot, kind), _values(target, kind)
    what = "app setting" if kind == "AppSetting" else "connection string"
    rows: list[_Difference] = []
    for name in sorted(own.keys() | other.keys()):
        mine, theirs = own.get(name), other.get(name)
        if name in sticky:
            if (mine is None) != (theirs is None):
                text = f"The slot setting {name} is not in both slots."
                rows.append(("Warning", kind, "SlotSettingsMissing", name, mine, theirs, text))
            continue
        if mine == theirs:
            continue
        if mine is None:
            rule, text = (
                "SettingsNotInSource",
                f"The {what} {name} will be removed from the destination slot.",
            )
        elif theirs is None:
            rule, text = (
                "SettingsWillBeAddedToDestination",
                f"The {what} {name} will be added to the destination slot.",
            )
        else:
            rule, text = (
                "SettingsWillBeModifiedInDestination",
                f"The {what} {name} will be changed in the destination slot.",
            )
        rows.append(("Information", kind, rule, name, mine, theirs, text))
    return rows


def _values(slot: Slot, kind: str) -> dict[str, str]:
    if kind == "AppSetting":
        return slot.record.app_settings
    strings: dict[str, ConnectionString] = slot.record.connection_strings
    return {name: one.value for name, one in strings.items()}


def _general(resource: Resource, target: Slot) -> list[_Difference]:
    rows: list[_Difference] = []
    for name in ("linuxFxVersion", "appCommandLine"):
        mine, theirs = str(resource.slot.record.web.get(name) or ""), str(target.record.web.get(name) or "")
        if mine != theirs:
            text = f"The general setting {name} will be changed in the destination slot."
            rows.append(
                ("Information", "General", "SettingsWillBeModifiedInDestination", name, mine, theirs, text)
            )
    return rows


def _row(resource: Resource, target: Slot, row: _Difference) -> dict[str, Any]:
    level, kind, rule, name, mine, theirs, text = row
    return {
        "id": f"{resource.id}/slotsdiffs/{target.name}",
        "name": name,
        "type": f"{resource.type}/slotsdiffs",
        "properties": {
            "level": level,
            "settingType": kind,
            "diffRule": rule,
            "settingName": name,
            "valueInCurrentSlot": mine,
            "valueInTargetSlot": theirs,
            "description": text,
        },
    }
