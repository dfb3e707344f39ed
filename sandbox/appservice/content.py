"""A content folder: what one slot's /home holds, and its logs. A swap exchanges which slot points at which."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from pathlib import Path


class SlotLog:
    """What the process writes and what the platform says about it: in LogFiles/, and live for logstream."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self.tail: deque[bytes] = deque(maxlen=200)

    def write(self, chunk: bytes) -> None:
        """Output of the app itself."""
        self._keep("default_docker.log", chunk)

    def say(self, message: str) -> None:
        """A line from the platform, as in Azure's docker log."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self._keep("docker.log", f"{now}Z INFO  - {message}\n".encode())

    def _keep(self, name: str, chunk: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / name).open("ab") as file:
            file.write(chunk)
        self.tail.append(chunk)
        for listener in self._listeners:
            listener.put_nowait(chunk)

    def listen(self) -> asyncio.Queue[bytes]:
        """A queue that gets everything from now on."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[bytes]) -> None:
        """Stop listening."""
        self._listeners.discard(queue)


class Content:
    """The folder and the places in it that App Service gives a meaning."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.wwwroot = home / "site" / "wwwroot"
        self.deployments = home / "site" / "deployments"
        self.jobs = self.wwwroot / "App_Data" / "jobs" / "triggered"
        self.job_history = home / "data" / "jobs" / "triggered"
        self.packages = home / "data" / "SitePackages"
        self.log_files = home / "LogFiles"
        # What SCM sees in place of wwwroot while a package is mounted there for the app alone.
        self.beneath = home.with_name(f"{home.name}.beneath")
        for folder in (self.wwwroot, self.deployments, self.log_files, home / "data", self.beneath):
            folder.mkdir(parents=True, exist_ok=True)
        self.log = SlotLog(self.log_files)
