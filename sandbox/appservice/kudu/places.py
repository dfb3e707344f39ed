"""Paths of the SCM's file interfaces: below the slot's /home, never outside."""

from pathlib import Path, PurePosixPath

from aiohttp import web

from sandbox.appservice.kudu.scm import Scm


def place(scm: Scm, path: str) -> Path:
    """The file or folder that a path below /home means; raises HTTPNotFound for one that leads outside.

    On Linux a package that is run is mounted for the app, and SCM has a container of its own: there wwwroot
    stays as it was (https://github.com/microsoft/azure-pipelines-tasks/issues/11440).
    """
    content = scm.slot.occupant.content
    home = content.home
    parts = [part for part in PurePosixPath("/" + path).parts[1:] if part != "."]
    if ".." in parts or any("\0" in part for part in parts):
        raise web.HTTPNotFound(text="404 - Not Found")
    found = home.joinpath(*parts)
    if scm.slot.run_from_package and not scm.site.record.windows and found.is_relative_to(content.wwwroot):
        home = content.beneath
        found = home / found.relative_to(content.wwwroot)
    if not found.resolve().is_relative_to(home.resolve()):
        raise web.HTTPNotFound(text="404 - Not Found")
    return found


def is_read_only(scm: Scm, target: Path) -> bool:
    """WEBSITE_RUN_FROM_PACKAGE mounts the package over wwwroot, which cannot be written then."""
    content = scm.slot.occupant.content
    below = target.is_relative_to(content.wwwroot) or target.is_relative_to(content.beneath)
    return scm.slot.run_from_package and below


def read_only(target: Path) -> web.Response:
    """What a write below a mounted package answers."""
    message = f"Could not write to local resource '{target.name}' due to error 'Read-only file system'."
    return web.json_response({"Message": message}, status=409)
