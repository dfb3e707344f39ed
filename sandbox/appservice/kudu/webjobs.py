"""api/triggeredwebjobs: list, run and history."""

from typing import Any

from aiohttp import web

from sandbox.appservice.jobs import JobConflict, NoSuchJob, Run
from sandbox.appservice.kudu.scm import Scm


async def listing(scm: Scm, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET api/triggeredwebjobs."""
    return web.json_response([job_row(scm, name) for name in scm.slot.occupant.jobs.names()])


async def show(scm: Scm, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET api/triggeredwebjobs/{job}."""
    try:
        return web.json_response(job_row(scm, variables["job"]))
    except NoSuchJob:
        return missing(variables["job"])


async def run(scm: Scm, request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """POST .../run: 202 and where its record will be; 409 while it runs or the site is stopped, 503 read-only."""
    refusal, started = start(scm, variables["job"], request.query.get("arguments", ""))
    if started is None:
        return refusal or missing(variables["job"])
    location = f"{scm.url}/api/triggeredwebjobs/{started.job}/history/{started.id}"
    return web.Response(status=202, headers={"Location": location})


def start(scm: Scm, job: str, arguments: str) -> tuple[web.Response | None, Run | None]:
    """Start a job if it can be started; otherwise the answer that says why not."""
    jobs = scm.slot.occupant.jobs
    try:
        jobs.script(job)
        if not scm.slot.record.running:
            return _message(409, f"Cannot start the WebJob '{job}': the site is stopped."), None
        if scm.slot.run_from_package:
            return _message(503, "Cannot run a WebJob on a read-only file system."), None
        return None, jobs.trigger(job, arguments)
    except NoSuchJob:
        return missing(job), None
    except JobConflict:
        return _message(409, f"Cannot start a new run since job '{job}' is already running."), None


async def history(scm: Scm, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET .../history: newest first."""
    try:
        runs = scm.slot.occupant.jobs.history(variables["job"])
    except NoSuchJob:
        return missing(variables["job"])
    return web.json_response({"runs": [run_row(scm, one) for one in runs]})


async def show_run(scm: Scm, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET .../history/{id}."""
    try:
        return web.json_response(run_row(scm, scm.slot.occupant.jobs.run(variables["job"], variables["id"])))
    except NoSuchJob:
        return missing(variables["id"])


async def output(_scm: Scm, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET vfs/...: the address that output_url gives, the same file as below api/vfs."""
    raise web.HTTPTemporaryRedirect(f"/api/vfs/{variables['path']}")


def job_row(scm: Scm, job: str) -> dict[str, Any]:
    """A job as Kudu shows it; raises NoSuchJob."""
    jobs = scm.slot.occupant.jobs
    script = jobs.script(job)
    runs = jobs.history(job)
    url = f"{scm.url}/api/triggeredwebjobs/{job}"
    return {
        "name": job,
        "type": "triggered",
        "run_command": script.name,
        "url": url,
        "history_url": f"{url}/history",
        "extra_info_url": f"{scm.url}/azurejobs/#/jobs/triggered/{job}",
        "scheduler_logs_url": None,
        "latest_run": run_row(scm, runs[0]) if runs else None,
        "error": None,
        "using_sdk": False,
        "settings": {},
    }


def run_row(scm: Scm, run: Run) -> dict[str, Any]:
    """A run as Kudu shows it."""
    url = f"{scm.url}/api/triggeredwebjobs/{run.job}/history/{run.id}"
    return {
        "id": run.id,
        "name": run.id,
        "job_name": run.job,
        "status": str(run.status),
        "start_time": run.start_time,
        "end_time": run.end_time,
        "duration": run.duration,
        "trigger": run.trigger,
        "url": url,
        "output_url": f"{scm.url}/vfs/data/jobs/triggered/{run.job}/{run.id}/output_log.txt",
        "error_url": None,
    }


def missing(what: str) -> web.Response:
    """There is no such job or run."""
    return _message(404, f"'{what}' not found.")


def _message(status: int, text: str) -> web.Response:
    return web.json_response({"Message": text}, status=status)
