"""One slot's process and its supervision: start, crash, back off, start again, stop."""

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import aiohttp

from sandbox.appservice.content import Content
from sandbox.appservice.launch import Launch, shell
from sandbox.appservice.nodes import CannotStart
from sandbox.appservice.processes import Child, free_port

# The container's own address: an app that listens on 127.0.0.1 only cannot be reached on App Service,
# so it must not be here. On Linux all of 127.0.0.0/8 is this machine.
_LOCALHOST = "127.0.0.1"
_CONTAINER_HOST = "127.0.0.2" if sys.platform == "linux" else _LOCALHOST
_STEADY_SECONDS = 30.0  # a process that lived this long starts with a clean record
_LONGEST_PAUSE = 30.0
_LEAVE_SECONDS = 1.0  # for requests in flight when the process is told to stop


class WorkerState(StrEnum):
    """What the process is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    CRASHED = "crashed"
    EMPTY = "empty"  # no app in wwwroot: the welcome page


class Worker:
    """Keeps one content folder's process alive until it is told to stop."""

    def __init__(self, content: Content, plan: Callable[[int], Launch | None], stop_seconds: float) -> None:
        self.content = content
        self.state = WorkerState.STOPPED
        self.host = _CONTAINER_HOST
        self.port = 0
        self.pipe: Path | None = None  # instead of the port, where the platform talks to its apps over pipes
        self.crashes = 0
        self.starts = 0
        self.turn = asyncio.Lock()  # one start, stop or restart at a time
        self._explained = 0
        self._closing = False
        self._plan = plan
        self._stop_seconds = stop_seconds
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def pid(self) -> int | None:
        """The guard's process id while it runs."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    @property
    def accepts(self) -> bool:
        """New requests may be sent to the process."""
        return self.state is WorkerState.RUNNING and not self._closing

    def connector(self) -> aiohttp.BaseConnector:
        """A way to the process for one client session, a connection a request."""
        if self.pipe is not None:
            return aiohttp.UnixConnector(str(self.pipe), force_close=True)
        return aiohttp.TCPConnector(limit=0, force_close=True)

    @property
    def busy(self) -> bool:
        """Requests are in flight."""
        return self._in_flight > 0

    def start(self) -> None:
        """Begin; returns at once. Readiness shows in whether the port answers."""
        if self._task is None or self._task.done():
            self.state = WorkerState.STARTING
            self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """The process is gone afterwards."""
        task, self._task = self._task, None
        self._closing = True
        try:
            if task:
                # App Service takes a container out of its rotation before it sends SIGTERM.
                await self.drained(_LEAVE_SECONDS)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        finally:
            self._closing = False
        self.state = WorkerState.STOPPED

    async def explain_silence(self) -> None:
        """Say in the log, once a start, when the app listens where App Service cannot reach it."""
        if self._explained == self.starts or self.host == _LOCALHOST or self.pipe or not self.accepts:
            return
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(_LOCALHOST, self.port)
            writer.close()
            # It may have begun to listen everywhere just now: ask its own address again before judging.
            try:
                _, reached = await asyncio.open_connection(self.host, self.port)
            except OSError:
                self._explained = self.starts
                self.content.log.say(
                    f"Container didn't respond to HTTP pings on port {self.port}: the app listens on "
                    f"{_LOCALHOST} only. On App Service it has to listen on 0.0.0.0."
                )
            else:
                reached.close()

    async def crash(self) -> None:
        """Kill the process as if it had died by itself; its supervision starts it again."""
        if self._child:
            await self._child.kill()

    def want(self) -> None:
        """Somebody asks for the site: a crashed process need not wait out its back-off."""
        self._wanted.set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Counts a request in flight, so that a swap can wait for it before it stops the process."""
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def drained(self, seconds: float) -> bool:
        """Wait until no request is in flight, at most `seconds`; False when some still are."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _supervise(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._run_once()
            except (CannotStart, OSError) as problem:
                self.content.log.say(f"Container could not be started: {problem}")
            if self.state is WorkerState.EMPTY:
                return
            self.crashes = 1 if time.monotonic() - began > _STEADY_SECONDS else self.crashes + 1
            self.state = WorkerState.CRASHED
            self._wanted.clear()
            await self._back_off()
            self.state = WorkerState.STARTING

    async def _run_once(self) -> None:
        port = free_port()
        launch = self._plan(port)
        if launch is None:
            self.state = WorkerState.EMPTY
            return
        self.port, self.pipe = port, launch.pipe
        self.starts += 1
        self.content.log.say(f"Starting container with: {launch.command} (port {launch.pipe or port})")
        try:
            await self._run_process(launch)
        finally:
            if launch.pipe is not None:
                shutil.rmtree(launch.pipe.parent, ignore_errors=True)

    async def _run_process(self, launch: Launch) -> None:
        child = await Child.start(
            [shell(), "-c", launch.command],
            environment=launch.environment,
            folder=launch.folder,
            hear=self.content.log.write,
        )
        self._child = child
        self.state = WorkerState.RUNNING
        try:
            code = await child.wait()
            self.content.log.say(f"Container exited with code {code}.")
        finally:
            if child.exit_code is None:
                await child.stop(self._stop_seconds)
                self.content.log.say("Container stopped.")

    async def _back_off(self) -> None:
        pause = min(_LONGEST_PAUSE, 0.25 * 2 ** (self.crashes - 1))
        await asyncio.sleep(min(pause, 1.0))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), max(0.0, pause - 1.0))
