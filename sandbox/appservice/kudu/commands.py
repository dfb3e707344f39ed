"""api/command: a command in the SCM container (on Linux not the app's, but with the same /home)."""

import asyncio
import json

from aiohttp import web

from sandbox.appservice.kudu.container import beside_the_app
from sandbox.appservice.kudu.places import place
from sandbox.appservice.kudu.scm import Scm
from sandbox.appservice.launch import shell
from sandbox.appservice.nodes import CannotStart
from sandbox.appservice.processes import Child


async def run(scm: Scm, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST {command, dir}: 200 with Output, Error and ExitCode, whatever the command did."""
    try:
        asked = await request.json()
        command, folder = asked["command"], asked.get("dir") or ""
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        return web.json_response(
            {"Message": "The request body must be JSON with command and dir."}, status=400
        )
    content, platform = scm.slot.occupant.content, scm.site.platform(scm.slot)
    below = str(folder).replace("\\", "/") if scm.site.record.windows else str(folder)
    target = place(scm, below.removeprefix(platform.home.replace("\\", "/")).lstrip("/"))
    if not target.is_dir():
        return web.json_response({"Output": "", "Error": f"No such directory: {folder}\n", "ExitCode": 1})
    try:
        line, beside = beside_the_app(scm, str(command))
        variables = scm.site.environment(scm.slot) | beside
    except CannotStart as problem:
        return web.json_response({"Output": "", "Error": f"{problem}\n", "ExitCode": 1})
    output = bytearray()
    child = await Child.start(
        [shell(), "-c", platform.real(line, content)],
        environment=variables,
        folder=target,
        hear=output.extend,
    )
    try:
        code = await asyncio.wait_for(child.wait(), scm.cloud.options.command_seconds)
    except TimeoutError:
        return web.Response(status=504, text="504.0 GatewayTimeout")
    finally:
        if child.exit_code is None:
            await child.kill()
    text = output.decode(errors="replace")
    return web.json_response({"Output": text, "Error": "" if code == 0 else text, "ExitCode": code})
