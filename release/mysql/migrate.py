"""A database on a server, migrated by the new version's own migrator, and looked at before and after."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.ghost.build import Package, Progress, check_package
from release.ghost.cache import Cache
from release.ghost.database import Inspection, compare, inspect, order_of, refuse_losses
from release.ghost.errors import NewerDatabase
from release.ghost.migrate import Migrator, Place, lay_out_content, migrate_through, stops_left
from release.ghost.npm import Npm
from release.model import MigrationDone
from release.mysql.connection import Connection
from release.mysql.picture import take_picture
from release.version import Version


@dataclass(frozen=True)
class Way:
    """The version that a database goes to, and those that it stops at on its way there."""

    package: Package
    stops: Sequence[Migrator] = ()


async def migrate_database(
    way: Way, connection: Connection, before: Inspection, work: Path, npm: Npm, told: Progress
) -> MigrationDone:
    """The database is at the package's version, and nothing is lost of what was in it `before`; twice is as once.

    Raises MigrationFailed, MigrationIncomplete, RowsLost, NewerDatabase or LockedMigrations: then it has to be filled
    from a dump again.
    """
    version = Version.parse(way.package.version)
    await check_package(way.package)
    if order_of(before.version) > (version.first, version.second):
        raise NewerDatabase(before.version, str(version))
    await asyncio.to_thread(work.mkdir, parents=True, exist_ok=True, mode=0o700)
    picture = work / "after.db"

    async def look() -> Path:
        await take_picture(connection, picture)
        return picture

    now = await inspect(await look())
    left = stops_left(way.stops, now.version)
    started = time.monotonic()
    async with Cache(work).workplace("migrating") as folder:
        content = await asyncio.to_thread(lay_out_content, folder)
        place = Place(lambda _: connection.as_ghosts, look)
        after, _ = await migrate_through((*left, way.package), place, content, now, npm, told)
    report = compare(before, after)
    refuse_losses(report, version)
    return MigrationDone(
        from_version=report.from_version,
        to_version=report.to_version,
        path=str(picture),
        digest=after.digest,
        rows=report.rows,
        seconds=round(time.monotonic() - started, 1),
        stops=tuple(stop.version for stop in left),
    )


async def looked_at(connection: Connection, picture: Path) -> Inspection:
    """What the database holds; its picture is at `picture`. Raises what `inspect` raises."""
    await take_picture(connection, picture)
    return await inspect(picture)
