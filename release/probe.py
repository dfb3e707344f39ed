"""A visitor who never stops asking: the proof that nobody noticed the swap."""

import asyncio
import contextlib
import statistics
import time
from datetime import UTC, datetime
from types import TracebackType

import httpx

from release.model import ProbeSeen
from release.trouble import in_words

_AT_ONCE = 50
POINTS = 240


class Probe:
    """Asks `url` + paths in turn, `rate` times a second, for as long as the block lasts.

    Requests start on time even while earlier ones hang, as visitors' do. Anything but the status that
    the path answered when the probe began counts as failed.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        paths: tuple[str, ...] = ("/",),
        rate: float = 10,
        last_seconds: float = 10.0,
    ) -> None:
        """`last_seconds` is how long those who still wait at the end are waited for."""
        self._http = http
        self._urls = tuple(url + path for path in paths)
        self._pause = 1 / rate
        self._last_seconds = last_seconds
        self._times: list[float] = []
        self._failures: list[str] = []
        self._unanswered = 0  # beside those that have a time
        self._healthy: dict[str, int] = {}
        self._asked_all = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._started = 0.0
        self._began_at: datetime | None = None
        self._points: list[tuple[float, float, bool]] = []

    async def __aenter__(self) -> "Probe":
        self._started, self._began_at = time.monotonic(), datetime.now(UTC)
        self._task = asyncio.create_task(self._run(), name="probe")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        turn = 0
        async with asyncio.TaskGroup() as visitors:
            running: set[asyncio.Task[None]] = set()
            try:
                while True:
                    if len(running) < _AT_ONCE:
                        visitor = visitors.create_task(self._visit(self._urls[turn % len(self._urls)]))
                        running.add(visitor)
                        visitor.add_done_callback(running.discard)
                    else:
                        self._unanswered += 1
                        self._failures.append(f"{_AT_ONCE} requests wait for an answer")
                    turn += 1
                    await asyncio.sleep(self._pause)
            finally:
                # The last visitors are let finish: cutting them off would hide a failure.
                if running:
                    _, waiting = await asyncio.wait(running, timeout=self._last_seconds)
                    self._unanswered += len(waiting)
                    self._failures += ["no answer"] * len(waiting)

    async def _visit(self, url: str) -> None:
        start = time.monotonic()
        well = False
        try:
            response = await self._http.get(url, follow_redirects=False, timeout=30)
            # A blog without a feed answers 404 before and after; an error of the server is never well.
            status = response.status_code
            healthy = self._healthy.setdefault(url, status if status < 500 else 200)
            if self._healthy.keys() >= set(self._urls):
                self._asked_all.set()
            well = status == healthy
            if not well:
                self._failures.append(f"HTTP {status}")
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            self._failures.append(in_words(error))
        took = (time.monotonic() - start) * 1000
        self._times.append(took)
        self._points.append((round(start - self._started, 2), round(took, 1), well))

    async def has_asked_all(self, seconds: float) -> None:
        """Wait until each path has answered once, so that it is known what it answers; for at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked_all.wait(), seconds)

    def seen(self) -> ProbeSeen:
        """What the visitors got so far."""
        return ProbeSeen(
            requests=len(self._times) + self._unanswered,
            failed=len(self._failures),
            slowest_ms=round(max(self._times, default=0), 1),
            median_ms=round(statistics.median(self._times), 1) if self._times else 0,
            seconds=round(time.monotonic() - self._started, 1),
            failures=tuple(sorted(set(self._failures))),
            began_at=self._began_at,
            series=thinned(self._points),
        )


def thinned(points: list[tuple[float, float, bool]]) -> tuple[tuple[float, float, bool], ...]:
    """At most `POINTS` of them, in their order: of several beside each other a failed one, else the slowest."""
    ordered = sorted(points)
    each = max(1, -(-len(ordered) // POINTS))
    groups = (ordered[place : place + each] for place in range(0, len(ordered), each))
    return tuple(max(group, key=lambda point: (not point[2], point[1])) for group in groups)
