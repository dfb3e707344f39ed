"""Triggered WebJobs: started once, then watched until they have really ended."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from release.azure.errors import ScmUnreachable, WebJobBusy, WebJobFailed, WebJobMissing, WebJobStuck
from release.azure.scm import Scm

# How long a run whose request was cut off may take to show itself.
_TO_SHOW_SECONDS = 5.0
_TRIES = 3


@dataclass(frozen=True)
class WebJobRun:
    """One run of a triggered WebJob."""

    id: str
    status: str
    start_time: str

    @property
    def ended(self) -> bool:
        return self.status not in ("Initializing", "Running", "PendingRestart")


class WebJobs(Scm):
    """Triggered WebJobs of the slot."""

    def _job(self, job: str) -> str:
        return f"{self._url}/api/triggeredwebjobs/{quote(job, safe='')}"

    async def webjob_exists(self, job: str) -> bool:
        response = await self._repeatable("GET", self._job(job))
        if response.status_code == 404:
            return False
        self._expect(response, f"reading the WebJob {job}", 200)
        return True

    async def webjob_runs(self, job: str) -> tuple[WebJobRun, ...]:
        """The runs Kudu remembers, newest first."""
        what = f"the history of the WebJob {job}"

        def runs(response: httpx.Response) -> tuple[WebJobRun, ...]:
            if response.status_code == 404:
                raise WebJobMissing(self.name, job)
            body = self._json(self._expect(response, what, 200), what)
            try:
                return tuple(
                    WebJobRun(str(row["id"]), str(row["status"]), str(row.get("start_time")))
                    for row in body["runs"]
                )
            except (KeyError, TypeError, AttributeError) as error:
                raise self._unreadable(what) from error

        return await self._read(f"{self._job(job)}/history", runs)

    async def run_webjob(self, job: str, limit: float) -> WebJobRun:
        """Start a triggered WebJob and wait for its end, at most `limit` seconds.

        A run that is under way is waited for first: it may be our own, from before a restart of the bot,
        and began too early to hold everything.
        """
        deadline = time.monotonic() + limit
        while True:
            known = await self._no_run(job, deadline, limit)
            if await self._begin_run(job, known):
                break
            if all(run.ended for run in await self.webjob_runs(job)):
                raise WebJobBusy(job, self.name)
        while time.monotonic() < deadline:
            run = next((run for run in await self.webjob_runs(job) if run.id not in known), None)
            if run is not None and run.ended:
                if run.status != "Success":
                    raise WebJobFailed(job, self.name, run.status, "The backup was not made.")
                return run
            await asyncio.sleep(0.3)
        raise WebJobStuck(job, self.name, f"{limit:.0f}")

    async def _no_run(self, job: str, deadline: float, limit: float) -> frozenset[str]:
        """Wait until no run is under way; the ids of all that were."""
        while True:
            runs = await self.webjob_runs(job)
            if all(run.ended for run in runs):
                return frozenset(run.id for run in runs)
            if time.monotonic() > deadline:
                raise WebJobStuck(job, self.name, f"{limit:.0f}")
            await asyncio.sleep(0.3)

    async def _begin_run(self, job: str, known: frozenset[str], tries: int = _TRIES) -> bool:
        """Ask for a run; False when Kudu says that one is under way already."""
        try:
            response = await self._once("POST", f"{self._job(job)}/run")
        except ScmUnreachable:
            # Perhaps it arrived: then it shows itself, and is waited for instead of asked for twice.
            if await self._run_shows(job, known):
                return True
            if tries == 1:
                raise
            return await self._begin_run(job, known, tries - 1)
        if response.status_code == 404:
            raise WebJobMissing(self.name, job)
        if response.status_code == 409:
            return False
        self._expect(response, f"running the WebJob {job}", 200, 202)
        return True

    async def _run_shows(self, job: str, known: frozenset[str]) -> bool:
        deadline = time.monotonic() + _TO_SHOW_SECONDS
        while time.monotonic() < deadline:
            if any(run.id not in known for run in await self.webjob_runs(job)):
                return True
            await asyncio.sleep(0.3)
        return False
