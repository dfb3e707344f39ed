"""The migration of a copy of the database, by the new versions' own migrators, away from every server.

From an old major it goes through the stops on the way first, each with its own Ghost, driver and Node.
"""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from release.ghost.build import Package, Progress, check_package
from release.ghost.cache import Cache
from release.ghost.database import (
    Inspection,
    MigrationReport,
    compare,
    inspect,
    migrations_applied,
    order_of,
    refuse_losses,
)
from release.ghost.errors import (
    CommandFailed,
    CommandTooSlow,
    MigrationFailed,
    MigrationIncomplete,
    NewerDatabase,
)
from release.ghost.npm import Npm
from release.ghost.process import Command, run
from release.version import Version

MIGRATION_SECONDS = 1800
# The migrator writes an export into content/data first; without that folder it fails and leaves its lock set.
CONTENT_FOLDERS = ("data", "images", "themes", "logs", "settings", "files", "media", "public", "adapters")


class Migrator(Protocol):
    """A Ghost on this machine, as far as its migrator needs it."""

    @property
    def version(self) -> str: ...
    @property
    def node_prefix(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def driver(self) -> str | None: ...
    @property
    def migrate(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Place:
    """Where a database is: `settings` as a Ghost of that version is told, `look` for a file of SQLite to look at."""

    settings: Callable[[Migrator], Mapping[str, str]]
    look: Callable[[], Awaitable[Path]]


@dataclass(frozen=True)
class Migrated:
    """The migrated copy, inspected. `digest` is sha256 of the file at `path`, `log` the last migrator's output.

    `stops` are the versions that it went through before the last one.
    """

    path: str
    digest: str
    before: Inspection
    after: Inspection
    report: MigrationReport
    seconds: float
    log: str
    stops: tuple[str, ...] = ()


async def migrate_copy(
    package: Package,
    backup: Path,
    work: Path,
    npm: Npm,
    stops: Sequence[Migrator] = (),
    told: Progress = lambda _: None,
) -> Migrated:
    """A copy of `backup`, migrated to the package's version, is at `work`/ghost.db; the backup is never written to.

    It goes through `stops` in their order first, but for those that the backup is past already. A copy that failed,
    or lost what people wrote at any of them, is thrown away; running it again starts from the backup.
    NewerDatabase when the backup is of a newer Ghost: older code writes to it before it gives up.
    """
    version = Version.parse(package.version)
    await check_package(package)
    before = await inspect(backup)
    if order_of(before.version) > (version.first, version.second):
        raise NewerDatabase(before.version, str(version))
    left = stops_left(stops, before.version)
    started = time.monotonic()
    async with Cache(work).workplace("migrating") as folder:
        content = await asyncio.to_thread(lay_out_content, folder)
        copy = content / "data" / "ghost.db"
        await asyncio.to_thread(shutil.copyfile, backup, copy)
        place = Place(
            lambda migrator: {
                "database__client": migrator.driver or "sqlite3",
                "database__connection__filename": str(copy),
                "database__useNullAsDefault": "true",
            },
            lambda: _there(copy),
        )
        after, log = await migrate_through((*left, package), place, content, before, npm, told)
        report = compare(before, after)
        refuse_losses(report, version)
        final = work / "ghost.db"
        await asyncio.to_thread(copy.replace, final)
    seconds = round(time.monotonic() - started, 1)
    gone_through = tuple(stop.version for stop in left)
    return Migrated(str(final), after.digest, before, after, report, seconds, str(log), gone_through)


async def migrate_through(
    migrators: Sequence[Migrator],
    place: Place,
    content: Path,
    before: Inspection,
    npm: Npm,
    told: Progress,
) -> tuple[Inspection, Path]:
    """The database went through each version in its order, whole and with no loss at any; and the last one's log."""
    after, log = before, content
    for migrator in migrators:
        told(f"to {migrator.version}")
        log = npm.cache.log(f"migrating-to-{migrator.version}")
        after = await _migrate_to(migrator, content, place, after, npm, log)
    return after, log


async def _migrate_to(
    migrator: Migrator, content: Path, place: Place, before: Inspection, npm: Npm, log: Path
) -> Inspection:
    """The database is migrated to this version, whole, and lost nothing on this part of the way."""
    await _run_migrator(migrator, content, place.settings(migrator), npm, log)
    found = await place.look()
    after = await inspect(found)
    await _check_complete(migrator, before, found, log)
    refuse_losses(compare(before, after), Version.parse(migrator.version))
    return after


async def _there(copy: Path) -> Path:
    return copy


def stops_left(stops: Sequence[Migrator], version: str) -> list[Migrator]:
    """Those that a database of this version (major.minor) is not past yet."""
    return [stop for stop in stops if order_of(version) < _minor_of(stop)]


def _minor_of(migrator: Migrator) -> tuple[int, int]:
    version = Version.parse(migrator.version)
    return version.first, version.second


def lay_out_content(place: Path) -> Path:
    """An empty content folder below `place`, as the migrator needs one."""
    content = place / "content"
    for name in CONTENT_FOLDERS:
        (content / name).mkdir(parents=True)
    return content


async def _run_migrator(
    migrator: Migrator, content: Path, database: Mapping[str, str], npm: Npm, log: Path
) -> None:
    site = Path(migrator.folder)
    programs = Path(migrator.node_prefix) / "bin"
    environment = npm.surroundings(programs) | {
        "NODE_ENV": "production",
        # The migrator needs some address; it calls nobody there.
        "url": "http://localhost",
        **database,
        "paths__contentPath": str(content),
        "logging__transports": '["stdout"]',
        # Its export holds the whole database in memory, twice; what is migrated is a copy of a backup anyway.
        "disableJSBackups": "true",
    }
    command = Command(
        title=f"migrating to Ghost {migrator.version}",
        words=_words(migrator),
        folder=site,
        environment=environment,
        log=log,
        seconds=MIGRATION_SECONDS,
    )
    try:
        await run(command)
    except (CommandFailed, CommandTooSlow) as error:
        how = error.args[1] if isinstance(error, CommandFailed) else f"stopped after {error.args[1]} seconds"
        raise MigrationFailed(migrator.version, how, str(log), error.detail) from error


def _words(migrator: Migrator) -> list[str | Path]:
    """The command in the site's folder: its own script, or Ghost's migrator."""
    site = Path(migrator.folder)
    node = Path(migrator.node_prefix) / "bin" / "node"
    if migrator.migrate:
        program, *rest = migrator.migrate
        return [node if program == "node" else program, *rest]
    return [node, site / "node_modules" / ".bin" / "knex-migrator-migrate", "--init", "--mgpath", str(site)]


async def _check_complete(migrator: Migrator, before: Inspection, copy: Path, log: Path) -> None:
    """Every migration that the new version ships, newer than the backup, is in the copy's own list.

    The newest row alone does not tell: a version without migrations leaves an older one there.
    """
    shipped = await asyncio.to_thread(_shipped, Path(migrator.folder), before.version)
    missing = shipped - await migrations_applied(copy)
    if missing:
        at, name = min(missing)
        raise MigrationIncomplete(f"{at}, {name}", migrator.version, str(log))


def _shipped(site: Path, newer_than: str) -> set[tuple[str, str]]:
    folder = site / "core" / "server" / "data" / "migrations" / "versions"
    return {
        (path.parent.name, path.name)
        for path in folder.glob("*/*.js")
        if order_of(path.parent.name) > order_of(newer_than)
    }
