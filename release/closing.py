"""Production closed for writes during the seconds of a swap, by the guard that its package carries.

A file on the slot says until when; the guard (`ghost/write_guard.js`) reads it and answers writes with 503.
Reading goes on. The file means nothing once its time is over, so a bot that dies leaves no blog closed.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from release.errors import ReleaseError
from release.ghost.build import GUARD_FILE
from release.side_by_side import all_of
from release.site import PRODUCTION, Site

log = logging.getLogger(__name__)

CLOSED = ".ghostbot-closed.json"
# Long enough for a swap (47 to 109 s were measured), short enough for a bot that died in it.
CLOSED_FOR = timedelta(seconds=180)
RENEWED_EVERY = timedelta(seconds=60)
# The guard looks for its file every 200 ms; the rest is for a slow share.
SEEN_WITHIN_SECONDS = 5
UNDER_WAY_SECONDS = 15
# A POST that no Ghost has an answer for: it changes nothing, guarded or not.
HARMLESS = "/ghostbot/is-it-closed/"
UNDER_WAY = re.compile(r"(\d+) under way")


class StaysOpen(ReleaseError):
    """Writes cannot be refused here: no failure of a release, the swap is done with the window open."""

    problem = "writes stay possible during the swap: {0}"
    remedy = "See close_writes in docs/operations.md."


async def close_writes(site: Site) -> datetime:
    """Production refuses writes afterwards, and none is under way any more; returns since when.

    Seen with our own eyes: a write of ours is refused. Raises StaysOpen, with production open, where it is not.
    """
    if not await site.holds(PRODUCTION, GUARD_FILE):
        raise StaysOpen(
            "production was not put there by a release that can. From the next release on they can."
        )
    await renew(site)
    try:
        await _until_refused(site)
        since = datetime.now(UTC)
        await _until_none_is_under_way(site)
    except BaseException:
        await asyncio.shield(open_again(site))
        raise
    return since


async def renew(site: Site, *others: str) -> datetime:
    """Production, and the `others` among the slots, stay closed for as long as a swap may take; returns until when."""
    until = datetime.now(UTC) + CLOSED_FOR
    content = json.dumps({"until": int(until.timestamp() * 1000)}).encode()
    for slot in (PRODUCTION, *others):
        await (await site.kudu(slot)).write(site.note(CLOSED), content)
    return until


@dataclass
class Closed:
    """Until when production refuses writes, unless it is opened before; known at the end of `staying_closed`."""

    until: datetime | None = None


@asynccontextmanager
async def staying_closed(site: Site, *others: str) -> AsyncIterator[Closed]:
    """The time does not run out while the block lasts; at its end there is all of it for the swap.

    StaysOpen at the end when production took a write of ours after all.
    """

    async def keep() -> None:
        while True:
            await asyncio.sleep(RENEWED_EVERY.total_seconds())
            try:
                await renew(site, *others)
            except ReleaseError as error:
                # In a swap the SCM sites are away for a while; there is time left for the next try.
                log.warning("not renewed", extra={"site": site.name, "problem": str(error)})

    closed = Closed()
    keeping = asyncio.create_task(keep())
    try:
        yield closed
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    closed.until = await renew(site, *others)
    if await _refused(site) is None:
        raise StaysOpen("production stopped refusing them before the swap")


async def open_again(site: Site) -> None:
    """Neither slot is closed: the file goes along with a swap. Where it cannot be removed, its time runs out."""

    async def remove(slot: str) -> None:
        try:
            await (await site.kudu(slot)).delete(site.note(CLOSED))
        except ReleaseError as error:
            log.warning(
                "still closed for writes",
                extra={"site": site.name, "slot": site.app.called(slot), "problem": str(error)},
            )

    await all_of(remove(slot) for slot in (PRODUCTION, site.staging))


async def _until_refused(site: Site) -> None:
    deadline = time.monotonic() + min(SEEN_WITHIN_SECONDS, site.config.scm_patience)
    while await _refused(site) is None:
        if time.monotonic() > deadline:
            raise StaysOpen(f"production does not start with {GUARD_FILE} (its package.json says how to)")
        await asyncio.sleep(0.1)


async def _until_none_is_under_way(site: Site) -> None:
    deadline = time.monotonic() + UNDER_WAY_SECONDS
    while (left := await _refused(site)) != 0:
        if time.monotonic() > deadline:
            raise StaysOpen(f"{left or 'some'} that came before had not ended after {UNDER_WAY_SECONDS} s")
        await asyncio.sleep(0.1)


async def _refused(site: Site) -> int | None:
    """How many writes are under way, told by the guard as it refuses one of ours; None where it does not."""
    try:
        url = await site.url(PRODUCTION)
        answer = await site.visitor.post(url + HARMLESS, follow_redirects=False, timeout=10)
    except httpx.HTTPError:
        return None
    found = UNDER_WAY.fullmatch(answer.headers.get("X-Ghostbot-Closed", ""))
    return int(found.group(1)) if found and answer.status_code == 503 else None
