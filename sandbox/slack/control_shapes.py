"""What the two halves of the control API share: kinds of handlers, and how people are shown."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.slack.people import as_user, is_guest, team_of
from sandbox.slack.shapes import TEAM_ID, Json, NotPossible

Look = Callable[[web.Request], Awaitable[web.StreamResponse]]
Ask = Callable[[Json], Awaitable[Json]]


def person_shown(person: Json) -> Json:
    """A person as users.info has them, with a word for their role."""
    role = "app" if person.get("is_bot") else "guest" if is_guest(person) else "member"
    if person.get("deleted"):
        role = "deactivated"
    elif team_of(person) != TEAM_ID:
        role = "another workspace"
    elif person.get("is_admin"):
        role = "admin"
    return as_user(person) | {"role": role, "display": person["name"]}


async def manifest_sent(request: web.Request) -> Json:
    """A manifest as it was sent: {manifest: text or object}, the object itself, or its JSON or YAML text."""
    text = await request.text()
    try:
        found: Any = json.loads(text)
    except json.JSONDecodeError:
        return {"manifest": text}
    if not isinstance(found, dict):
        raise NotPossible("A manifest is an object.")
    return found if "manifest" in found else {"manifest": found}


def answering(handler: Ask) -> Look:
    """A handler that takes a JSON object and answers one."""

    async def answer(request: web.Request) -> web.Response:
        try:
            wish: Any = await request.json() if request.can_read_body else {}
        except json.JSONDecodeError as error:
            raise NotPossible("The body is not JSON.") from error
        if not isinstance(wish, dict):
            raise NotPossible("The body is not a JSON object.")
        # A caller who hangs up must not cut off a delivery half way.
        return web.json_response(await asyncio.shield(handler(wish)))

    return answer
