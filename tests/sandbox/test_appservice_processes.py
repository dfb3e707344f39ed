"""The guard beside every process: whatever moment it is told to stop at, nothing stays."""

import asyncio
import contextlib
import time
import uuid
from pathlib import Path

import psutil

from sandbox.appservice.processes import Child
from tests.sandbox.appservice_fixtures import eventually


def carrying(mark: str) -> list[int]:
    """The processes with this mark in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("MARK") == mark:
                found.append(process.pid)
    return found


async def start(tmp_path: Path, command: str, mark: str = "", heard: bytearray | None = None) -> Child:
    return await Child.start(
        ["/bin/sh", "-c", command],
        environment={"PATH": "/usr/bin:/bin", "MARK": mark},
        folder=tmp_path,
        hear=(heard if heard is not None else bytearray()).extend,
    )


async def test_a_process_can_be_stopped_at_any_moment_of_its_start(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex

    async def start_and_stop(delay: float) -> float:
        child = await start(tmp_path, "sleep 1000; true", mark)
        await asyncio.sleep(delay)
        began = time.monotonic()
        await child.stop(5)
        return time.monotonic() - began

    for delay in range(0, 60, 4):
        assert await start_and_stop(delay / 1000) < 2
    assert carrying(mark) == []


async def test_one_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    mark, heard = uuid.uuid4().hex, bytearray()
    child = await start(
        tmp_path, "trap '' TERM; setsid sleep 1000 & echo ready; wait; sleep 1000", mark, heard
    )

    async def ready() -> bool:
        return b"ready" in heard

    await eventually(ready, "it has begun")
    assert len(carrying(mark)) >= 3
    await child.stop(0.2)
    assert carrying(mark) == []


async def test_the_exit_code_and_the_last_output_arrive(tmp_path: Path) -> None:
    heard = bytearray()
    child = await start(tmp_path, "echo first; echo last >&2; exit 7", heard=heard)
    assert (await child.wait(), bytes(heard)) == (7, b"first\nlast\n")


async def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    heard = bytearray()
    child = await Child.start(
        ["no-such-program"], environment={"PATH": "/usr/bin:/bin"}, folder=tmp_path, hear=heard.extend
    )
    assert (await child.wait(), b"No such file" in heard) == (127, True)
