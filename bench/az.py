"""The real `az` against the local App Service: it wants https, so a small door with TLS stands in front of ARM."""

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from demo.world import DidNotStart
from sandbox.appservice.certificates import authority_path, server_context

_OF_THE_CONNECTION = {"transfer-encoding", "content-length", "content-encoding", "connection", "host"}


class Az:
    """`az`, signed in, in a configuration of its own."""

    def __init__(self, program: Path, environment: Mapping[str, str]) -> None:
        self._program = program
        self._environment = environment

    async def run(self, *words: str) -> None:
        """One command; DidNotStart tells what it said when it failed."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            *words,
            "--only-show-errors",
            "--output",
            "none",
            env=dict(self._environment),
            stdout=PIPE,
            stderr=PIPE,
        )
        _, problem = await asyncio.wait_for(process.communicate(), 300)
        if process.returncode:
            raise DidNotStart(f"az {' '.join(words[:4])}: {problem.decode()[-1500:]}")


def installed(cache: Path) -> Path:
    """The az program, installed from PyPI into the cache the first time (minutes)."""
    program = cache / "az" / "bin" / "az"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", cache / "az"], check=True)
        subprocess.run([cache / "az" / "bin" / "pip", "install", "--quiet", "azure-cli==2.91.*"], check=True)
    return program


@asynccontextmanager
async def signed_in(azure: Mapping[str, Any], folder: Path, cache: Path) -> AsyncIterator[Az]:
    """`az` for this local App Service, which speaks plain http itself."""
    program = await asyncio.to_thread(installed, cache)
    async with _door(str(azure["arm"]), folder) as arm:
        az = Az(
            program,
            {
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "AZURE_CONFIG_DIR": str(folder / "az"),
                "REQUESTS_CA_BUNDLE": str(authority_path(folder)),
                "AZURE_CORE_INSTANCE_DISCOVERY": "false",
                "AZURE_CORE_COLLECT_TELEMETRY": "false",
            },
        )
        audience = "https://management.azure.com"
        resources = {"activeDirectoryResourceId", "appServiceResourceId"}
        own = ("resourceManager", "management", "activeDirectory", "activeDirectoryGraphResourceId")
        names = (*own, "microsoftGraphResourceId", "gallery", *sorted(resources))
        endpoints = {name: audience if name in resources else arm for name in names}
        config = json.dumps({"endpoints": endpoints})
        await az.run(
            "cloud", "register", "-n", "local", "--skip-endpoint-discovery", "--cloud-config", config
        )
        await az.run("cloud", "set", "-n", "local")
        secret = ("-u", azure["client_id"], "-p", azure["client_secret"], "--tenant", azure["tenant"])
        await az.run("login", "--service-principal", *secret)
        yield az


@asynccontextmanager
async def _door(arm: str, folder: Path) -> AsyncIterator[str]:
    """ARM over https; addresses in its answers are those of the door."""
    context = server_context(folder)
    async with aiohttp.ClientSession(auto_decompress=True) as http:

        async def hand_on(request: web.Request) -> web.Response:
            door = f"https://{request.host}"
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _OF_THE_CONNECTION}
            url = f"{arm}{request.raw_path}"
            body = await request.read()
            async with http.request(
                request.method, url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                told = (await answer.read()).replace(arm.encode(), door.encode())
                kept = {
                    name: value.replace(arm, door)
                    for name, value in answer.headers.items()
                    if name.lower() not in _OF_THE_CONNECTION
                }
                return web.Response(status=answer.status, headers=kept, body=told)

        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", hand_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            yield f"https://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
