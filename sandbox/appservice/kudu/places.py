"""Paths of the SCM's file interfaces: below the slot's /home, never outside."""

from pathlib import Path, PurePosixPath

from aiohttp import web

from sandbox.appservice.kudu.scm import Scm


def place(scm: Scm, path: str) -> Path:
    """The file or folder that a path below /home means; raises HTTPNotFound for one that leads outside."""
    home = scm.slot.occupant.content.home
    parts = [part for part in PurePosixPath("/" + path).parts[1:] if part != "."]
    if ".." in parts or any("\0" in part for part in parts):
        raise web.HTTPNotFound(text="404 - Not Found")
    found = home.joinpath(*parts)
    if not found.resolve().is_relative_to(home.resolve()):
        raise web.HTTPNotFound(text="404 - Not Found")
    return found


def is_read_only(scm: Scm, target: Path) -> bool:
    """WEBSITE_RUN_FROM_PACKAGE mounts the package over wwwroot, which cannot be written then."""
    wwwroot = scm.slot.occupant.content.wwwroot
    return scm.slot.run_from_package and (target == wwwroot or wwwroot in target.parents)


def read_only(target: Path) -> web.Response:
    """What a write below a mounted package answers."""
    message = f"Could not write to local resource '{target.name}' due to error 'Read-only file system'."
    return web.json_response({"Message": message}, status=409)
