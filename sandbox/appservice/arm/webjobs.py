"""Triggered WebJobs over ARM: the same jobs as through SCM, in ARM's wrapping."""

from typing import Any

from aiohttp import web

from sandbox.appservice.arm.resource import Resource, service_error
from sandbox.appservice.jobs import NoSuchJob, Run
from sandbox.appservice.kudu import webjobs
from sandbox.appservice.kudu.scm import Scm


async def listing(resource: Resource, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET triggeredwebjobs."""
    rows = [_job(resource, name) for name in resource.slot.occupant.jobs.names()]
    return web.json_response({"value": rows, "nextLink": None, "id": None})


async def show(resource: Resource, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET triggeredwebjobs/{job}."""
    try:
        return web.json_response(_job(resource, variables["job"]))
    except NoSuchJob as error:
        raise _missing(variables["job"]) from error


async def run(resource: Resource, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """POST triggeredwebjobs/{job}/run: 200, empty (through SCM it would be 202)."""
    _refuse_without_scm(resource)
    refusal, _ = webjobs.start(_scm(resource), variables["job"], "")
    if refusal is None:
        return web.Response(status=200)
    if refusal.status == 404:
        raise _missing(variables["job"])
    code = {409: "Conflict", 503: "ServiceUnavailable"}[refusal.status]
    raise service_error(
        refusal.status, code, f"The WebJob '{variables['job']}' cannot be run now: {refusal.text}"
    )


async def history(resource: Resource, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET triggeredwebjobs/{job}/history: newest first."""
    try:
        runs = resource.slot.occupant.jobs.history(variables["job"])
    except NoSuchJob as error:
        raise _missing(variables["job"]) from error
    return web.json_response(
        {"value": [_history_row(resource, one) for one in runs], "nextLink": None, "id": None}
    )


async def show_run(
    resource: Resource, _request: web.Request, variables: dict[str, str]
) -> web.StreamResponse:
    """GET triggeredwebjobs/{job}/history/{id}."""
    try:
        one = resource.slot.occupant.jobs.run(variables["job"], variables["id"])
    except NoSuchJob as error:
        raise _missing(variables["id"]) from error
    return web.json_response(_history_row(resource, one))


def _scm(resource: Resource) -> Scm:
    return Scm(resource.cloud, resource.site, resource.slot)


def _refuse_without_scm(resource: Resource) -> None:
    # ARM passes these calls on to the slot's SCM.
    if not resource.slot.scm_is_back:
        raise service_error(503, "ServiceUnavailable", "The SCM site is not available.")


def _job(resource: Resource, name: str) -> dict[str, Any]:
    row = webjobs.job_row(_scm(resource), name)
    latest = row["latest_run"]
    return {
        "id": f"{resource.id}/triggeredwebjobs/{name}",
        "name": f"{resource.name}/{name}",
        "type": f"{resource.type}/triggeredwebjobs",
        "location": resource.cloud.store.account.location,
        "properties": row | {"web_job_type": "Triggered", "latest_run": latest and _run(latest)},
    }


def _history_row(resource: Resource, run: Run) -> dict[str, Any]:
    row = _run(webjobs.run_row(_scm(resource), run))
    return {
        "id": f"{resource.id}/triggeredwebjobs/{run.job}/history/{run.id}",
        "name": f"{resource.name}/{run.job}/{run.id}",
        "type": f"{resource.type}/triggeredwebjobs/history",
        "location": resource.cloud.store.account.location,
        "properties": row | {"runs": [row]},
    }


def _run(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"web_job_id": row["id"], "web_job_name": row["job_name"]}


def _missing(what: str) -> Exception:
    return service_error(404, "NotFound", f"Cannot find WebJob '{what}'.")
