"""The demo itself, as a newcomer runs it: what it prints, what it exits with, and that nothing stays behind."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

CHECKS = 6


async def run_demo(*words: str, environment: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "demo",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )


async def told(demo: asyncio.subprocess.Process) -> str:
    out, _ = await demo.communicate()
    return out.decode()


def family(demo: asyncio.subprocess.Process) -> list[psutil.Process]:
    return psutil.Process(demo.pid).children(recursive=True)


def look(file: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(file.read_text())
    return result


@pytest.mark.story
async def test_the_tiny_demo_upgrades_and_rolls_back(tmp_path: Path) -> None:
    demo = await run_demo("--tiny", "--yes", "--json", str(tmp_path / "out.json"))
    text = await told(demo)
    assert demo.returncode == 0, text
    result = look(tmp_path / "out.json")
    assert result["ok"] is True
    assert (result["from"], result["to"], result["rolled_back_to"]) == ("5.118.1", "6.4.0", "5.118.1")
    assert result["swaps"] == 2
    assert result["probe"]["failed"] == 0
    assert result["probe"]["requests"] > 20
    assert len(result["checks"]) == CHECKS
    assert result["rows"]["posts"][0] > 0
    assert {step["name"] for step in result["steps"]} >= {"upgrade: swap", "rollback: swap"}
    assert "\x1b[" not in text, "colours are off when piped"
    assert "Traceback" not in text


@pytest.mark.story
@pytest.mark.parametrize("after", ["starting the local", "starting the bot", "Check the site"])
async def test_ctrl_c_stops_every_process_at_any_moment(after: str) -> None:
    demo = await run_demo("--tiny", "--yes")
    assert demo.stdout is not None
    async with asyncio.timeout(60):
        while after not in (line := (await demo.stdout.readline()).decode()):
            assert line, f"the demo ended before {after!r}"
    await asyncio.sleep(0.3)  # a moment later, whatever is running then
    children = family(demo)
    demo.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        await told(demo)
    assert demo.returncode == 130
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


@pytest.mark.story
@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--to", "4.0.0"), "is not older than"),
        (("--to", "9.9.9"), "no Ghost 9.9.9"),
        (("--from", "banana"), "banana is not a version"),
    ],
)
async def test_versions_that_cannot_be_are_told_before_the_long_work(
    words: tuple[str, ...], answer: str
) -> None:
    demo = await run_demo("--tiny", "--yes", *words)
    text = await told(demo)
    assert demo.returncode == 1
    assert answer in text
    assert "Traceback" not in text


@pytest.mark.ghost
@pytest.mark.timeout(1500)
async def test_real_ghost_goes_up_fifteen_versions_and_back(tmp_path: Path) -> None:
    demo = await run_demo("--yes", "--json", str(tmp_path / "out.json"))
    text = await told(demo)
    assert demo.returncode == 0, text
    result = look(tmp_path / "out.json")
    assert result["ok"] is True
    assert result["rolled_back_to"] == result["from"]
    assert result["probe"]["failed"] == 0
    for table in ("posts", "members", "tags", "users"):
        before, after = result["rows"][table]
        assert after == before > 0
