"""Starting and stopping the processes of slots and jobs, without ever leaving one behind."""

import asyncio
import contextlib
import logging
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from random import SystemRandom

import psutil

INSTANCE_VARIABLE = "WEBSITE_INSTANCE_ID"
_LAST_WORDS_SECONDS = 2.0
_log = logging.getLogger(__name__)
_GUARD = Path(__file__).with_name("guard.py")
# Below Linux's ephemeral range, so that no outgoing connection takes the port between choosing and listening.
_PORTS = range(20_000, 32_000)
# Each in its turn: one that was given away, and is not listened on yet, does not come again for long.
_TURNS = cycle(SystemRandom().sample(_PORTS, len(_PORTS)))


class Child:
    """One command under its guard; its output goes line by line to whoever asked for it."""

    def __init__(self, process: Process, reader: asyncio.Task[None]) -> None:
        self._process = process
        self._reader = reader

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        hear: Callable[[bytes], None],
    ) -> "Child":
        """Start a command with exactly this environment; `hear` gets what it writes, as it comes."""
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(_GUARD),
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        )
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # A start that is itself cancelled can wait for ever for pipes that never connect (asyncio of Python 3.11).
            process = await starting
            if process.stdin is not None:
                process.stdin.close()  # the guard ends its command, and then itself
            await process.communicate()
            raise
        return cls(process, asyncio.create_task(_hear(process, hear)))

    @property
    def pid(self) -> int:
        """The guard's process id: the command is its child."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for the end and for the last of the output."""
        code = await self._process.wait()
        await self._heard_all()
        return code

    async def stop(self, patience: float) -> None:
        """SIGTERM, then SIGKILL for the whole group after `patience` seconds; it is gone afterwards."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), patience)
        except TimeoutError:
            await self.kill()
        await self._heard_all()

    async def _heard_all(self) -> None:
        """Wait for the last of the output, but not for somebody who holds on to the pipe."""
        try:
            await asyncio.wait_for(self._reader, _LAST_WORDS_SECONDS)
        except TimeoutError:
            _log.warning("output of a process that has ended is still open", extra={"pid": self.pid})

    async def kill(self) -> None:
        """SIGKILL for the command and all its descendants."""
        if self._process.stdin:
            self._process.stdin.close()  # the guard's sign to kill everything
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def _hear(process: Process, hear: Callable[[bytes], None]) -> None:
    if process.stdout is None:
        return
    while chunk := await process.stdout.read(65_536):
        hear(chunk)


def free_port(host: str = "127.0.0.1", taken: frozenset[int] = frozenset()) -> int:
    """A TCP port nobody listens on just now, and that nobody in this process was given lately."""
    for port in _TURNS:
        if port in taken:
            continue
        with socket.socket() as probe:
            # As servers do: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((host, port))
                return port
    raise AssertionError("turns have no end")


def kill_leftovers(instance: str) -> int:
    """Kill what an earlier run of the same state folder left behind; returns how many processes.

    They are known by the instance id in their environment, which is random and kept in the state.
    """
    killed = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(INSTANCE_VARIABLE) == instance:
                process.kill()
                killed += 1
    return killed
