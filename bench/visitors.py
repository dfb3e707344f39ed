"""`python -m bench.visitors RATE URL...`: visitors of a site, a process of its own, until standard input closes.

Requests begin on time even while earlier ones hang. Each answer is a line: when it was asked for by the clock, the
seconds that it took, and its status, or 0 where there was none.
"""

import asyncio
import contextlib
import sys
import time

import aiohttp

LONGEST_SECONDS = 30


async def main(rate: float, urls: list[str]) -> None:
    """One request after the other, so many a second, to each of the addresses in turn."""
    patience = aiohttp.ClientTimeout(total=LONGEST_SECONDS)
    closed = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    running: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession(timeout=patience, connector=aiohttp.TCPConnector(limit=0)) as http:
        began, number = time.monotonic(), 0
        while not closed.done():
            visit = asyncio.create_task(_visit(http, urls[number % len(urls)]))
            running.add(visit)
            visit.add_done_callback(running.discard)
            number += 1
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        if running:
            await asyncio.wait(running)  # cutting them off would hide a failure


async def _visit(http: aiohttp.ClientSession, url: str) -> None:
    at, began, status = time.time(), time.monotonic(), 0
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with http.get(url, allow_redirects=False) as answer:
            await answer.read()
            status = answer.status
    sys.stdout.write(f"{at:.3f} {time.monotonic() - began:.5f} {status}\n")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
