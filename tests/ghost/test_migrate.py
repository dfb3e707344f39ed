import asyncio
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from demo.tiny.registry import TinyRegistry
from demo.tiny.seed import Seeded
from demo.tiny.versions import (
    FAILING_MIGRATION,
    LAST_OF_5,
    LOSING_MIGRATION,
    TinyVersion,
    ghost_files,
    ghost_manifest,
    tarball,
)
from release.ghost.build import Package, StopBuilt, build, build_stop
from release.ghost.cache import file_digest
from release.ghost.database import inspect
from release.ghost.errors import (
    DamagedPackage,
    LockedMigrations,
    MigrationFailed,
    NewerDatabase,
    NodeUnavailable,
    RowsLost,
)
from release.ghost.migrate import migrate_copy
from release.ghost.npm import Npm
from release.model import Stop
from release.version import Version

VERSIONS = "core/server/data/migrations/versions"


async def built(npm: Npm, version: str) -> Package:
    return await build(Version.parse(version), 24, npm, lambda _: None)


def left(work: Path) -> list[str]:
    """What is below `work`, but for the file that keeps turns."""
    return sorted(
        str(path.relative_to(work))
        for path in work.rglob("*")
        if path.is_file() and path.parent.name != "locks"
    )


async def test_a_copy_is_migrated_and_nothing_is_lost(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    package, backup, work = await built(warm, "6.4.0"), Path(blog.database), tmp_path / "migration"
    original = file_digest(backup)

    migrated = await migrate_copy(package, backup, work, warm)

    assert (migrated.before.version, migrated.after.version) == ("5.100", "6.4")
    assert migrated.report.rows["posts"] == (17, 17)
    assert migrated.report.new_tables == ("automations", "recommendations")
    assert migrated.report.posts_unchanged
    assert migrated.digest == file_digest(Path(migrated.path))
    assert file_digest(backup) == original
    assert left(work) == ["ghost.db"]


async def test_twice_is_the_same_as_once(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    package, backup, work = await built(warm, "5.130.6"), Path(blog.database), tmp_path / "migration"
    first = await migrate_copy(package, backup, work, warm)
    second = await migrate_copy(package, backup, work, warm)
    assert second.path == first.path
    assert second.after.digests.keys() == first.after.digests.keys()
    assert second.report.rows == first.report.rows


async def test_a_migrated_copy_can_go_on_to_the_next_version(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    first = await migrate_copy(await built(warm, "5.130.6"), Path(blog.database), tmp_path / "one", warm)
    second = await migrate_copy(await built(warm, "6.4.0"), Path(first.path), tmp_path / "two", warm)
    assert second.report.from_version == "5.130"


async def test_a_version_without_migrations_of_its_own_is_complete(
    warm: Npm, blog: Seeded, tmp_path: Path
) -> None:
    first = await migrate_copy(await built(warm, "5.130.6"), Path(blog.database), tmp_path / "one", warm)
    again = await migrate_copy(await built(warm, "5.133.0"), Path(first.path), tmp_path / "two", warm)
    assert again.after.version == "5.130"


async def stop_at(npm: Npm, version: str) -> StopBuilt:
    return await build_stop(Stop(version, ">=20"), npm, lambda _: None)


async def test_a_copy_goes_through_the_stops_on_its_way(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    stops = [await stop_at(warm, version) for version in ("5.100.1", "5.118.1", LAST_OF_5)]
    work, log = tmp_path / "migration", warm.cache.place("logs")
    before = set(log.glob("*migrating-to-*"))

    migrated = await migrate_copy(await built(warm, "6.4.0"), Path(blog.database), work, warm, stops)

    # What the backup is past already is passed by.
    assert migrated.stops == ("5.118.1", LAST_OF_5)
    assert (migrated.report.from_version, migrated.report.to_version) == ("5.100", "6.4")
    assert migrated.report.rows["members"] == (20, 20)
    run = [
        path.name.split("migrating-to-")[1][:5] for path in sorted(set(log.glob("*migrating-to-*")) - before)
    ]
    assert run == ["5.118", "5.136", "6.4.0"]
    with closing(sqlite3.connect(migrated.path)) as database:
        written = database.execute("SELECT DISTINCT currentVersion FROM migrations ORDER BY id").fetchall()
    assert [version for (version,) in written] == ["5.100", "5.118", "5.136", "6.4"]
    assert left(work) == ["ghost.db"]


async def test_what_goes_wrong_at_a_stop_is_told_by_its_version_and_leaves_nothing(
    warm: Npm, blog: Seeded, tmp_path: Path
) -> None:
    package, work, original = (
        await built(warm, "6.4.0"),
        tmp_path / "migration",
        file_digest(Path(blog.database)),
    )
    for version, failure in ((FAILING_MIGRATION, MigrationFailed), (LOSING_MIGRATION, RowsLost)):
        with pytest.raises(failure, match=version):
            await migrate_copy(package, Path(blog.database), work, warm, [await stop_at(warm, version)])
        assert left(work) == []
    assert file_digest(Path(blog.database)) == original


async def test_a_stop_is_built_once_and_never_packed(npm: Npm, registry: TinyRegistry) -> None:
    first = await stop_at(npm, LAST_OF_5)
    assert (Path(first.folder) / "node_modules/.bin/knex-migrator-migrate").exists()
    assert not (npm.cache.folder / "packages").exists()
    with pytest.raises(NodeUnavailable):
        await build_stop(Stop("5.130.6", "^18.12.1"), npm, lambda _: None)
    await registry.close()
    again = await stop_at(npm, LAST_OF_5)
    assert again.folder == first.folder
    assert again.seconds == 0


async def test_a_failed_migration_throws_the_copy_away(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    package, backup, work = await built(warm, FAILING_MIGRATION), Path(blog.database), tmp_path / "migration"
    original = file_digest(backup)
    with pytest.raises(MigrationFailed) as failure:
        await migrate_copy(package, backup, work, warm)
    assert "UNIQUE constraint failed" in failure.value.detail
    assert Path(failure.value.args[2]).is_file()
    assert file_digest(backup) == original
    assert left(work) == []


async def test_a_migration_that_loses_rows_names_them(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    package, work = await built(warm, LOSING_MIGRATION), tmp_path / "migration"
    with pytest.raises(RowsLost) as failure:
        await migrate_copy(package, Path(blog.database), work, warm)
    assert "posts 17 → 15" in str(failure.value)
    assert "members 20 → 10" in str(failure.value)
    assert left(work) == []


async def test_older_code_never_touches_a_newer_database(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    newer = await migrate_copy(await built(warm, "6.4.0"), Path(blog.database), tmp_path / "one", warm)
    with pytest.raises(NewerDatabase):
        await migrate_copy(await built(warm, "5.130.6"), Path(newer.path), tmp_path / "two", warm)
    assert file_digest(Path(newer.path)) == newer.digest


async def test_a_database_with_its_lock_set_is_not_migrated(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    with sqlite3.connect(blog.database) as database:
        database.execute("UPDATE migrations_lock SET locked = 1")
    with pytest.raises(LockedMigrations):
        await migrate_copy(await built(warm, "5.130.6"), Path(blog.database), tmp_path / "migration", warm)


async def test_a_damaged_package_migrates_nothing(warm: Npm, blog: Seeded, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"")
    package = replace(await built(warm, "5.130.6"), path=str(damaged))
    with pytest.raises(DamagedPackage):
        await migrate_copy(package, Path(blog.database), tmp_path / "migration", warm)


async def test_a_cancelled_migration_leaves_no_process_and_no_copy(
    npm: Npm, registry: TinyRegistry, blog: Seeded, tmp_path: Path
) -> None:
    slow, trace = TinyVersion("6.9.0"), tmp_path / "migrator.pid"
    migration = (
        f"module.exports.up = () => {{ require('fs').writeFileSync({str(trace)!r}, String(process.pid));"
        " Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600000); };"
    )
    files = ghost_files(slow) | {f"{VERSIONS}/6.9/2026-01-01-waits.js": migration.encode()}
    registry.publish(ghost_manifest(slow), tarball(files))
    work = tmp_path / "migration"
    task = asyncio.create_task(migrate_copy(await built(npm, "6.9.0"), Path(blog.database), work, npm))
    deadline = time.monotonic() + 20
    while not (trace.exists() and trace.read_text()) and time.monotonic() < deadline:  # noqa: ASYNC110 - a file, not an event
        await asyncio.sleep(0.02)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(int(trace.read_text()), 0)
    assert left(work) == []
    assert (await inspect(Path(blog.database))).version == "5.100"
