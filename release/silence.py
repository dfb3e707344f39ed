"""What another copy of a blog's database has published and mailed already is not published again by itself.

Going back to an older database brings back posts that are still scheduled there and have come out since.
Ghost publishes those when it starts, and sends their newsletters a second time. A file on the slot tells the
guard (`ghost/write_guard.js`) the times between which nothing that was due is published; people may, by hand.
"""

import json
from datetime import UTC, datetime, timedelta

from release.ghost.build import GUARD_FILE
from release.site import PRODUCTION, Site

SILENT = ".ghostbot-silent.json"
# From the decision to go back until the slots are swapped, production still publishes what comes due.
SWAP_TAKES = timedelta(minutes=5)
EVER = datetime(1970, 1, 1, tzinfo=UTC)

Between = list[list[int]]


async def keep_silent(site: Site, since: datetime) -> bool:
    """Staging's Ghost will not publish what was due between `since` and the swap that follows now.

    False where the version there was put there without the guard: then nothing holds it back.
    """
    if not await site.holds(site.staging, GUARD_FILE):
        return False
    kudu = await site.kudu(site.staging)
    until = datetime.now(UTC) + SWAP_TAKES
    times = [int(at.timestamp() * 1000) for at in (since, until)]
    # Looked at again after a crash, the same beginning is the same entry, with a later end.
    before = [one for one in await _between(site, site.staging) if one[0] != times[0]]
    await kudu.write(site.note(SILENT), json.dumps({"between": [*before, times]}).encode())
    return True


async def carry_silence(site: Site) -> None:
    """Staging keeps silent about what production does: it will get production's database."""
    kudu = await site.kudu(site.staging)
    between = await _between(site, PRODUCTION)
    if between:
        await kudu.write(site.note(SILENT), json.dumps({"between": between}).encode())
    else:
        await kudu.delete(site.note(SILENT))


async def _between(site: Site, slot: str) -> Between:
    try:
        told = json.loads(await (await site.kudu(slot)).read(site.note(SILENT)) or b"{}")
        return [[int(since), int(until)] for since, until in told.get("between", [])]
    except (ValueError, TypeError, AttributeError):
        return []
