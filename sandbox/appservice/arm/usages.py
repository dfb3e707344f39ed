"""usages: what a site uses of what its plan allows. The file system is one share for all sites of the plan."""

from typing import Any

from aiohttp import web

from sandbox.appservice.arm.resource import Resource

_NEVER = "9999-12-31T23:59:59.9999999Z"


async def of_site(resource: Resource, _: web.Request, __: dict[str, str]) -> web.StreamResponse:
    """GET usages."""
    store = resource.cloud.store
    used = await resource.cloud.share.used()
    rows = [
        _row("FileSystemStorage", "File System Storage", used, store.account.plan_bytes),
        _row("Memory", "Memory", 0, 3584 << 20),
    ]
    return web.json_response({"value": rows, "nextLink": None, "id": None})


def _row(name: str, words: str, used: int, limit: int) -> dict[str, Any]:
    return {
        "unit": "Bytes",
        "nextResetTime": _NEVER,
        "currentValue": used,
        "limit": limit,
        "name": {"value": name, "localizedValue": words},
    }
