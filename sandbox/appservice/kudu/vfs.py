"""api/vfs: files and folders with ETags, conditions, ranges and redirects.

Source: Kudu's VfsController and https://github.com/projectkudu/kudu/wiki/REST-API#vfs
"""

import asyncio
import mimetypes
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from sandbox.appservice.faults import send
from sandbox.appservice.kudu.places import is_read_only, place, read_only
from sandbox.appservice.kudu.scm import Scm

_CHUNK = 1 << 18


async def read(scm: Scm, request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET or HEAD: a file, a folder's listing, or the redirect to the right spelling."""
    path = variables.get("path", "")
    target = place(scm, path)
    slash = path == "" or path.endswith("/")
    if target.is_dir():
        if not slash or not request.path.endswith("/"):
            return _redirect(f"{request.path.rstrip('/')}/", request)
        return web.json_response(await asyncio.to_thread(_listing, scm, target, request))
    if not target.is_file():
        return _missing(path)
    if slash:
        return _redirect(request.path.rstrip("/"), request)
    return await _send_file(scm, request, target)


async def write(scm: Scm, request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """PUT: make a folder, a new file (201), or replace one whose ETag the caller names (204)."""
    path = variables["path"]
    target = place(scm, path)
    if is_read_only(scm, target):
        return read_only(target)
    if path.endswith("/"):
        if target.exists():
            return _conflict(
                "Cannot create directory: it exists." if target.is_dir() else "A file of that name exists."
            )
        target.mkdir(parents=True)
        return web.Response(status=201)
    if target.is_dir():
        return _conflict("The resource represents a directory which can not be updated.")
    exists = target.is_file()
    refusal = _unmet_condition(request, target) if exists else None
    if refusal:
        return refusal
    if not exists and _conditions(request) not in ([], ["*"]):
        return _stale(None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return _conflict(f"Could not write to local resource '{path}' due to error 'Not a directory'.")
    await _receive(scm, request, target)
    return web.Response(status=204 if exists else 201, headers={"ETag": etag(target.stat())})


async def delete(scm: Scm, request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """DELETE: a file whose ETag the caller names, or a folder (empty, or with ?recursive=true)."""
    path = variables["path"]
    target = place(scm, path)
    if is_read_only(scm, target):
        return read_only(target)
    if target.is_dir():
        if request.query.get("recursive", "").lower() == "true":
            await asyncio.to_thread(shutil.rmtree, target)
        elif any(target.iterdir()):
            return _conflict("Cannot delete directory. It is either not empty or access is not allowed.")
        else:
            target.rmdir()
        return web.Response(status=200)
    if not target.is_file():
        return _missing(path)
    refusal = _unmet_condition(request, target)
    if refusal:
        return refusal
    target.unlink()
    return web.Response(status=200)


def etag(status: os.stat_result) -> str:
    """A file's ETag: changes with its time and size."""
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'


def _conditions(request: web.Request) -> list[str]:
    return [one.strip() for one in request.headers.get("If-Match", "").split(",") if one.strip()]


def _unmet_condition(request: web.Request, target: Path) -> web.Response | None:
    current = etag(target.stat())
    wanted = _conditions(request)
    if "*" in wanted or current in wanted:
        return None
    return _stale(current)


def _stale(current: str | None) -> web.Response:
    message = "ETag does not represent the latest state of the resource."
    headers = {"ETag": current} if current else {}
    return web.json_response({"Message": message}, status=412, headers=headers)


async def _receive(scm: Scm, request: web.Request, target: Path) -> None:
    # In place, as Kudu does it: an upload that breaks off leaves half a file, and so it is here. Only a file
    # that is hard-linked elsewhere (a cache a demo was laid out from) gets an inode of its own first.
    if target.exists() and target.stat().st_nlink > 1:
        target.unlink()
    with target.open("wb") as file:
        async for chunk in request.content.iter_any():
            await scm.cloud.to_scm.carry(len(chunk))
            file.write(chunk)


async def _send_file(scm: Scm, request: web.Request, target: Path) -> web.StreamResponse:
    status = target.stat()
    tag = etag(status)
    headers = {
        "ETag": tag,
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": mimetypes.guess_type(target.name)[0] or "application/octet-stream",
    }
    known = [one.strip() for one in request.headers.get("If-None-Match", "").split(",")]
    if tag in known or "*" in known:
        return web.Response(status=304, headers={"ETag": tag})
    try:
        wanted = request.http_range
    except ValueError:
        return _unsatisfiable(status.st_size)
    start, stop, _ = wanted.indices(status.st_size)
    partial = wanted != slice(None, None, 1) and request.headers.get("If-Range", tag) == tag
    if not partial:
        start, stop = 0, status.st_size
    elif start >= stop:
        return _unsatisfiable(status.st_size)
    response = web.StreamResponse(status=206 if partial else 200, headers=headers)
    response.content_length = stop - start
    if partial:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{status.st_size}"
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in _chunks(target, start, stop):
            await scm.cloud.from_scm.carry(len(chunk))
            await send(request, response, chunk)
    await response.write_eof()
    return response


async def _chunks(target: Path, start: int, stop: int) -> AsyncIterator[bytes]:
    with target.open("rb") as file:
        file.seek(start)
        left = stop - start
        while left > 0 and (chunk := await asyncio.to_thread(file.read, min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
        if left > 0:
            # The file shrank meanwhile; a short body must not look like a whole one.
            raise ConnectionResetError(f"{target.name} became shorter while it was sent")


def _listing(scm: Scm, folder: Path, request: web.Request) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    base = f"{scm.url}{quote(request.path)}"
    for entry in sorted(folder.iterdir(), key=lambda one: (not one.is_dir(), one.name.lower())):
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue  # gone since the listing began
        is_folder = entry.is_dir()
        # .NET shows a name that is no UTF-8 with replacement characters, and then finds no file of that name.
        name = os.fsencode(entry.name).decode("utf-8", "replace")
        mime = "inode/directory" if is_folder else mimetypes.guess_type(name)[0] or "application/octet-stream"
        rows.append(
            {
                "name": name,
                "size": 0 if is_folder else status.st_size,
                "mtime": _time(status.st_mtime),
                "crtime": _time(status.st_ctime),
                "mime": mime,
                "href": f"{base}{quote(name)}{'/' if is_folder else ''}",
                "path": _path_in_there(scm, folder / name),
            }
        )
    return rows


def _path_in_there(scm: Scm, entry: Path) -> str:
    content, home = scm.slot.occupant.content, scm.site.platform(scm.slot).home
    if entry.is_relative_to(content.beneath):
        entry = content.wwwroot / entry.relative_to(content.beneath)
    path = f"{home}/{entry.relative_to(content.home)}"
    return path.replace("/", "\\") if scm.site.record.windows else path


def _time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()


def _redirect(path: str, request: web.Request) -> web.Response:
    query = f"?{request.query_string}" if request.query_string else ""
    return web.Response(status=307, headers={"Location": f"{quote(path)}{query}"})


def _unsatisfiable(size: int) -> web.Response:
    return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})


def _missing(path: str) -> web.Response:
    return web.json_response({"Message": f"'/home/{path}' not found."}, status=404)


def _conflict(message: str) -> web.Response:
    return web.json_response({"Message": message}, status=409)
