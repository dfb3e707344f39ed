"""`python -m sandbox` as a program: what it prints, how it ends, and that it leaves nothing behind."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sandbox.__main__ import main
from sandbox.appservice import Options, start
from sandbox.appservice.cloud import BadSite
from sandbox.appservice.records import StateInUse
from tests.sandbox.appservice_fixtures import QUICK, eventually, lay_out, running

pytestmark = pytest.mark.story


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    """`python -m sandbox --json ...` and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", "--json", *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
        assert line, process.stderr and (await process.stderr.read()).decode()
        yield process, json.loads(line)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process whose HOME is this folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("HOME") == str(home.resolve()):
                found.append(process)
    return found


async def gone(processes: list[psutil.Process], seconds: float = 10) -> None:
    """Wait until none of these runs."""

    async def all_gone() -> bool:
        return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)

    await eventually(all_gone, "the processes are gone", seconds)


async def started(azure: dict[str, Any], home: Path) -> list[psutil.Process]:
    """The small app in production, started; a shell with a child that has a session of its own."""
    lay_out(home, "1")
    async with httpx.AsyncClient(timeout=20) as client:
        body = {"production": {"start_command": "setsid sleep 1000 & node server.js; true"}}
        made = await client.put(f"{azure['control']}/sites/blog", json=body)
        assert made.status_code == 200, made.text
        assert (await client.get(azure["sites"]["blog"]["production"]["site"])).text == "1"
    found = processes_of(home)
    assert len(found) >= 4, "guard, shell, node and sleep"
    return found


async def test_one_line_of_json_says_all(tmp_path: Path) -> None:
    async with program("--state", str(tmp_path), "--site", "blog", "--site", "shop:test,extra") as (
        _,
        printed,
    ):
        azure = printed["azure"]
        assert set(azure["sites"]["shop"]) == {"production", "test", "extra"}
        assert printed["slack"]["bot_token"].startswith("xoxb-")
        async with httpx.AsyncClient() as client:
            token = await client.get(
                azure["identity_endpoint"],
                params={"api-version": "2019-08-01", "resource": "https://management.azure.com"},
                headers={"X-IDENTITY-HEADER": azure["identity_header"]},
            )
            answer = await client.get(
                f"{azure['arm']}/subscriptions/{azure['subscription']}/providers/Microsoft.Web/sites",
                params={"api-version": "2025-05-01"},
                headers={"Authorization": f"Bearer {token.json()['access_token']}"},
            )
        assert [one["name"] for one in answer.json()["value"]] == ["blog", "shop"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_promptly_with_all_its_processes(tmp_path: Path, number: signal.Signals) -> None:
    async with program("--no-slack", "--state", str(tmp_path)) as (process, printed):
        found = await started(
            printed["azure"], Path(printed["azure"]["sites"]["blog"]["production"]["folder"])
        )
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        await gone(found, 1)


async def test_nothing_outlives_it_even_when_it_is_killed(tmp_path: Path) -> None:
    async with program("--no-slack", "--state", str(tmp_path)) as (process, printed):
        found = await started(
            printed["azure"], Path(printed["azure"]["sites"]["blog"]["production"]["folder"])
        )
        process.kill()
        await gone(found)


async def test_what_was_left_behind_is_killed_at_the_next_start(tmp_path: Path) -> None:
    async with running(tmp_path) as azure:
        instance = azure.service.cloud.store.account.instance
    left = await asyncio.create_subprocess_exec("sleep", "1000", env={"WEBSITE_INSTANCE_ID": instance})
    async with running(tmp_path):
        assert await asyncio.wait_for(left.wait(), 5) == -signal.SIGKILL


async def test_everything_is_where_it_was_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as azure:
        await azure.install("1", COLOUR="red")
        await azure.operator.post(azure.arm("/stop", slot="staging"))
        before = azure.addresses
    async with running(tmp_path) as azure:
        assert azure.addresses == before
        assert (await azure.visitor.get(azure.site())).text == "1"
        assert (await azure.env())["COLOUR"] == "red"
        assert (await azure.visitor.get(azure.site("staging"))).status_code == 403


async def test_a_swap_goes_on_after_a_kill_in_the_middle(tmp_path: Path) -> None:
    arguments = ("--no-slack", "--state", str(tmp_path), "--swap-seconds")
    async with program(*arguments, "60") as (_, printed), httpx.AsyncClient(timeout=20) as client:
        azure = printed["azure"]
        for slot in ("production", "staging"):
            lay_out(Path(azure["sites"]["blog"][slot]["folder"]), slot)
        await client.put(f"{azure['control']}/sites/blog", json={})
        token = (await client.post(f"{azure['control']}/tokens", json={})).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        begun = await client.post(
            f"{azure['arm']}/subscriptions/{azure['subscription']}/resourceGroups/ghostbot/providers/Microsoft.Web"
            "/sites/blog/slots/staging/slotsswap?api-version=2025-05-01",
            json={"targetSlot": "production"},
            headers=headers,
        )
        assert begun.status_code == 202
    async with program(*arguments, "0.1") as (_, printed), httpx.AsyncClient(timeout=20) as client:
        assert printed["azure"] == azure, "everything is where it was"

        async def over() -> bool:
            return (await client.get(begun.headers["Location"], headers=headers)).status_code == 200

        await eventually(over, "the poll of before says that the swap has ended")
        assert (await client.get(azure["sites"]["blog"]["production"]["site"])).text == "staging"
        assert (await client.get(azure["sites"]["blog"]["staging"]["site"])).text == "production"


async def test_two_cannot_share_a_state_folder(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(StateInUse, match="another sandbox"):
            await start(tmp_path, QUICK)


async def test_https_with_a_ca_of_its_own(tmp_path: Path) -> None:
    async with program("--no-slack", "--https", "--state", str(tmp_path)) as (_, printed):
        azure = printed["azure"]
        context = ssl.create_default_context(cafile=azure["ca"])
        async with httpx.AsyncClient(verify=context) as client:
            assert (await client.get(f"{azure['arm']}/subscriptions")).status_code == 401
            lay_out(Path(azure["sites"]["blog"]["production"]["folder"]), "1")
            await client.put(f"{azure['control']}/sites/blog", json={})
            headers = (await client.get(f"{azure['sites']['blog']['production']['site']}/headers")).json()
        assert headers["x-forwarded-proto"] == "https"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--node", "22"], "is not MAJOR=PATH"),
        (["--node", "22=/bin/sh"], "has to be named node"),
        (["--arm-port", "70000"], "is not a port"),
        (["--swap-seconds", "soon"], "is not a number of seconds"),
        (["--site", ":staging"], "a site needs a name"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sandbox", *arguments])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Bad_Name", "-blog", "a" * 61])
async def test_a_bad_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadSite, match="is not a name"):
        await start(tmp_path, Options(sites={name: ()}))


async def test_a_port_that_is_taken_is_explained() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sandbox", "--no-slack", "--arm-port", str(port), stdout=PIPE, stderr=PIPE
        )
        _, problem = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, b"Traceback" in problem) == (1, False)
    assert os.strerror(98).lower().encode() in problem.lower() or b"in use" in problem
