"""The real `az` command line against the local App Service, over https."""

import asyncio
import json
import os
import subprocess
import sys
import zipfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.appservice import Options
from tests.sandbox.appservice_fixtures import QUICK, Azure, add_job, eventually, running

pytestmark = [pytest.mark.azcli, pytest.mark.timeout(1800)]
Az = Callable[..., Awaitable[Any]]


def installed() -> Path:
    """The az program, installed from PyPI into the user's cache folder the first time (minutes)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ghostbot" / "az"
    program = cache / "bin" / "az"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", cache], check=True)
        subprocess.run([cache / "bin" / "pip", "install", "--quiet", "azure-cli==2.91.*"], check=True)
    return program


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Azure]:
    """The local App Service over https."""
    async with running(tmp_path / "azure", Options(**{**vars(QUICK), "https": True})) as found:
        yield found


@pytest.fixture
async def az(secure: Azure, tmp_path: Path) -> Az:
    """Runs az in a configuration of its own, signed in."""
    program = await asyncio.to_thread(installed)
    account = secure.addresses
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AZURE_CONFIG_DIR": str(tmp_path / "config"),
        "REQUESTS_CA_BUNDLE": str(account["ca"]),
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
    }

    async def run(*arguments: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            "--only-show-errors",
            "--output",
            "json",
            env=environment,
            stdout=PIPE,
            stderr=PIPE,
        )
        output, problem = await asyncio.wait_for(process.communicate(), 180)
        assert process.returncode == 0, f"az {' '.join(arguments)}: {problem.decode()}"
        return json.loads(output) if output.strip() else None

    arm, audience = account["arm"], "https://management.azure.com"
    endpoints = {
        "resourceManager": arm,
        "management": arm,
        "activeDirectory": arm,
        "activeDirectoryResourceId": audience,
        "activeDirectoryGraphResourceId": arm,
        "microsoftGraphResourceId": arm,
        "gallery": arm,
        "appServiceResourceId": audience,
    }
    config = json.dumps({"endpoints": endpoints})
    await run("cloud", "register", "-n", "local", "--skip-endpoint-discovery", "--cloud-config", config)
    await run("cloud", "set", "-n", "local")
    user, secret, tenant = account["client_id"], account["client_secret"], account["tenant"]
    await run("login", "--service-principal", "-u", user, "-p", secret, "--tenant", tenant)
    return run


async def test_az_deploys_configures_swaps_and_runs_jobs(secure: Azure, az: Az, tmp_path: Path) -> None:
    package = tmp_path / "app.zip"
    with zipfile.ZipFile(package, "w") as archive:
        script = "require('http').createServer((q, s) => s.end('from az')).listen(process.env.PORT)"
        archive.writestr("server.js", script)
    site = ("-g", "ghostbot", "-n", "blog")
    staging = (*site, "--slot", "staging")

    slots = await az("webapp", "deployment", "slot", "list", *site)
    assert [one["name"] for one in slots] == ["staging"]
    shown = await az("webapp", "show", *site)
    assert (shown["state"], "." in shown["defaultHostName"]) == ("Running", True)

    await az(
        "webapp",
        "config",
        "appsettings",
        "set",
        *staging,
        "--settings",
        "A=1",
        "--slot-settings",
        "MAIL=muted",
    )
    settings = await az("webapp", "config", "appsettings", "list", *staging)
    assert {one["name"]: one["slotSetting"] for one in settings} == {"A": False, "MAIL": True}

    await secure_scm_is_back(secure)
    done = await az("webapp", "deployment", "source", "config-zip", *staging, "--src", str(package))
    assert (done["status"], done["deployer"]) == (4, "ZipDeploy")
    await az("webapp", "deploy", *staging, "--src-path", str(package), "--type", "zip")

    swap = ("webapp", "deployment", "slot", "swap", *site, "--slot", "staging", "--action")
    await az(*swap, "preview")
    assert (await az("webapp", "show", *site))["targetSwapSlot"] == "staging"
    await az(*swap, "reset")
    assert (await az("webapp", "show", *site))["targetSwapSlot"] is None
    await az(*swap, "swap")  # az polls every 30 s
    production = secure.service.cloud.sites["blog"].production.occupant.content
    assert (production.wwwroot / "server.js").read_text() == script

    add_job(secure.home(), "Backup", "echo done")
    jobs = await az("webapp", "webjob", "triggered", "list", *site)
    assert [one["name"] for one in jobs] == ["blog/Backup"]
    await az("webapp", "webjob", "triggered", "run", *site, "-w", "Backup")
    rest = await az("rest", "--url", secure.arm("/slots"))
    assert [one["name"] for one in rest["value"]] == ["blog/staging"]

    await az("webapp", "traffic-routing", "set", *site, "--distribution", "staging=20")
    await az("webapp", "traffic-routing", "clear", *site)
    await az("webapp", "restart", *staging)
    credentials = await az("webapp", "deployment", "list-publishing-credentials", *staging)
    assert credentials["publishingUserName"] == "$blog__staging"


async def secure_scm_is_back(secure: Azure) -> None:
    """Wait until staging's SCM answers after the settings were written."""

    async def back() -> bool:
        return secure.service.cloud.sites["blog"].slots["staging"].scm_is_back

    await eventually(back, "SCM is back")
