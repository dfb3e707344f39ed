"""The visitor who watches production: what each page answers when it is well is known before anything changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from aiohttp import web

from release.probe import Probe

PATHS = ("/", "/rss/", "/robots.txt")


@asynccontextmanager
async def a_site(answers: dict[str, int]) -> AsyncIterator[str]:
    """Its address; a path that has no status yet does not answer before the end."""
    over = asyncio.Event()

    async def visited(request: web.Request) -> web.Response:
        while request.path not in answers and not over.is_set():  # noqa: ASYNC110 - the test decides when
            await asyncio.sleep(0.01)
        return web.Response(status=answers.get(request.path, 503))

    app = web.Application()
    app.router.add_get("/{path:.*}", visited)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        over.set()
        await runner.cleanup()


async def test_each_page_has_answered_once_and_is_measured_by_that() -> None:
    answers = {"/": 200, "/robots.txt": 200}
    async with (
        a_site(answers) as url,
        httpx.AsyncClient() as http,
        Probe(http, url, PATHS, rate=100) as probe,
    ):
        waiting = asyncio.create_task(probe.has_asked_all(20))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        answers["/rss/"] = 404  # a blog without a feed
        await waiting
        assert probe.seen().failed == 0
        answers["/rss/"] = 500
        while not probe.seen().failed:  # noqa: ASYNC110 - the probe tells nobody
            await asyncio.sleep(0.01)
        assert probe.seen().failures == ("HTTP 500",)


async def test_a_page_that_never_answers_is_not_waited_for_longer_than_said() -> None:
    async with a_site({"/": 200}) as url, httpx.AsyncClient() as http:
        async with Probe(http, url, PATHS, rate=100, last_seconds=0) as probe:
            await asyncio.wait_for(probe.has_asked_all(0.2), 10)
        assert "no answer" in probe.seen().failures
