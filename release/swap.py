"""The one place where production is swapped: swap, watch, verify, and back at once if it is not well."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NoReturn, Protocol

import httpx

from release.azure.errors import SwapRefused, SwapUncertain
from release.errors import ReleaseError
from release.model import Kind, ProbeSeen, Release, Step, SwapDone
from release.probe import Probe
from release.site import PRODUCTION, Site
from release.smoke import Expected, SmokeTestFailed, smoke_test, visit_production
from release.staging import read_mark, start_and_warm
from release.warm_up import answer_to_warm_up

log = logging.getLogger(__name__)

ASK_AGAIN_SECONDS = 20.0
"""Between two tries to swap back what is not well in production."""


class ProductionMoved(ReleaseError):
    problem = "Production of {0} runs {1}; it was {2} when this release was staged."
    remedy = "Somebody swapped or deployed in between. Nothing was changed now: start the release again."


class SwappedBack(ReleaseError):
    problem = (
        "{0} was in production for {1} seconds and was not well there: {2}. It was swapped back at once."
    )
    remedy = "Production runs {3} again. What was wrong is on staging to look at; then start again."


class NotWellInProduction(ReleaseError):
    problem = "{0} was not well in production: {1}. Swapping back, or looking at it afterwards, failed: {2}"
    remedy = (
        "/ghost status shows what production runs now: look there before you swap anything. Where that is still {0}, "
        "and {3} on staging is well, swap the slots in the portal."
    )


class NotVerified(ReleaseError):
    problem = "Azure has swapped {0} into production, but it could not be verified: {1}"
    remedy = (
        "Look at production and at /ghost status now. The old version is still on staging: "
        "where production runs {0}, /ghost rollback puts the old one back."
    )


class Words(Protocol):
    """A step that is being told of: set its one line of figures."""

    text: str


class Memory(Protocol):
    """What survives a kill in the middle: the swap that was asked for, and the verdict to take it back.

    To condemn forgets the token: from then on it is that of the swap back.
    """

    token: str | None
    condemned: str | None

    async def keep_token(self, token: str | None) -> None: ...
    async def condemn(self, reason: str) -> None: ...


Journal = Callable[[Step], AbstractAsyncContextManager[Words]]
LastLook = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Change:
    """What is to become live: from one exact version to another.

    A restore may go from a version to the same one, and late writes are carried over within one. Then the release
    whose mark is on the files tells the two sides apart: `marked_after` names the one that put `after` on staging,
    `marked_before` the one in production.
    """

    before: Expected
    after: Expected
    marked_after: str | None = None
    marked_before: str | None = None


class Held(StrEnum):
    """Which side of a change production holds."""

    BEFORE = "before"
    AFTER = "after"
    NEITHER = "neither"


def change_of(release: Release) -> Change:
    """What a release makes live. Totals are not compared in production: people write there."""
    return Change(
        before=Expected(release.from_version or "", lawful=lawful(release, "production")),
        after=Expected(release.version or "", lawful=lawful(release, "staging")),
        marked_after=release.id if _puts_its_mark(release.kind) else None,
        marked_before=release.undoes,
    )


def _puts_its_mark(kind: Kind) -> bool:
    """Whether it may go from a version to the same one, so that only its mark tells the two sides apart."""
    return kind in (Kind.RESTORE, Kind.CARRY_OVER) or kind.deploys


def lawful(release: Release, side: Literal["production", "staging"]) -> dict[str, str]:
    """The statuses this site gave when it was well: in production there is nothing left to compare with."""
    answers = {page.path: getattr(page, side) for page in release.facts.pages if page.ok}
    return {path: status for path, status in answers.items() if status.isdigit()}


async def held_by_production(site: Site, change: Change) -> tuple[Held, str]:
    """Which side production holds, and the exact version of it."""
    version = await site.version(PRODUCTION)
    if change.before.version != change.after.version:
        sides = {change.before.version: Held.BEFORE, change.after.version: Held.AFTER}
        return sides.get(version, Held.NEITHER), version
    if version != change.after.version:
        return Held.NEITHER, version
    mark = await read_mark(site, PRODUCTION)
    bears = mark.release if mark else None
    if change.marked_after is not None:
        return Held.AFTER if bears == change.marked_after else Held.BEFORE, version
    return Held.BEFORE if bears == change.marked_before else Held.AFTER, version


async def is_past_the_swap(site: Site, release: Release) -> bool:
    """Whether the release's swap was asked for already: nothing that comes before it is done again then.

    The records know best: right after a swap the SCM sites may still show the files of before.
    """
    if release.facts.swap_token is not None or release.facts.condemned is not None:
        return True
    return (await held_by_production(site, change_of(release)))[0] is Held.AFTER


async def put_live(
    site: Site,
    change: Change,
    memory: Memory,
    journal: Journal,
    preview: bool,
    last_look: LastLook | None = None,
    before_back: LastLook | None = None,
) -> tuple[SwapDone, ProbeSeen]:
    """`change.after` is live and verified afterwards, or production is as it was and the error says so.

    Looks first, so it may be repeated after a crash at any point: a swap that was asked for is waited
    for, one that is done is only verified, one that was condemned is taken back. With `preview`,
    staging is tested under production's settings before anything is swapped. `last_look` comes right
    before the swap is asked for, and `before_back` before production is swapped back. A probe visits
    production all along.
    """
    if memory.condemned is not None:
        await _swapped_back(site, change, memory, 0, before_back)
    url = await site.url(PRODUCTION)
    async with Probe(site.visitor, url, site.shape.pages.probed, site.config.probe_rate) as probe:
        if preview:
            async with journal(Step.PREVIEW) as words:
                words.text = await _preview(site, change, memory)
        await probe.has_asked_all(site.config.watch_seconds)
        if last_look is not None:
            await _look_before(site, memory, last_look)
        async with journal(Step.SWAP) as words:
            started = time.monotonic()
            await _swap(site, change, memory)
            seconds = round(time.monotonic() - started, 1)
            first = await _first_response(site, url)
            words.text = f"first answer after {first:.0f} ms"
        async with journal(Step.VERIFY) as words:
            unseen = await _verify(site, change, memory, seconds, before_back)
            await asyncio.sleep(site.config.watch_seconds)
            words.text = _told(probe.seen())
            if unseen is not None:
                words.text += f"; its files could not be looked at: {unseen}"
    seen = probe.seen()
    return SwapDone(change.before.version, change.after.version, seconds, first, unseen=unseen), seen


async def _preview(site: Site, change: Change, memory: Memory) -> str:
    """Production's settings on staging, and staging still well with them."""
    production = await site.app.slot(PRODUCTION)
    if memory.token is not None or (await held_by_production(site, change))[0] is Held.AFTER:
        return "already past it"
    try:
        if production.target_swap_slot is None:
            await site.app.preview()
        seconds = await start_and_warm(site, site.staging)
        pages = await smoke_test(site, site.staging, change.after)
    except BaseException:
        # Cancelled or failed: staging gets its own settings back, whatever the reason.
        await asyncio.shield(_reset_preview(site))
        raise
    answered = await answer_to_warm_up(site, site.staging)
    warm_up = f"; it answers a swap's warm-up with {answered.in_words}" if answered else ""
    return f"ready in {seconds:.1f} s with production's settings, {len(pages)} pages well{warm_up}"


async def _look_before(site: Site, memory: Memory, last_look: LastLook) -> None:
    """Look for the last time; whatever stops it, staging has its own settings again."""
    try:
        await last_look()
    except BaseException:
        if memory.token is None:
            await asyncio.shield(_reset_preview(site))
        raise


async def _swap(site: Site, change: Change, memory: Memory) -> None:
    """Staging is in production afterwards; does nothing if it already is."""
    if memory.token is None:
        held, current = await held_by_production(site, change)
        if held is Held.AFTER:
            return
        if held is Held.NEITHER:
            raise ProductionMoved(site.name, current, change.before.version)
    try:
        await site.app.swap(memory.token, memory.keep_token, site.config.swap_limit)
    except SwapUncertain:
        raise  # it may still be under way: nothing is touched
    except ReleaseError:
        await _reset_preview(site)
        raise
    try:
        instead = await settled(site, change, Held.AFTER)
    except ReleaseError as error:
        # Azure says that it has swapped; what production is, the step after this one finds out.
        log.warning("files not seen after the swap", extra={"site": site.name, "problem": str(error)})
        return
    if instead is not None:
        raise NotVerified(change.after.version, f"its files are version {instead}")


async def settled(site: Site, change: Change, wanted: Held) -> str | None:
    """A swap is done; the SCM site may need a moment to show it. What it shows instead in the end, or None."""
    deadline = time.monotonic() + site.config.scm_patience
    while True:
        held, current = await held_by_production(site, change)
        if held is wanted:
            return None
        if time.monotonic() > deadline:
            return current
        await asyncio.sleep(1)


async def _reset_preview(site: Site) -> None:
    """Staging has its own settings again; where that fails, the failure before it is the one to tell."""
    try:
        await site.app.reset_preview()
    except ReleaseError as error:
        log.warning("preview not reset", extra={"site": site.name, "problem": str(error)})


async def _verify(
    site: Site, change: Change, memory: Memory, seconds: float, before_back: LastLook | None
) -> str | None:
    """Production is what it should be; if not, it is swapped back before this raises. What could not be looked at."""
    try:
        return await _look(site, change.after)
    except SmokeTestFailed as error:
        # Written down first: a bot killed while it swaps back must not put the sick version live again.
        await memory.condemn(str(error.args[1]))
        await _swapped_back(site, change, memory, seconds, before_back)


async def _look(site: Site, expected: Expected) -> str | None:
    """Production is `expected`, or SmokeTestFailed is raised. Why its files could not be looked at, or None.

    Not being able to look is no verdict: what cannot be reached is most likely the SCM site, not the blog. Then
    what visitors get has to do; where that is not well either, NotVerified says both and nothing is swapped.
    """
    try:
        await _twice(lambda: smoke_test(site, PRODUCTION, expected))
    except SmokeTestFailed:
        raise
    except ReleaseError as unseen:
        try:
            await _twice(lambda: visit_production(site, expected))
        except ReleaseError as error:
            raise NotVerified(expected.version, f"{unseen} {error}") from error
        return str(unseen)
    return None


async def _swapped_back(
    site: Site, change: Change, memory: Memory, seconds: float, before_back: LastLook | None
) -> NoReturn:
    """Swap the condemned version out again; always raises, saying how that went."""
    await take_back(site, change, memory, before_back)
    raise SwappedBack(change.after.version, f"{seconds:.0f}", memory.condemned or "", change.before.version)


async def take_back(site: Site, change: Change, memory: Memory, before_back: LastLook | None = None) -> None:
    """Production is `change.before` again, and well; condemned before, so that it may be repeated after a crash.

    Raises NotWellInProduction where that did not work.
    """
    try:
        if before_back is not None:
            await before_back()
        # A swap back that was asked for is known by its token, ended or not: files that show late start no second one.
        if memory.token is not None or (await held_by_production(site, change))[0] is Held.AFTER:
            await _swap_back(site, memory)
        with contextlib.suppress(ReleaseError):
            await settled(site, change, Held.BEFORE)  # the look says it if not
        await _look(site, change.before)
    except ReleaseError as error:
        wrong = memory.condemned or ""
        raise NotWellInProduction(change.after.version, wrong, str(error), change.before.version) from error


async def _swap_back(site: Site, memory: Memory) -> None:
    """Azure has swapped the slots; what is refused is asked for again within `swap_limit`, as production is sick.

    Only where nothing happened, and nothing is under way: two swaps would put the sick version live again.
    """
    deadline = time.monotonic() + site.config.swap_limit
    before = (await site.app.slot(PRODUCTION)).last_swap_at
    while True:
        try:
            await site.app.swap(memory.token, memory.keep_token, site.config.swap_limit)
        except SwapRefused as refused:
            log.warning("not swapped back yet", extra={"site": site.name, "problem": str(refused)})
            if await _swapped_all_the_same(site, before, deadline, refused):
                return
        else:
            return


async def _swapped_all_the_same(
    site: Site, before: str | None, deadline: float, refused: SwapRefused
) -> bool:
    """Wait until the site is quiet: whether it was swapped meanwhile, late or by somebody. Raises `refused` in the end.

    The site's own word counts and not its files, which show late.
    """
    while time.monotonic() < deadline:
        await asyncio.sleep(min(site.config.swap_doubt, ASK_AGAIN_SECONDS))
        # Whatever ARM says meanwhile, no answer is no verdict.
        with contextlib.suppress(ReleaseError):
            production = await site.app.slot(PRODUCTION)
            if production.last_swap_at != before:
                return True
            if production.operation is None:
                return False
    raise refused


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
        await site.visitor.get(url + site.shape.pages.front.path, timeout=120)
    except httpx.HTTPError:
        return 120_000.0
    return round((time.monotonic() - start) * 1000, 1)


def _told(seen: ProbeSeen) -> str:
    failed = "none failed" if not seen.failed else f"{seen.failed} failed"
    return f"{seen.requests} requests of visitors, {failed}, slowest {seen.slowest_ms:.0f} ms"
