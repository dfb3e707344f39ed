"""api/logstream: the slot's log as it grows."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from sandbox.appservice.faults import send
from sandbox.appservice.kudu.scm import Scm

_QUIET_SECONDS = 60.0


async def stream(scm: Scm, request: web.Request, _: dict[str, str]) -> web.StreamResponse:
    """GET: chunked text until the caller hangs up."""
    log = scm.slot.occupant.content.log
    response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    queue = log.listen()
    try:
        await send(request, response, _line("Welcome, you are now connected to log-streaming service."))
        for chunk in list(log.tail)[-10:]:
            await send(request, response, chunk)
        while True:
            try:
                chunk = await asyncio.wait_for(queue.get(), _QUIET_SECONDS)
            except TimeoutError:
                chunk = _line("No new trace in the past 1 min(s).")
            await send(request, response, chunk)
    except ConnectionError:
        return response
    finally:
        log.leave(queue)


def _line(text: str) -> bytes:
    return f"{datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%S')}  {text}\n".encode()
