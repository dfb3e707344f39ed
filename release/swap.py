"""The one place where production is touched: swap, watch, verify, and back at once if it is not well."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn, Protocol

import httpx

from release.errors import ReleaseError
from release.model import ProbeSeen, Step, SwapDone
from release.probe import Probe
from release.site import PRODUCTION, Site
from release.smoke import Expected, SmokeTestFailed, smoke_test
from release.staging import start_and_warm


class ProductionMoved(ReleaseError):
    problem = "Production of {0} runs {1}; it was {2} when this release was staged."
    remedy = "Somebody swapped or deployed in between. Nothing was changed now: start the release again."


class SwappedBack(ReleaseError):
    problem = (
        "{0} was in production for {1} seconds and was not well there: {2}. It was swapped back at once."
    )
    remedy = "Production runs {3} again. What was wrong is on staging to look at; then start again."


class NotWellInProduction(ReleaseError):
    problem = "{0} is in production and is not well: {1}. Swapping back failed too: {2}"
    remedy = "Look at production now. Swap the slots in the portal if {3} on staging is well."


class Words(Protocol):
    """A step that is being told of: set its one line of figures."""

    text: str


class Memory(Protocol):
    """What survives a kill in the middle: the swap that was asked for, and the verdict to take it back."""

    token: str | None
    condemned: str | None

    async def keep_token(self, token: str | None) -> None: ...
    async def condemn(self, reason: str) -> None: ...


Journal = Callable[[Step], AbstractAsyncContextManager[Words]]


@dataclass(frozen=True)
class Change:
    """What is to become live: from one exact version to another."""

    before: Expected
    after: Expected


async def put_live(
    site: Site, change: Change, memory: Memory, journal: Journal, preview: bool
) -> tuple[SwapDone, ProbeSeen]:
    """`change.after` is live and verified afterwards, or production is as it was and the error says so.

    Looks first, so it may be repeated after a crash at any point: a swap that was asked for is waited
    for, one that is done is only verified, one that was condemned is taken back. With `preview`,
    staging is tested under production's settings before anything is swapped. A probe visits
    production all along.
    """
    if memory.condemned is not None:
        await _take_back(site, change, memory, 0)
    url = await site.url(PRODUCTION)
    async with Probe(site.visitor, url, ("/", "/rss/", "/robots.txt"), site.config.probe_rate) as probe:
        await asyncio.sleep(site.config.watch_seconds)
        if preview:
            async with journal(Step.PREVIEW) as words:
                words.text = await _preview(site, change, memory)
        async with journal(Step.SWAP) as words:
            started = time.monotonic()
            await _swap(site, change, memory)
            seconds = round(time.monotonic() - started, 1)
            first = await _first_response(site, url)
            words.text = f"{seconds} s, first answer after {first:.0f} ms"
        async with journal(Step.VERIFY) as words:
            await _verify(site, change, memory, seconds)
            await asyncio.sleep(site.config.watch_seconds)
            words.text = _told(probe.seen())
    seen = probe.seen()
    return SwapDone(change.before.version, change.after.version, seconds, first), seen


async def _preview(site: Site, change: Change, memory: Memory) -> str:
    """Production's settings on staging, and staging still well with them."""
    production = await site.app.slot(PRODUCTION)
    if memory.token is not None or await site.version(PRODUCTION) == change.after.version:
        return "already past it"
    if production.target_swap_slot is None:
        await site.app.preview()
    try:
        seconds = await start_and_warm(site, site.staging)
        pages = await smoke_test(site, site.staging, change.after)
    except BaseException:
        # Cancelled or failed: staging gets its own settings back, whatever the reason.
        await asyncio.shield(site.app.reset_preview())
        raise
    return f"ready in {seconds:.1f} s with production's settings, {len(pages)} pages well"


async def _swap(site: Site, change: Change, memory: Memory) -> None:
    """Staging is in production afterwards; does nothing if it already is."""
    if memory.token is None:
        current = await site.version(PRODUCTION)
        if current == change.after.version:
            return
        if current != change.before.version:
            raise ProductionMoved(site.name, current, change.before.version)
    try:
        await site.app.swap(memory.token, memory.keep_token, site.config.swap_limit)
    except ReleaseError:
        await site.app.reset_preview()
        raise
    current = await site.version(PRODUCTION)
    if current != change.after.version:
        raise ProductionMoved(site.name, current, change.after.version)


async def _verify(site: Site, change: Change, memory: Memory, seconds: float) -> None:
    """Production is what it should be; if not, it is swapped back before this raises."""
    try:
        await _twice(lambda: smoke_test(site, PRODUCTION, change.after))
    except SmokeTestFailed as error:
        # Written down first: a bot killed while it swaps back must not put the sick version live again.
        await memory.condemn(str(error.args[1]))
        await _take_back(site, change, memory, seconds)


async def _take_back(site: Site, change: Change, memory: Memory, seconds: float) -> NoReturn:
    """Swap the condemned version out again; always raises, saying how that went."""
    wrong = memory.condemned or ""
    try:
        if memory.token is not None or await site.version(PRODUCTION) == change.after.version:
            await site.app.swap(memory.token, memory.keep_token, site.config.swap_limit)
        await _twice(lambda: smoke_test(site, PRODUCTION, change.before))
    except ReleaseError as error:
        raise NotWellInProduction(change.after.version, wrong, str(error), change.before.version) from error
    raise SwappedBack(change.after.version, f"{seconds:.0f}", wrong, change.before.version)


async def _twice(check: Callable[[], Awaitable[object]]) -> None:
    """A verdict that swaps production back needs more than one unlucky request."""
    try:
        await check()
    except SmokeTestFailed:
        await asyncio.sleep(2)
        await check()


async def _first_response(site: Site, url: str) -> float:
    """Milliseconds until production answers its first visitor after the swap (a cold site took a minute)."""
    start = time.monotonic()
    try:
        await site.visitor.get(url + "/", timeout=120)
    except httpx.HTTPError:
        return 120_000.0
    return round((time.monotonic() - start) * 1000, 1)


def _told(seen: ProbeSeen) -> str:
    failed = "none failed" if not seen.failed else f"{seen.failed} failed"
    return f"{seen.requests} requests of visitors, {failed}, slowest {seen.slowest_ms:.0f} ms"
