"""Which version a database that both slots share is for, while a release changes it.

An old Ghost that starts on a newer database damages it and ends; a newer one on an older database migrates it. Azure
restarts apps when it likes to, so a file on both slots says which version may start (`ghost/write_guard.js`); any other
one waits, answering 503, until the file says otherwise or is gone. It has no end by itself: a bot that died in the
middle left a database that no other version may touch, and goes on, or puts it back, once it is started again.
"""

import json
import logging

from release.errors import ReleaseError
from release.side_by_side import all_of
from release.site import PRODUCTION, Site

log = logging.getLogger(__name__)

DATABASE = ".ghostbot-database.json"
HELD = "X-Ghostbot-Held"


async def only_for(site: Site, version: str) -> None:
    """From now on no other version starts on either slot; what runs already goes on."""
    content = json.dumps({"fits": version}).encode()

    async def write(slot: str) -> None:
        await (await site.kudu(slot)).write(site.note(DATABASE), content)

    await all_of(write(slot) for slot in (PRODUCTION, site.staging))


async def for_any(site: Site) -> None:
    """Any version may start again on either slot. Where the file cannot be removed, that is logged."""

    async def remove(slot: str) -> None:
        try:
            await (await site.kudu(slot)).delete(site.note(DATABASE))
        except ReleaseError as error:
            log.warning(
                "other versions still may not start",
                extra={"site": site.name, "slot": site.app.called(slot), "problem": str(error)},
            )

    await all_of(remove(slot) for slot in (PRODUCTION, site.staging))


async def any_on_staging(site: Site) -> None:
    """Any version may start on staging, which uses a database of its own: what an earlier release left is gone."""
    await (await site.kudu(site.staging)).delete(site.note(DATABASE))


async def waits(site: Site) -> bool:
    """Whether production was started on a database that is not its own, and so waits."""
    answer = await site.ask(await site.url(PRODUCTION) + site.shape.pages.front.path)
    return HELD in answer.headers
