"""zipdeploy, OneDeploy (api/publish) and what became of them (api/deployments)."""

from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.appservice import swap
from sandbox.appservice.deploy import Deployer, Deployment, DeploymentInProgress, DeployStatus, Parcel
from sandbox.appservice.kudu.places import place
from sandbox.appservice.kudu.scm import Scm
from sandbox.appservice.kudu.zips import receive

_IN_PROGRESS = "There is a deployment currently in progress. Please try again when it completes."
_FILE_TYPES = ("static", "startup", "script", "lib")


async def zip_deploy(scm: Scm, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST api/zipdeploy: over what is there; only files of the last deployment that are gone now are removed."""
    return await _deploy(
        scm,
        request,
        deployer="ZipDeploy",
        target=scm.slot.occupant.content.wwwroot,
        clean=_flag(request, "clean", default=False),
        asynchronous=_flag(request, "isAsync", default=False),
    )


async def publish(scm: Scm, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """POST api/publish: OneDeploy, which empties the target first unless told otherwise."""
    kind = request.query.get("type", "").lower()
    path = request.query.get("path", "")
    target = scm.slot.occupant.content.wwwroot
    file_name = None
    if kind == "zip":
        target = _target(scm, path) if path else target
    elif kind == "startup":
        target, file_name = scm.slot.occupant.content.home / "site" / "scripts", "startup.sh"
    elif kind in _FILE_TYPES:
        if not path:
            return _refused(400, f"Path must be defined for type='{kind}'")
        place_of_file = _target(scm, path)
        target, file_name = place_of_file.parent, place_of_file.name
    elif not kind:
        return _refused(400, "Deployment type is required. Use the type query parameter.")
    else:
        return _refused(400, f"Artifact type '{kind}' not supported")
    return await _deploy(
        scm,
        request,
        deployer="OneDeploy",
        target=target,
        clean=_flag(request, "clean", default=kind == "zip"),
        asynchronous=_flag(request, "async", default=False) or _flag(request, "isAsync", default=False),
        restart=_flag(request, "restart", default=True),
        file_name=file_name,
    )


async def listing(scm: Scm, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET api/deployments: newest first."""
    deployer = scm.slot.occupant.deployer
    return web.json_response([_row(scm, one, deployer) for one in deployer.all()])


async def show(scm: Scm, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET api/deployments/{id} or latest: 202 until it is complete."""
    deployer = scm.slot.occupant.deployer
    wanted = variables["id"]
    if wanted == "latest":
        one = deployer.latest()
    else:
        one = next((each for each in deployer.all() if each.id == wanted), None)
    if one is None:
        return _refused(404, f"Deployment '{wanted}' not found.")
    return web.json_response(_row(scm, one, deployer), status=200 if one.complete else 202)


async def log(scm: Scm, _request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET api/deployments/{id}/log."""
    for one in scm.slot.occupant.deployer.all():
        if one.id == variables["id"] or variables["id"] == "latest":
            return web.json_response(
                [
                    {
                        "log_time": time,
                        "id": f"{one.id}-{number}",
                        "message": text,
                        "type": 0,
                        "details_url": None,
                    }
                    for number, (time, _, text) in enumerate(line.partition(" ") for line in one.log)
                ]
            )
    return _refused(404, f"Deployment '{variables['id']}' not found.")


async def is_deploying(scm: Scm, _request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET api/isdeploying."""
    return web.json_response({"value": scm.slot.occupant.deployer.busy, "msg": ""})


async def _deploy(
    scm: Scm,
    request: web.Request,
    *,
    deployer: str,
    target: Path,
    clean: bool,
    asynchronous: bool,
    restart: bool = True,
    file_name: str | None = None,
) -> web.StreamResponse:
    worker = scm.slot.occupant.deployer
    if worker.busy:
        return _refused(409, _IN_PROGRESS)
    parcel = Parcel(
        archive=await receive(scm, request),
        deployer=deployer,
        clean=clean,
        target=target,
        restart=restart,
        package=scm.slot.run_from_package and file_name is None,
        build=scm.slot.builds and not scm.slot.run_from_package and file_name is None,
        file_name=file_name,
        message=request.query.get("message", ""),
    )
    try:
        deployment = worker.begin(parcel)
    except DeploymentInProgress:  # two uploads at once: the first to arrive whole won
        parcel.archive.unlink(missing_ok=True)
        return _refused(409, _IN_PROGRESS)
    scm.site.background(_swap_by_itself(scm, worker, deployment))
    if asynchronous:
        # On Linux the address is the container's own, on port 80 and without https: of no use to a caller.
        location = f"http://{scm.cloud.options.host}:80/api/deployments/latest?deployer={deployer}"
        return web.Response(status=202, headers={"Location": location, "SCM-DEPLOYMENT-ID": deployment.id})
    await worker.finished()
    if deployment.status is DeployStatus.FAILED:
        return _refused(400, deployment.status_text)
    return web.Response(status=200)


async def _swap_by_itself(scm: Scm, worker: Deployer, deployment: Deployment) -> None:
    """Auto swap, which only Windows has: what was deployed well goes to the slot that is named."""
    await worker.finished()
    site, slot = scm.site, scm.slot
    target = site.slots.get(str(slot.record.web.get("autoSwapSlotName") or ""))
    if not site.record.windows or target is None or target is slot:
        return
    if deployment.status is DeployStatus.SUCCESS and site.record.swap is None:
        swap.begin(site, slot, target)


def _row(scm: Scm, one: Deployment, deployer: Deployer) -> dict[str, Any]:
    url = f"{scm.url}/api/deployments/{one.id}"
    return {
        "id": one.id,
        "status": int(one.status),
        "status_text": one.status_text,
        "author_email": "N/A",
        "author": "N/A",
        "deployer": one.deployer,
        "message": one.message,
        "progress": one.progress,
        "received_time": one.received_time,
        "start_time": one.start_time,
        "end_time": one.end_time,
        "last_success_end_time": one.end_time if one.status is DeployStatus.SUCCESS else None,
        "complete": one.complete,
        "active": one.id == deployer.active(),
        "is_temp": one.is_temp,
        "is_readonly": one.is_temp,
        "url": url,
        "log_url": f"{url}/log",
        "site_name": scm.site.name,
        "build_summary": {"errors": [], "warnings": []},
    }


def _target(scm: Scm, path: str) -> Path:
    """A OneDeploy path: absolute below /home, or relative to wwwroot."""
    if path.startswith("/home/"):
        return place(scm, path.removeprefix("/home/"))
    return place(scm, f"site/wwwroot/{path.lstrip('/')}")


def _flag(request: web.Request, name: str, *, default: bool) -> bool:
    value = {key.lower(): text for key, text in request.query.items()}.get(name.lower())
    return default if value is None else value.lower() == "true"


def _refused(status: int, message: str) -> web.Response:
    return web.Response(status=status, text=message)
