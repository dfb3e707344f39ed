"""A slot at run time: its record, and the occupant it serves at the moment."""

import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.appservice.content import Content
from sandbox.appservice.deploy import Deployer
from sandbox.appservice.jobs import Jobs
from sandbox.appservice.records import PRODUCTION, SlotRecord
from sandbox.appservice.worker import Worker


@dataclass(frozen=True)
class Occupant:
    """What a swap exchanges: a content folder and everything that runs in it."""

    content: Content
    worker: Worker
    deployer: Deployer
    jobs: Jobs


class Background(Protocol):
    """Starts work that nobody waits for."""

    def __call__(self, work: Coroutine[Any, Any, None]) -> object: ...


class Slot:
    """One slot of a site. `occupant` is replaced in one assignment, so that no request ever sees half a swap."""

    def __init__(self, site: str, record: SlotRecord, occupant: Occupant, background: Background) -> None:
        self.site = site
        self.record = record
        self.occupant = occupant
        self._background = background
        self._scm_back_at = 0.0

    @property
    def name(self) -> str:
        """The slot's name; "production" for the site itself."""
        return self.record.name

    @property
    def is_production(self) -> bool:
        """It is the site itself."""
        return self.name == PRODUCTION

    @property
    def host_label(self) -> str:
        """The first label of its Azure host name: blog, blog-staging."""
        return self.site if self.is_production else f"{self.site}-{self.name}"

    @property
    def run_from_package(self) -> bool:
        """WEBSITE_RUN_FROM_PACKAGE makes wwwroot read-only."""
        return self.record.app_settings.get("WEBSITE_RUN_FROM_PACKAGE") == "1"

    @property
    def builds(self) -> bool:
        """SCM_DO_BUILD_DURING_DEPLOYMENT has zip deployments built on the server."""
        return self.record.app_settings.get("SCM_DO_BUILD_DURING_DEPLOYMENT", "").lower() in ("true", "1")

    @property
    def scm_is_back(self) -> bool:
        """SCM answers; it does not for a while after it was recycled."""
        return time.monotonic() >= self._scm_back_at

    async def start(self) -> None:
        """The process is being started, or runs already."""
        worker = self.occupant.worker
        async with worker.turn:
            worker.start()

    async def stop(self) -> None:
        """The process is gone."""
        worker = self.occupant.worker
        async with worker.turn:
            await worker.stop()

    async def restart(self) -> None:
        """A new process with the settings of now, if the slot is meant to run."""
        worker = self.occupant.worker  # taken once: a swap may exchange it while the old process ends
        async with worker.turn:
            await worker.stop()
            if self.record.running:
                worker.start()

    def restart_soon(self) -> None:
        """Restart without waiting for it."""
        self._background(self.restart())

    def recycle_scm(self, seconds: float) -> None:
        """SCM is away for a while; a deployment in progress dies of it."""
        self._scm_back_at = max(self._scm_back_at, time.monotonic() + seconds)
        self._background(self._kill_deployment())

    async def _kill_deployment(self) -> None:
        await self.occupant.deployer.kill()
