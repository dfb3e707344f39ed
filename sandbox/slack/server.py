"""The local Slack as one HTTP server: Web API, sockets, response_urls, files, control API and page."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

from aiohttp import hdrs, web

from sandbox.slack.composer import Composer
from sandbox.slack.control import Control
from sandbox.slack.deliveries import Deliveries
from sandbox.slack.house import House
from sandbox.slack.interactions import Interactions
from sandbox.slack.requests import Requests
from sandbox.slack.response_urls import ResponseUrls
from sandbox.slack.shapes import TEAM_ID, Json, NotPossible, SlackRefusal
from sandbox.slack.sockets import Sockets
from sandbox.slack.web_api import WebApi
from sandbox.slack.workspace import Workspace

PAGE = Path(__file__).parent / "page"
SHOWN_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp")
LARGEST_BODY = 64 * 1024 * 1024  # bytes
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# The page shows text that apps and people wrote: nothing in it may run, and pictures may come from anywhere.
SAFETY = {
    "Content-Security-Policy": "default-src 'self'; img-src * data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class LocalSlack:
    """A running local Slack. ``as_json`` says how to reach it, ``stop`` ends it."""

    def __init__(self, workspace: Workspace, runner: web.AppRunner, deliveries: Deliveries) -> None:
        self._workspace = workspace
        self._runner = runner
        self._deliveries = deliveries

    def as_json(self) -> Json:
        """Addresses, credentials and ids, for whoever connects to it."""
        workspace = self._workspace
        return {
            "api": f"{workspace.base}/api/",
            "page": f"{workspace.base}/",
            "control": f"{workspace.base}/_sandbox/",
            "bot_token": workspace.app.bot_token,
            "app_token": workspace.app.app_token,
            "signing_secret": workspace.app.signing_secret,
            "team_id": TEAM_ID,
            "users": {person["name"]: person["id"] for person in workspace.people.all()},
            "groups": {group["handle"]: group["id"] for group in workspace.people.groups()},
            "channels": {c["name"]: c["id"] for c in workspace.channels.all() if "name" in c},
        }

    async def stop(self) -> None:
        """Close all connections and the state on disk. May be called twice."""
        await self._deliveries.close()
        await self._runner.cleanup()
        self._workspace.store.close()


async def start(state: Path, host: str = "127.0.0.1", port: int = 0, *, public: str = "") -> LocalSlack:
    """Start a local Slack that keeps its state in the folder ``state``; port 0 takes a free one.

    ``public`` is the address others reach it at (http://name:port) when it is not where it listens.
    Raises OSError when the port is taken.
    """
    workspace = Workspace(state, public)
    sockets = Sockets(workspace)
    requests = Requests(workspace)
    deliveries = Deliveries(workspace, sockets, requests)
    urls = ResponseUrls(workspace)
    composer = Composer(workspace, deliveries, urls)
    interactions = Interactions(workspace, deliveries, urls)
    house = House(workspace, deliveries, sockets, requests)
    control = Control(workspace, composer, interactions, sockets, house)
    api = WebApi(workspace, (sockets.method,), composer.bot_posted)
    application = web.Application(middlewares=[_guard], client_max_size=LARGEST_BODY)
    application.add_routes(control.routes())
    application.add_routes(
        [
            web.route("*", "/api/{method}", api.answer),
            web.get("/link/", sockets.serve),
            web.post("/{kind:commands|actions}/{team}/{id}/{name}", _response_url(urls)),
            *_file_routes(workspace),
            web.get("/", _index),
            web.get("/archives/{rest:.*}", _index),
            web.static("/static", PAGE),
        ]
    )
    # Streams to pages never end by themselves, so do not wait for them.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        workspace.store.close()
        raise
    bound = runner.addresses[0][1]
    reached = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
    workspace.base = public.rstrip("/") or f"http://{reached}:{bound}"
    deliveries.resume()
    return LocalSlack(workspace, runner, deliveries)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Foreign web pages must not drive the sandbox, and people get sentences instead of tracebacks."""
    if request.path.startswith("/_sandbox/") and _is_foreign(request):
        return web.json_response({"ok": False, "problem": "Not from this page."}, status=403)
    try:
        return await handler(request)
    except NotPossible as reason:
        return web.json_response({"ok": False, "problem": str(reason)}, status=400)
    except ConnectionResetError:
        # The caller is gone: nobody to answer.
        raise asyncio.CancelledError from None


def _is_foreign(request: web.Request) -> bool:
    """Asked by another site's page, or by one whose name was made to point here (DNS rebinding)."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin and origin.partition("://")[2] != request.host:
        return True
    name = request.host.rpartition(":")[0] or request.host
    is_name = any(letter.isalpha() for letter in name) and "." in name
    return is_name and not name.endswith(".localhost")


async def _index(_request: web.Request) -> web.StreamResponse:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    return web.Response(text=text, content_type="text/html", headers=SAFETY)


def _response_url(urls: ResponseUrls) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
        except json.JSONDecodeError:
            return web.Response(status=400, text="invalid_payload")
        try:
            urls.use(request.match_info["name"], body if isinstance(body, dict) else {})
        except SlackRefusal as refusal:
            gone = refusal.error in ("used_url", "expired_url")
            return web.json_response({"ok": False, "error": refusal.error}, status=404 if gone else 400)
        return web.Response(text="ok")

    return answer


def _file_routes(workspace: Workspace) -> list[web.RouteDef]:
    async def upload(request: web.Request) -> web.Response:
        content = await _uploaded(request)
        if not workspace.files.receive(request.match_info["file"], content):
            return web.Response(status=400, text="The upload does not match its ticket.")
        return web.Response(text=f"OK - {len(content)}")

    async def private(request: web.Request) -> web.Response:
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        if given != f"Bearer {workspace.app.bot_token}":
            return web.Response(status=302, headers={"Location": "/"})
        if "files:read" not in workspace.app.manifest.scopes:
            return web.Response(status=403)
        return _file(workspace, request.match_info["file"])

    async def shown(request: web.Request) -> web.Response:
        return _file(workspace, request.match_info["file"])

    return [
        web.post("/upload/v1/{file}", upload),
        web.get("/_sandbox/files/{file}", shown),
        web.get("/files-pri/{team:T[A-Z0-9]+}-{file}/{name}", private),
        web.get("/files-pri/download/{team:T[A-Z0-9]+}-{file}/{name}", private),
    ]


async def _uploaded(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    fields = await request.post()
    for field in fields.values():
        if isinstance(field, web.FileField):
            return field.file.read()
    return b""


def _file(workspace: Workspace, identifier: str) -> web.Response:
    file = workspace.files.find(identifier)
    if file is None:
        return web.Response(status=404, text="There is no such file.")
    kind = file["mimetype"]
    inline = kind in SHOWN_INLINE
    disposition = "inline" if inline else f"attachment; filename*=UTF-8''{quote(file['name'])}"
    return web.Response(
        body=workspace.files.content(identifier),
        content_type=kind if inline else "application/octet-stream",
        headers={"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"},
    )
