"""Arguments of Web API calls: forms, and JSON bodies where the method takes them; paging, required fields."""

import base64
import binascii
import json
from typing import Any

from aiohttp import web

from sandbox.slack.shapes import Json, SlackRefusal


async def read_arguments(request: web.Request, takes_json: bool) -> tuple[Json, list[str]]:
    """The arguments of a call and Slack's warnings about how they were sent."""
    found: Json = dict(request.query)
    warnings: list[str] = []
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except json.JSONDecodeError as error:
            raise SlackRefusal("invalid_json") from error
        if not isinstance(body, dict):
            raise SlackRefusal("json_not_object")
        if request.charset is None:
            warnings.append("missing_charset")
        found |= body if takes_json else {}
    elif request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        found |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    elif request.can_read_body and request.content_length:
        raise SlackRefusal("invalid_post_type")
    return {key: value for key, value in found.items() if value is not None}, warnings


def need(arguments: Json, *names: str) -> None:
    """Refuse a call that lacks a required argument."""
    missing = [name for name in names if arguments.get(name) in (None, "")]
    if missing:
        messages = [f"[ERROR] missing required field: {name}" for name in missing]
        raise SlackRefusal("invalid_arguments", response_metadata={"messages": messages})


def flag(arguments: Json, name: str, *, otherwise: bool = False) -> bool:
    """A boolean, which forms spell as a word."""
    value = arguments.get(name)
    if value is None:
        return otherwise
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true")


def structure(arguments: Json, name: str, error: str) -> Any:
    """A JSON value, which forms carry as text; refused with ``error`` when it cannot be read."""
    value = arguments.get(name)
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return json.loads(value)
    except json.JSONDecodeError as reason:
        raise SlackRefusal(error) from reason


def page(
    items: list[Json], key: str, arguments: Json, *, usual: int = 100, most: int = 1000
) -> tuple[list[Json], Json]:
    """One page of ``items`` (each known by its ``key``) and the response_metadata with the next cursor."""
    try:
        limit = int(arguments.get("limit") or usual)
    except (TypeError, ValueError) as error:
        raise SlackRefusal("invalid_limit") from error
    if not 1 <= limit <= most:
        raise SlackRefusal("invalid_limit")
    start = 0
    if arguments.get("cursor"):
        wanted = _decode(str(arguments["cursor"]))
        start = next((at for at, item in enumerate(items) if item[key] == wanted), -1)
        if start < 0:
            raise SlackRefusal("invalid_cursor")
    following = items[start + limit : start + limit + 1]
    cursor = base64.b64encode(f"next:{following[0][key]}".encode()).decode() if following else ""
    return items[start : start + limit], {"next_cursor": cursor}


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, validate=True).decode().removeprefix("next:")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise SlackRefusal("invalid_cursor") from error
