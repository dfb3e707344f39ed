"""Which backups are kept, and that what is read is what was written."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from release.backups import BackupDamaged, BackupStore, Beside, expired, needed_by
from release.chores import Chores
from release.ghost.cache import file_digest
from release.model import BackupTaken, Facts, Kind, Release, State, Written
from release.records import Records, open_records, tables
from tests.bot.stand_ins import StandInSite

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
MONTH = timedelta(days=30)


def backup(number: int, taken_at: datetime = NOW, content: bytes = b"") -> BackupTaken:
    return BackupTaken(
        id=f"b-20260301-120000-{number:04x}",
        site="blog",
        version="6.65.0",
        path=f"blog/b-20260301-120000-{number:04x}.db",
        digest="d" * 64,
        size=len(content),
        rows={"posts": 3},
        content_digests={},
        taken_at=taken_at,
    )


def release(number: int, state: State, facts: Facts | None = None, restores: str | None = None) -> Release:
    at = NOW - timedelta(hours=number)
    facts = facts or Facts()
    return Release(
        f"r-{number}", Kind.UPGRADE, "blog", state, "U1", "C1", at, at, backup=restores, facts=facts
    )


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(f"sqlite:///{tmp_path}/records.db")
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    return BackupStore(tmp_path / "backups")


def written(store: BackupStore, number: int, taken_at: datetime = NOW) -> BackupTaken:
    """A backup with its file."""
    content = f"backup {number}".encode()
    one = backup(number, taken_at, content)
    path = store.place(one.site, one.id)
    path.write_bytes(content)
    return replace(one, digest=file_digest(path))


def test_the_newest_and_the_young_are_kept() -> None:
    second = timedelta(seconds=1)
    ages = [timedelta(), MONTH - second, MONTH, MONTH + second, 2 * MONTH]
    kept = [backup(number, NOW - age) for number, age in enumerate(ages)]
    assert expired(kept, NOW, newest=1, younger_than=MONTH) == tuple(kept[2:])
    assert expired(kept, NOW, newest=4, younger_than=MONTH) == (kept[4],)
    assert expired(kept, NOW, newest=5, younger_than=timedelta()) == ()
    assert expired(kept, NOW, newest=1, younger_than=timedelta()) == tuple(kept[1:])


def test_what_a_release_may_need_is_kept_whatever_its_age() -> None:
    facts = Facts(backup=backup(1), restores=backup(2), live_backup=backup(3))
    old_facts = Facts(backup=backup(9), left_behind=Written("1 post added", "News", backup(8).id))
    history = [
        release(1, State.AWAITING_APPROVAL, Facts(backup=backup(4)), restores=backup(5).id),
        release(2, State.FAILED, Facts(backup=backup(6))),
        release(3, State.LIVE, facts),
        release(4, State.LIVE, old_facts),
    ]
    assert needed_by(history) == {backup(number).id for number in (1, 2, 3, 4, 5)}
    assert needed_by(history[3:]) == {backup(9).id, backup(8).id}
    old = [backup(number, NOW - 2 * MONTH) for number in (1, 6)]
    needed = needed_by(history)
    assert [backup for backup in expired(old, NOW, 0, MONTH) if backup.id not in needed] == [old[1]]


async def test_old_backups_go_with_their_files_and_strays_after_a_day(
    tmp_path: Path, records: Records, store: BackupStore
) -> None:
    site = StandInSite("blog", "6.65.0", "6.64.0")
    site.config = replace(site.config, keep_backups=1, keep_backups_for=MONTH)
    now = datetime.now(UTC)
    young, old, older = (written(store, n, now - age) for n, age in enumerate((MONTH / 2, MONTH, 2 * MONTH)))
    for one in (young, old, older):
        await store.keep_list(one, {"images/one.png": 3})
        await records.keep_backup(one)
    stray, fresh = store.place("blog", "stray"), store.place("blog", "fresh")
    for path in (stray, fresh):
        path.write_bytes(b"half of a backup")
    os.utime(stray, (time.time() - 25 * 3600,) * 2)
    chores = Chores({"blog": site}, records, store, tmp_path / "work")
    for _ in range(2):  # twice is the same as once
        await chores.remove_old_backups()
        assert await records.backups("blog") == (young,)
        left = sorted(path.name for path in store.folder.glob("*/*"))
        assert left == [f"{young.id}.db", f"{young.id}.files.json", "fresh.db"]


async def test_backups_of_a_site_that_is_not_in_the_settings_stay_with_all_that_is_beside_them(
    tmp_path: Path, records: Records, store: BackupStore
) -> None:
    """Somebody renamed the site, or commented it out, and started the bot."""
    dump = tmp_path / "dump"
    dump.write_bytes(b"a dump")
    kept = await store.keep_list(written(store, 1, NOW - 2 * MONTH), {"images/one.png": 3})
    await store.keep_beside(kept, Beside.DUMP, dump)
    await records.keep_backup(kept)
    stray = store.place("blog", "stray")
    stray.touch()
    for path in store.folder.glob("*/*"):
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    chores = Chores({"shop": StandInSite("shop", "6.65.0", "6.64.0")}, records, store, tmp_path / "work")
    for _ in range(2):
        await chores.remove_old_backups()
        assert await records.backups("blog") == (kept,)
        left = sorted(path.name for path in store.folder.glob("*/*"))
        assert left == [f"{kept.id}.db", f"{kept.id}.files.json", f"{kept.id}.{Beside.DUMP}"]


async def test_what_a_killed_bot_had_half_downloaded_is_gone_at_the_next_start(store: BackupStore) -> None:
    whole = store.place("blog", "b-20261124-042500-f8b6")
    half = whole.with_name(whole.name + ".part")
    whole.touch()
    half.touch()
    for _ in range(2):
        await store.sweep_halves()
        assert whole.exists()
        assert not half.exists()


async def test_a_backup_is_read_only_as_it_was_written(store: BackupStore) -> None:
    one = written(store, 1)
    path = await store.read(one)
    assert path.read_bytes() == b"backup 1"
    assert (path.parent.stat().st_mode & 0o777, store.folder.stat().st_mode & 0o777) == (0o700, 0o700)
    path.write_bytes(b"backup 2")
    with pytest.raises(BackupDamaged, match="is not what was written"):
        await store.read(one)
    await store.remove(one)
    await store.remove(one)
    with pytest.raises(BackupDamaged, match="its file is gone") as caught:
        await store.read(one)
    assert "/ghost backups blog" in caught.value.advice
    with pytest.raises(BackupDamaged, match="outside the backup folder"):
        await store.read(replace(one, path="../records.db"))


async def test_the_files_of_a_backups_time_are_listed_beside_it(store: BackupStore) -> None:
    one = written(store, 1)
    assert await store.read_list(one) == {}
    one = await store.keep_list(one, {"images/one.png": 3})
    assert one.files == 1
    assert await store.read_list(one) == {"images/one.png": 3}
    assert await store.read_list(replace(one, files_digest=None)) == {"images/one.png": 3}, "of an older bot"
    listed = store.place(one.site, one.id).with_suffix(".files.json")
    assert listed.stat().st_mode & 0o777 == 0o600
    listed.write_text('{"images/one.png": 4}')
    with pytest.raises(BackupDamaged, match="its list of files is not what was written"):
        await store.read_list(one)
    listed.write_text("[]")
    with pytest.raises(BackupDamaged, match="its list of files"):
        await store.read_list(one)


async def test_a_database_of_the_first_schema_is_upgraded_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "first.db"
    engine = create_engine(f"sqlite:///{file}")
    config = Config()
    config.set_main_option("script_location", str(Path(tables.__file__).with_name("migrations")))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    taken = "2026-03-01 12:00:00"
    value = (
        '{"id":"b-20260301-120000-7f3a","site":"blog","version":"6.40.0","path":"blog/b.db","digest":"d",'
        '"size":3,"rows":{"posts":3},"content_digests":{},"taken_at":"2026-03-01T12:00:00Z"}'
    )
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "INSERT INTO releases (id, kind, site, state, open, asked_by, channel, asked_at, updated_at, revision,"
            " told_revision) VALUES ('r-7f3k2', 'backup', 'blog', 'backed_up', 0, 'U1', 'C1', ?, ?, 3, 3)",
            (taken, taken),
        )
        database.execute(
            "INSERT INTO backups VALUES ('b-20260301-120000-7f3a', 'blog', ?, ?)",
            (taken, value),
        )
    records = open_records(f"sqlite:///{file}")
    try:
        (kept,) = await records.backups("blog")
        assert (kept.version, kept.rows, kept.verified_at) == ("6.40.0", {"posts": 3}, None)
        assert (await records.release("r-7f3k2")).backup is None
        await records.mark_verified(kept.id)
        found = await records.backup(kept.id)
        assert found is not None
        assert found.verified_at is not None
        await records.keep_backup(kept)
        assert await records.backup(kept.id) == found, "keeping it again does not forget that it was verified"
    finally:
        records.close()
