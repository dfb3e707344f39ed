"""Triggered WebJobs: a job is a script in wwwroot, and running one really runs it."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from sandbox.appservice.content import Content
from sandbox.appservice.nodes import CannotStart
from sandbox.appservice.processes import Child
from sandbox.appservice.records import write_atomically

_PROGRAMS = {".sh": "sh", ".js": "node", ".py": "python3"}


class RunStatus(StrEnum):
    """Kudu's status of a run."""

    INITIALIZING = "Initializing"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILED = "Failed"
    ABORTED = "Aborted"


class JobOutcome(StrEnum):
    """What the control endpoint can tell a job to do instead of its work."""

    FAIL = "fail"
    HANG = "hang"
    STALE = "stale"  # says Success and has written nothing


class NoSuchJob(Exception):
    """There is no such triggered WebJob."""


class JobConflict(Exception):
    """It runs already."""


@dataclass
class Run:
    """One run of a job."""

    id: str
    job: str
    status: RunStatus
    start_time: str
    end_time: str | None = None
    duration: str = "00:00:00"
    trigger: str = "External - "


class Jobs:
    """The triggered WebJobs of one content folder."""

    def __init__(self, content: Content, environment: Callable[[], dict[str, str]]) -> None:
        self._content = content
        self._environment = environment
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.outcomes: dict[str, JobOutcome] = {}
        for run in self._all_runs():
            if run.status in (RunStatus.INITIALIZING, RunStatus.RUNNING):
                run.status = RunStatus.ABORTED
                self._write(run)

    def names(self) -> list[str]:
        """The jobs that have a script to run."""
        root = self._content.jobs
        if not root.is_dir():
            return []
        return sorted(one.name for one in root.iterdir() if one.is_dir() and self._script(one.name))

    def script(self, job: str) -> Path:
        """The script of a job; raises NoSuchJob."""
        found = self._script(job)
        if found is None:
            raise NoSuchJob(job)
        return found

    def _script(self, job: str) -> Path | None:
        if "/" in job or job in ("", ".", ".."):
            return None
        folder = self._content.jobs / job
        return next((folder / f"run{end}" for end in _PROGRAMS if (folder / f"run{end}").is_file()), None)

    def history(self, job: str) -> list[Run]:
        """All runs, newest first; raises NoSuchJob."""
        self.script(job)
        runs = [run for run in self._all_runs() if run.job == job]
        return sorted(runs, key=lambda one: one.id, reverse=True)

    def run(self, job: str, run_id: str) -> Run:
        """One run; raises NoSuchJob."""
        for one in self.history(job):
            if one.id == run_id:
                return one
        raise NoSuchJob(run_id)

    def output(self, job: str, run_id: str) -> Path:
        """The file with what a run wrote; raises NoSuchJob."""
        self.run(job, run_id)
        return self._folder(job, run_id) / "output_log.txt"

    def trigger(self, job: str, arguments: str = "") -> Run:
        """Start a run; raises NoSuchJob or JobConflict."""
        script = self.script(job)
        if job in self._tasks and not self._tasks[job].done():
            raise JobConflict(job)
        now = datetime.now(UTC)
        run = Run(
            id=now.strftime("%Y%m%d%H%M%S%f")[:-2],
            job=job,
            status=RunStatus.INITIALIZING,
            start_time=_text(now),
        )
        self._folder(job, run.id).mkdir(parents=True, exist_ok=True)
        self._write(run)
        self._tasks[job] = asyncio.create_task(self._run(run, script, arguments))
        return run

    async def stop(self) -> None:
        """End every run."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _run(self, run: Run, script: Path, arguments: str) -> None:
        began = datetime.now(UTC)
        status = RunStatus.ABORTED
        try:
            run.status = RunStatus.RUNNING
            self._write(run)
            self._say(run, "Run script with the shell")
            status = await self._work(run, script, arguments)
        finally:
            ended = datetime.now(UTC)
            run.status = status
            run.end_time = _text(ended)
            run.duration = str(ended - began)
            self._say(run, f"Status changed to {status}")
            self._write(run)

    async def _work(self, run: Run, script: Path, arguments: str) -> RunStatus:
        match self.outcomes.get(run.job):
            case JobOutcome.FAIL:
                self._say(run, "Job failed due to exit code 1", "ERR ")
                return RunStatus.FAILED
            case JobOutcome.STALE:
                return RunStatus.SUCCESS
            case JobOutcome.HANG:
                while self.outcomes.get(run.job) is JobOutcome.HANG:  # noqa: ASYNC110 - the control endpoint only sets a value
                    await asyncio.sleep(0.05)
        try:
            variables = self._environment()
        except CannotStart as problem:
            self._say(run, str(problem), "ERR ")
            return RunStatus.FAILED
        variables |= {
            "WEBROOT_PATH": str(self._content.wwwroot),
            "WEBJOBS_PATH": str(script.parent),
            "WEBJOBS_NAME": run.job,
            "WEBJOBS_TYPE": "triggered",
            "WEBJOBS_RUN_ID": run.id,
            "WEBJOBS_DATA_PATH": str(self._folder(run.job, run.id).parent),
        }
        program = _PROGRAMS[script.suffix]
        child = await Child.start(
            [shutil.which(program, path=variables["PATH"]) or program, str(script), *arguments.split()],
            environment=variables,
            folder=script.parent,
            hear=lambda chunk: self._append(run, chunk),
        )
        try:
            code = await child.wait()
        finally:
            if child.exit_code is None:
                await child.kill()
        if code:
            self._say(run, f"Job failed due to exit code {code}", "ERR ")
        return RunStatus.FAILED if code else RunStatus.SUCCESS

    def _say(self, run: Run, message: str, level: str = "SYS INFO") -> None:
        now = datetime.now(UTC).strftime("%m/%d/%Y %H:%M:%S")
        self._append(run, f"[{now} > local: {level}] {message}\n".encode())

    def _append(self, run: Run, chunk: bytes) -> None:
        with (self._folder(run.job, run.id) / "output_log.txt").open("ab") as file:
            file.write(chunk)

    def _folder(self, job: str, run_id: str) -> Path:
        return self._content.job_history / job / run_id

    def _write(self, run: Run) -> None:
        folder = self._folder(run.job, run.id)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "status", json.dumps(asdict(run)))

    def _all_runs(self) -> list[Run]:
        rows = [json.loads(path.read_text()) for path in self._content.job_history.glob("*/*/status")]
        return [Run(**{**row, "status": RunStatus(row["status"])}) for row in rows]


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
