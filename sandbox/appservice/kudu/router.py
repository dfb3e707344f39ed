"""All that a slot's SCM answers, in one table."""

import asyncio

from aiohttp import web

from sandbox.appservice.kudu import commands, deployments, logs, vfs, webjobs, zips
from sandbox.appservice.kudu.scm import Scm, authenticate
from sandbox.appservice.pages import SCM_AWAY
from sandbox.appservice.routing import Route, Routes

_ROUTES: Routes[Scm] = Routes(
    [
        Route("GET", "/api/vfs", vfs.read),
        Route("GET", "/api/vfs/{path:path}", vfs.read),
        Route("HEAD", "/api/vfs/{path:path}", vfs.read),
        Route("PUT", "/api/vfs/{path:path}", vfs.write),
        Route("DELETE", "/api/vfs/{path:path}", vfs.delete),
        Route("GET", "/api/zip/{path:path}", zips.download),
        Route("PUT", "/api/zip/{path:path}", zips.upload),
        Route("POST", "/api/zipdeploy", deployments.zip_deploy),
        Route("POST", "/api/publish", deployments.publish),
        Route("GET", "/api/deployments", deployments.listing),
        Route("GET", "/api/deployments/{id}", deployments.show),
        Route("GET", "/api/deployments/{id}/log", deployments.log),
        Route("GET", "/api/isdeploying", deployments.is_deploying),
        Route("POST", "/api/command", commands.run),
        Route("GET", "/api/logstream", logs.stream),
        Route("GET", "/api/logstream/{path:path}", logs.stream),
        Route("GET", "/logstream", logs.stream),
        Route("GET", "/api/triggeredwebjobs", webjobs.listing),
        Route("GET", "/api/triggeredwebjobs/{job}", webjobs.show),
        Route("POST", "/api/triggeredwebjobs/{job}/run", webjobs.run),
        Route("GET", "/api/triggeredwebjobs/{job}/history", webjobs.history),
        Route("GET", "/api/triggeredwebjobs/{job}/history/{id}", webjobs.show_run),
        Route("GET", "/vfs/{path:path}", webjobs.output),
    ]
)


async def handle(scm: Scm, request: web.Request) -> web.StreamResponse:
    """Answer one request to a slot's SCM."""
    if scm.cloud.options.scm_seconds:
        await asyncio.sleep(scm.cloud.options.scm_seconds)
    if not scm.slot.scm_is_back:
        return web.Response(status=503, text=SCM_AWAY, content_type="text/html")
    refusal = authenticate(scm, request)
    if refusal:
        return refusal
    if request.path == "/":
        return web.Response(
            text="<!DOCTYPE html><title>Kudu Services</title><h1>Kudu</h1>", content_type="text/html"
        )
    path = request.path if request.path.startswith("/api/vfs") else request.path.rstrip("/")
    # A folder of api/zip is the same with and without the slash at its end.
    found = _ROUTES.find(request.method, path)
    if found is None:
        if _ROUTES.knows(path):
            return _message(
                405, "The requested resource does not support http method '" + request.method + "'."
            )
        return _message(404, "No HTTP resource was found that matches the request URI.")
    handler, variables = found
    return await handler(scm, request, variables)


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"Message": text}, status=status)
