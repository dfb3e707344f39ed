"""Deployments of one content folder: asynchronous, one at a time, with Kudu's manifests and clean rules."""

import asyncio
import contextlib
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path

from sandbox.appservice import archives
from sandbox.appservice.archives import BadArchive, Interrupted
from sandbox.appservice.build import Builder, BuildFailed, BuildStopped, move_over
from sandbox.appservice.content import Content
from sandbox.appservice.records import write_atomically

STOPPED_BY_RECYCLE = (
    "Deployment has been stopped due to SCM container restart. The restart can happen due to a management "
    "operation on site. Do not perform a management operation and a deployment operation in quick succession. "
    "Adding a small delay can help avoid any conflicts."
)


class DeployStatus(IntEnum):
    """Kudu's DeployStatus."""

    PENDING = 0
    BUILDING = 1
    DEPLOYING = 2
    FAILED = 3
    SUCCESS = 4


class DeploymentInProgress(Exception):
    """Kudu runs one deployment at a time."""


@dataclass(frozen=True)
class Parcel:
    """What somebody asked to be deployed."""

    archive: Path
    deployer: str  # "ZipDeploy" or "OneDeploy"
    clean: bool
    target: Path
    restart: bool = True
    package: bool = False  # WEBSITE_RUN_FROM_PACKAGE: keep the zip, wwwroot is its content and nothing else
    build: bool = False  # SCM_DO_BUILD_DURING_DEPLOYMENT: what is deployed is what a build makes of it
    file_name: str | None = None  # a single file (type=static, startup, script, lib) instead of an archive
    message: str = ""


@dataclass
class Deployment:
    """One deployment, as GET /api/deployments/{id} shows it."""

    id: str
    deployer: str
    message: str
    received_time: str
    status: DeployStatus = DeployStatus.PENDING
    status_text: str = "Receiving changes."
    progress: str = ""
    start_time: str | None = None
    end_time: str | None = None
    complete: bool = False
    is_temp: bool = True
    log: list[str] = field(default_factory=list)


class Deployer:
    """Deploys into one content folder."""

    def __init__(self, content: Content, builder: Builder, restart: Callable[[], None], lag: float) -> None:
        self._content = content
        self._builder = builder
        self._restart = restart
        self._lag = lag
        self._running: asyncio.Task[None] | None = None
        self._latest: Deployment | None = None
        self._previous: Deployment | None = None
        self._visible_at = 0.0
        self._stopped = threading.Event()
        self.stuck_after: int | None = (
            None  # told by the control endpoint: deployments hang after so many files
        )
        self._recover()

    def _recover(self) -> None:
        """What was under way when the sandbox died has been stopped by that."""
        for one in self.all():
            if not one.complete:
                self._end(one, DeployStatus.FAILED, STOPPED_BY_RECYCLE)
        self._latest = next(iter(self.all()), None)

    @property
    def busy(self) -> bool:
        """A deployment is in progress."""
        return self._running is not None and not self._running.done()

    def begin(self, parcel: Parcel) -> Deployment:
        """Start a deployment; raises DeploymentInProgress. The parcel's archive is removed at its end."""
        if self.busy:
            raise DeploymentInProgress
        now = _now()
        deployment = Deployment(
            id=f"temp-{uuid.uuid4().hex[:8]}",
            deployer=parcel.deployer,
            message=parcel.message or "Created via a push deployment",
            received_time=now,
            start_time=now,
        )
        self._previous, self._latest = self._latest, deployment
        self._visible_at = time.monotonic() + self._lag
        self._stopped = threading.Event()
        self._running = asyncio.create_task(self._run(deployment, parcel))
        return deployment

    async def finished(self) -> None:
        """Wait for the end of the deployment in progress."""
        if self._running:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._running)

    async def kill(self) -> bool:
        """As when the SCM container restarts: a running deployment fails where it stands."""
        if not self.busy:
            return False
        self._stopped.set()
        await self.finished()
        return True

    def latest(self) -> Deployment | None:
        """The latest deployment; for a moment after the start of one still the one before, or none, as Kudu has it."""
        if self._previous is not self._latest and time.monotonic() < self._visible_at:
            return self._previous
        return self._latest

    def all(self) -> list[Deployment]:
        """Every deployment on record, newest first."""
        found = []
        for path in self._content.deployments.glob("*/status.json"):
            with contextlib.suppress(ValueError, OSError):
                row = json.loads(path.read_text())
                found.append(Deployment(**{**row, "status": DeployStatus(row["status"])}))
        return sorted(found, key=lambda one: one.received_time, reverse=True)

    def active(self) -> str | None:
        """The id of the deployment whose files are live."""
        marker = self._content.deployments / "active"
        return marker.read_text().strip() if marker.exists() else None

    async def _run(self, deployment: Deployment, parcel: Parcel) -> None:
        try:
            # Kudu first shows a temporary id; the real one comes with the work.
            await asyncio.sleep(min(self._lag, 1.0))
            deployment.id = uuid.uuid4().hex
            deployment.is_temp = False
            self._show(deployment, DeployStatus.BUILDING, "Building and Deploying")
            if parcel.build:
                names = await self._build(deployment, parcel)
            else:
                self._show(deployment, DeployStatus.DEPLOYING, "Running deployment command...")
                names = await asyncio.to_thread(self._unpack, parcel)
            self._remember_files(deployment, names)
            self._end(deployment, DeployStatus.SUCCESS, "")
            if parcel.restart:
                self._restart()
        except (Interrupted, BuildStopped):
            self._end(deployment, DeployStatus.FAILED, STOPPED_BY_RECYCLE)
        except (BadArchive, BuildFailed) as error:
            self._end(deployment, DeployStatus.FAILED, f"Deployment failed. {error}")
        finally:
            parcel.archive.unlink(missing_ok=True)

    async def _build(self, deployment: Deployment, parcel: Parcel) -> list[str]:
        """Unpacked and built aside; what runs is touched only by what was built well."""
        place = self._content.home.with_name(f"{self._content.home.name}.build")
        with self._place_to_build(place):
            await asyncio.to_thread(archives.extract, parcel.archive, place, self._interruptions())
            self._show(deployment, DeployStatus.BUILDING, "Running deployment command...")
            await self._builder.build(
                place, lambda line: deployment.log.append(f"{_now()} {line}"), self._stopped.is_set
            )
            self._show(deployment, DeployStatus.DEPLOYING, "Copying the build's output...")
            names = await asyncio.to_thread(move_over, place, parcel.target)
        if not parcel.clean:
            archives.remove_files(parcel.target, self._files_of_previous() - set(names))
        return names

    @contextlib.contextmanager
    def _place_to_build(self, place: Path) -> Iterator[None]:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            yield
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _unpack(self, parcel: Parcel) -> list[str]:
        """In a thread."""
        if self._stopped.is_set():
            raise Interrupted
        target = parcel.target
        if parcel.file_name:
            return [self._place_file(parcel, parcel.file_name)]
        names = archives.member_names(parcel.archive)
        target.mkdir(parents=True, exist_ok=True)
        if parcel.package:
            self._keep_package(parcel.archive)
        if parcel.clean or parcel.package:
            archives.empty(target)
        archives.extract(parcel.archive, target, self._interruptions())
        if not parcel.clean:
            archives.remove_files(target, self._files_of_previous() - set(names))
        return names

    def _interruptions(self) -> Callable[[], bool]:
        """Asked before each file: hang there if told so; whether the deployment has been stopped."""
        files = 0

        def stopped() -> bool:
            nonlocal files
            while self.stuck_after is not None and files >= self.stuck_after and not self._stopped.is_set():
                time.sleep(0.02)  # in a thread of its own
            files += 1
            return self._stopped.is_set()

        return stopped

    def _place_file(self, parcel: Parcel, name: str) -> str:
        target = parcel.target
        if parcel.clean and target.is_dir():
            archives.empty(target)
        target.mkdir(parents=True, exist_ok=True)
        place = target / name
        place.unlink(missing_ok=True)
        place.write_bytes(parcel.archive.read_bytes())
        place.chmod(0o755)
        return name

    def _keep_package(self, archive: Path) -> None:
        self._content.packages.mkdir(parents=True, exist_ok=True)
        name = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f.zip")
        (self._content.packages / name).write_bytes(archive.read_bytes())
        write_atomically(self._content.packages / "packagename.txt", name)

    def _files_of_previous(self) -> set[str]:
        previous = self.active()
        manifest = self._content.deployments / (previous or "none") / "manifest"
        return set(manifest.read_text().splitlines()) if manifest.exists() else set()

    def _remember_files(self, deployment: Deployment, names: list[str]) -> None:
        folder = self._content.deployments / deployment.id
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "manifest", "\n".join(names))
        write_atomically(self._content.deployments / "active", deployment.id)

    def _show(self, deployment: Deployment, status: DeployStatus, text: str) -> None:
        deployment.status = status
        deployment.status_text = text
        deployment.progress = text
        deployment.log.append(f"{_now()} {text}")
        self._write(deployment)

    def _end(self, deployment: Deployment, status: DeployStatus, text: str) -> None:
        deployment.status = status
        deployment.status_text = text
        deployment.progress = ""
        deployment.complete = True
        deployment.end_time = _now()
        deployment.log.append(f"{_now()} {text or 'Deployment successful.'}")
        self._write(deployment)

    def _write(self, deployment: Deployment) -> None:
        folder = self._content.deployments / deployment.id
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "status.json", json.dumps(asdict(replace(deployment))))


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
