"""The migration of a copy of the database, by the new version's own migrator, away from every server."""

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from release.ghost.build import Package, check_package
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


@dataclass(frozen=True)
class Migrated:
    """The migrated copy, inspected. `digest` is sha256 of the file at `path`, `log` the migrator's output."""

    path: str
    digest: str
    before: Inspection
    after: Inspection
    report: MigrationReport
    seconds: float
    log: str


async def migrate_copy(package: Package, backup: Path, work: Path, npm: Npm) -> Migrated:
    """A copy of `backup`, migrated to the package's version, is at `work`/ghost.db; the backup is never written to.

    A copy that failed, or lost what people wrote, is thrown away; running it again starts from the backup.
    NewerDatabase when the backup is of a newer Ghost: older code writes to it before it gives up.
    """
    version = Version.parse(package.version)
    await check_package(package)
    before = await inspect(backup)
    if order_of(before.version) > (version.first, version.second):
        raise NewerDatabase(before.version, str(version))
    started = time.monotonic()
    async with Cache(work).workplace("migrating") as place:
        content = await asyncio.to_thread(_lay_out, backup, place)
        copy = content / "data" / "ghost.db"
        log = npm.cache.log(f"migrating-to-{version}")
        await _run_migrator(package, content, copy, npm, log)
        after = await inspect(copy)
        await _check_complete(package, version, before, copy, log)
        report = compare(before, after)
        refuse_losses(report, version)
        final = work / "ghost.db"
        await asyncio.to_thread(copy.replace, final)
    seconds = round(time.monotonic() - started, 1)
    return Migrated(str(final), after.digest, before, after, report, seconds, str(log))


def _lay_out(backup: Path, place: Path) -> Path:
    content = place / "content"
    for name in CONTENT_FOLDERS:
        (content / name).mkdir(parents=True)
    shutil.copyfile(backup, content / "data" / "ghost.db")
    return content


async def _run_migrator(package: Package, content: Path, copy: Path, npm: Npm, log: Path) -> None:
    site = Path(package.folder)
    programs = Path(package.node_prefix) / "bin"
    environment = npm.surroundings(programs) | {
        "NODE_ENV": "production",
        # The migrator needs some address; it calls nobody there.
        "url": "http://localhost",
        "database__client": package.driver or "sqlite3",
        "database__connection__filename": str(copy),
        "database__useNullAsDefault": "true",
        "paths__contentPath": str(content),
        "logging__transports": '["stdout"]',
    }
    command = Command(
        title=f"migrating to Ghost {package.version}",
        words=[
            programs / "node",
            site / "node_modules" / ".bin" / "knex-migrator-migrate",
            "--init",
            "--mgpath",
            str(site),
        ],
        folder=site,
        environment=environment,
        log=log,
        seconds=MIGRATION_SECONDS,
    )
    try:
        await run(command)
    except (CommandFailed, CommandTooSlow) as error:
        how = error.args[1] if isinstance(error, CommandFailed) else f"stopped after {error.args[1]} seconds"
        raise MigrationFailed(package.version, how, str(log), error.detail) from error


async def _check_complete(
    package: Package, version: Version, before: Inspection, copy: Path, log: Path
) -> None:
    """Every migration that the new version ships, newer than the backup, is in the copy's own list.

    The newest row alone does not tell: a version without migrations leaves an older one there.
    """
    shipped = await asyncio.to_thread(_shipped, Path(package.folder), before.version)
    missing = shipped - await migrations_applied(copy)
    if missing:
        at, name = min(missing)
        raise MigrationIncomplete(f"{at}, {name}", str(version), str(log))


def _shipped(site: Path, newer_than: str) -> set[tuple[str, str]]:
    folder = site / "core" / "server" / "data" / "migrations" / "versions"
    return {
        (path.parent.name, path.name)
        for path in folder.glob("*/*.js")
        if order_of(path.parent.name) > order_of(newer_than)
    }
