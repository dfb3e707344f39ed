"""Whether what a release puts on staging fits: all sites and slots of an App Service plan share one disk."""

import asyncio
import logging

from release.azure.webapp import Storage
from release.content import Stock
from release.errors import ReleaseError
from release.site import PRODUCTION, Site

log = logging.getLogger(__name__)

# A Ghost as it lies on a slot: 574 MB (6.65) and less (facts about Ghost), where there was none before.
PACKAGE_BYTES = 600_000_000
GIGABYTE = 1_000_000_000


class NotEnoughRoom(ReleaseError):
    problem = "The App Service plan of {0} has {1} GB left of {2} GB, and staging needs about {3} GB more."
    remedy = (
        "Nothing was changed. All sites and slots of the plan share this: remove what is not needed (old exports, "
        "logs, slots of others), or choose a larger plan, then start again."
    )


async def room_on_plan(site: Site, stock: Stock) -> Storage | None:
    """What the plan stores and may store; None where Azure does not tell. Raises NotEnoughRoom."""
    try:
        storage = await site.app.storage()
    except ReleaseError as error:
        log.warning("the plan's storage is not known", extra={"site": site.name, "problem": str(error)})
        return None
    if storage is None:
        return None
    needed = stock.copy_bytes + await _database_grows(site) + await _package_grows(site)
    if needed > storage.free:
        told = (f"{size / GIGABYTE:.1f}" for size in (storage.free, storage.limit, needed))
        raise NotEnoughRoom(site.name, *told)
    return storage


def in_words(storage: Storage) -> str:
    """ "12.3 of 53.7 GB in use on the plan"."""
    if storage.used < GIGABYTE / 10:
        return f"less than 0.1 of {storage.limit / GIGABYTE:.1f} GB in use on the plan"
    return f"{storage.used / GIGABYTE:.1f} of {storage.limit / GIGABYTE:.1f} GB in use on the plan"


async def _database_grows(site: Site) -> int:
    kudus = await asyncio.gather(site.kudu(PRODUCTION), site.kudu(site.staging))
    here, there = await asyncio.gather(*(kudu.stat(site.config.database) for kudu in kudus))
    return max(0, (here.size if here else 0) - (there.size if there else 0))


async def _package_grows(site: Site) -> int:
    try:
        await site.version(site.staging)
    except ReleaseError:
        return PACKAGE_BYTES
    return 0
