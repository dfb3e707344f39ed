"""The end that Slack reaches in HTTP mode: what is no request of Slack's gets a plain refusal."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from slack_bolt.app.async_server import AsyncSlackAppServer
from slack_bolt.async_app import AsyncApp

log = logging.getLogger(__name__)
PATH = "/slack/events"


def http_end(app: AsyncApp, host: str, port: int) -> web.Application:
    """Bolt's own server, answering 400 to bodies that it cannot read."""
    server = AsyncSlackAppServer(port, path=PATH, app=app, host=host)
    server.web_app.middlewares.append(_readable_only)
    return server.web_app


@web.middleware
async def _readable_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Bolt reads the body before it looks at the signature, and expects one of Slack's: text, and of Slack's shape."""
    try:
        answer = await handler(request)
    except (LookupError, AttributeError, TypeError, ValueError, RecursionError) as error:
        log.warning("a request of no known shape", extra={"why": type(error).__name__})
        return web.Response(status=400)
    # Bolt's own word for trouble that it has logged; sent again, the same request would be refused as a replay.
    return web.Response(status=400) if answer.status == 500 else answer
