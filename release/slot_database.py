"""The database that lies on a slot right now: read without running anything there.

An older Ghost on a newer database says that it is in a ready state, writes, and then breaks off (measured,
facts about Ghost). So whoever is about to start or swap a slot looks at its database first.
"""

import asyncio
from pathlib import Path

from release.errors import ReleaseError
from release.ghost.database import Inspection, inspect, order_of
from release.ghost.errors import CorruptDatabase, EmptyDatabase
from release.site import Site
from release.version import Version

# A file that is written to while it is copied arrives broken 3 times in 100 (measured): looked at again, it is not.
LOOKS = 4


class SlotDatabaseUnreadable(ReleaseError):
    problem = "The database of {0} cannot be used: {1}"
    remedy = "Nothing was started or swapped. {2}"


class NewerThanItsGhost(ReleaseError):
    problem = (
        "{0} holds Ghost {1}, and its database was last written by Ghost {2}. An older Ghost damages a newer "
        "database, so nothing was started or swapped."
    )
    remedy = "Production is untouched. {3}"


async def read_database(site: Site, slot: str, to: Path) -> Inspection:
    """The slot's database is at `to`, whole. Raises what `inspect` raises, or FileMissing where there is none."""
    kudu = await site.kudu(slot)
    for look in range(1, LOOKS + 1):
        await kudu.download(site.config.database, to)
        try:
            return await inspect(to)
        except (CorruptDatabase, EmptyDatabase):
            if look == LOOKS:
                raise
            await asyncio.sleep(0.5)
    raise AssertionError("the last look returns or raises")


async def database_read_by(site: Site, version: str, folder: Path, instead: str) -> str:
    """The version (major.minor) of staging's database, which Ghost `version` can read.

    Raises NewerThanItsGhost if it cannot, with what to do `instead`, and SlotDatabaseUnreadable. Nothing is
    left in `folder`.
    """
    called = site.app.called(site.staging)
    copy = folder / "slot.db"
    try:
        found = await read_database(site, site.staging, copy)
    except ReleaseError as error:
        raise SlotDatabaseUnreadable(called, str(error), instead) from error
    finally:
        copy.unlink(missing_ok=True)
    ghost = Version.parse(version)
    if order_of(found.version) > (ghost.first, ghost.second):
        raise NewerThanItsGhost(called, version, found.version, instead)
    return found.version
