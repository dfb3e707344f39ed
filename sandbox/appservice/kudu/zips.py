"""api/zip: a folder as a zip, and a zip unpacked over a folder (nothing is ever removed by it)."""

import asyncio
import tempfile
from pathlib import Path

from aiohttp import web

from sandbox.appservice import archives
from sandbox.appservice.faults import send
from sandbox.appservice.kudu.places import is_read_only, place, read_only
from sandbox.appservice.kudu.scm import Scm


async def download(scm: Scm, request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """GET: the zip of a folder's content, made while it is sent."""
    target = place(scm, variables["path"])
    if not target.is_dir():
        return web.json_response({"Message": f"'/home/{variables['path']}' not found."}, status=404)
    name = f"{target.name or 'home'}.zip"
    response = web.StreamResponse(
        headers={"Content-Type": "application/zip", "Content-Disposition": f"attachment; filename={name}"}
    )
    await response.prepare(request)
    async for chunk in archives.stream_zip(target):
        await scm.cloud.from_scm.carry(len(chunk))
        await send(request, response, chunk)
    await response.write_eof()
    return response


async def upload(scm: Scm, request: web.Request, variables: dict[str, str]) -> web.StreamResponse:
    """PUT: unpack over what is there; goes on to its end even if the caller stops waiting."""
    target = place(scm, variables["path"])
    if is_read_only(scm, target):
        return read_only(target)
    archive = await receive(scm, request)
    try:
        await asyncio.shield(scm.cloud.background(_unpack(archive, target)))
    except archives.BadArchive as error:
        return web.json_response({"Message": str(error)}, status=400)
    return web.Response(status=200)


async def _unpack(archive: Path, target: Path) -> None:
    try:
        await asyncio.to_thread(archives.member_names, archive)
        target.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(archives.extract, archive, target)
    finally:
        archive.unlink(missing_ok=True)


async def receive(scm: Scm, request: web.Request) -> Path:
    """The request's body in a file of its own: a package may be larger than memory."""
    folder = scm.cloud.store.folder / "uploads"
    folder.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".zip", delete=False) as file:
        path = Path(file.name)
        try:
            async for chunk in request.content.iter_any():
                await scm.cloud.to_scm.carry(len(chunk))
                file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path
