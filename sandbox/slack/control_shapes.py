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
