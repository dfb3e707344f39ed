"""What came late: its files, its list, and which release's late writes there are to carry."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release.backups import BackupDamaged, BackupStore, Beside, needed_by
from release.carry import NothingToCarry, carried_from, to_carry
from release.content import LateFiles, late_files, sync_content
from release.ghost.differences import differences
from release.late import SHOWN, first, keep_late_files, keep_written, put_late_files
from release.model import BackupTaken, Kind, LateWrites, Release, State
from release.records import Records
from tests.ghost.test_differences import write
from tests.release.conftest import NEW, OLD, Cloud

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def taken(backup_id: str, version: str = OLD) -> BackupTaken:
    return BackupTaken(backup_id, "blog", version, f"blog/{backup_id}.db", "d" * 64, 9, {}, {}, NOON)


BASE, LATE = taken("b-base"), taken("b-late")


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    store = BackupStore(tmp_path / "backups")
    store.place("blog", "b-late").write_bytes(b"a database")
    return store


@pytest.fixture
async def swapped(laid_out: Cloud) -> Cloud:
    """The files are on both sides, and the slots have changed their places since."""
    await sync_content(laid_out.site, ())
    production, staging = laid_out.wwwroot(), laid_out.wwwroot("staging")
    aside = production.with_name("aside")
    production.rename(aside)
    staging.rename(production)
    aside.rename(staging)
    return laid_out


def uploads(cloud: Cloud, path: str, content: bytes, slot: str = "staging") -> None:
    file = cloud.content(slot) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


# -- files ------------------------------------------------------------------------------------------


async def test_files_that_nobody_touched_are_not_late(swapped: Cloud) -> None:
    assert await late_files(swapped.site, ()) == LateFiles({}, {})


async def test_late_files_are_told_apart_from_those_that_were_copied(swapped: Cloud) -> None:
    uploads(swapped, "images/2026/new.png", b"12345")
    changed = "images/2024/05/picture-1.png"
    before = (swapped.content("staging") / changed).stat()
    uploads(swapped, changed, b"x" * before.st_size)
    os.utime(swapped.content("staging") / changed, (before.st_mtime + 5, before.st_mtime + 5))
    uploads(swapped, "public/made-by-ghost.css", b"1")
    uploads(swapped, "images/only-in-production.png", b"1", slot="production")
    assert await late_files(swapped.site, ()) == LateFiles(
        {"images/2026/new.png": 5}, {changed: before.st_size}
    )


async def test_late_files_are_kept_and_come_to_staging_unless_production_has_one(
    swapped: Cloud, store: BackupStore, tmp_path: Path
) -> None:
    uploads(swapped, "images/2026/new.png", b"new")
    uploads(swapped, "media/taken.mp4", b"late")
    files = await late_files(swapped.site, ())
    await keep_late_files(swapped.site, store, LATE, files, tmp_path / "work")
    digest = await keep_late_files(swapped.site, store, LATE, files, tmp_path / "work")
    zipped = store.folder / "blog" / f"b-late.{Beside.LATE_FILES}"
    assert zipped.stat().st_mode & 0o777 == 0o600

    # The next release empties the slot; and somebody uploads a file of the same name.
    for path in files.added:
        (swapped.content("staging") / path).unlink()
    uploads(swapped, "media/taken.mp4", b"production's", slot="production")
    late = LateWrites(BASE, LATE, files_digest=digest)
    for _ in range(2):
        put = await put_late_files(swapped.site, store, late, tmp_path / "work")
        assert put == ("images/2026/new.png",)
    assert (swapped.content("staging") / "images/2026/new.png").read_bytes() == b"new"
    assert not (swapped.content("staging") / "media/taken.mp4").exists()


async def test_late_files_that_are_not_what_was_kept_are_not_put_anywhere(
    laid_out: Cloud, store: BackupStore, tmp_path: Path
) -> None:
    late = LateWrites(BASE, LATE, files_digest="0" * 64)
    with pytest.raises(BackupDamaged, match="is gone"):
        await put_late_files(laid_out.site, store, late, tmp_path)
    (store.folder / "blog" / f"b-late.{Beside.LATE_FILES}").write_bytes(b"another")
    with pytest.raises(BackupDamaged, match="is not what was written"):
        await put_late_files(laid_out.site, store, late, tmp_path)


async def test_without_late_files_nothing_is_kept(cloud: Cloud, store: BackupStore, tmp_path: Path) -> None:
    assert await keep_late_files(cloud.site, store, LATE, LateFiles({}, {}), tmp_path) is None
    assert await put_late_files(cloud.site, store, LateWrites(BASE, LATE), tmp_path) == ()


# -- the list ---------------------------------------------------------------------------------------


async def test_everything_is_listed_beside_the_backup_and_goes_with_it(
    laid_out: Cloud, store: BackupStore, tmp_path: Path
) -> None:
    before = laid_out.content() / "data" / "ghost.db"
    after = tmp_path / "after.db"
    after.write_bytes(before.read_bytes())
    write(
        after,
        "UPDATE posts SET title = 'Changed ' || slug WHERE type = 'post'",
        "UPDATE members SET name = 'x'",
    )
    written = await keep_written(
        store, LATE, await differences(before, after), tmp_path / "work", LateFiles({"images/a.png": 1}, {})
    )
    assert written.words == "14 posts changed, 20 members changed, 1 file added"
    assert "and 4 more" in written.names
    assert written.names.endswith("images/a.png")
    kept = store.folder / "blog" / f"b-late.{Beside.WRITTEN}"
    whole = json.loads(kept.read_text())
    assert len(whole["written"]) == 34
    assert "@example.com" not in kept.read_text(), "members are told by their ids"
    assert whole["files"]["added"] == {"images/a.png": 1}
    await store.tidy([LATE])
    assert kept.exists()
    await store.remove(LATE)
    assert list((store.folder / "blog").iterdir()) == []


def test_of_many_the_first_are_told_and_how_many_more_there_are() -> None:
    assert first(["a", "b"]) == ("a", "b")
    assert first([str(number) for number in range(SHOWN + 3)])[-1] == "and 3 more"


# -- which release ----------------------------------------------------------------------------------


async def live(records: Records, kind: Kind = Kind.UPGRADE, late: LateWrites | None = None) -> Release:
    release = await records.create(kind, "blog", "ann", "C1", version=NEW, before=OLD)
    if late is not None:
        await records.note(release.id, late=late)
    await records.move(release.id, State.LIVE)
    return await records.release(release.id)


async def test_the_late_writes_of_the_release_in_production_are_carried_once(records: Records) -> None:
    with pytest.raises(NothingToCarry, match="no release of the bot is live"):
        await to_carry(records, "blog")
    release = await live(records, late=LateWrites(BASE, LATE, carried=("post added: Winter",)))
    assert (await to_carry(records, "blog")).id == release.id
    assert (await carried_from(records, "blog", "b-late")) is not None
    await records.note(release.id, carried_over_by="r-carry")
    with pytest.raises(NothingToCarry, match="r-carry carried the late writes"):
        await to_carry(records, "blog")


async def test_what_only_conflicts_is_not_offered(records: Records) -> None:
    await live(records, late=LateWrites(BASE, LATE, left_out=("post changed: A: it was changed there too",)))
    with pytest.raises(NothingToCarry, match="safe to carry"):
        await to_carry(records, "blog")


async def test_files_alone_are_worth_carrying(records: Records) -> None:
    release = await live(records, late=LateWrites(BASE, LATE, files=("images/a.png",)))
    assert (await to_carry(records, "blog")).id == release.id


async def test_late_writes_of_a_release_that_was_taken_back_are_of_no_use(records: Records) -> None:
    release = await live(records, late=LateWrites(BASE, LATE, carried=("post added: Winter",)))
    rollback = await records.create(Kind.ROLLBACK, "blog", "ann", "C1", undoes=release.id)
    await records.set_undone(release.id, rollback.id)
    await records.move(rollback.id, State.ROLLED_BACK)
    with pytest.raises(NothingToCarry):
        await to_carry(records, "blog")


async def test_carried_writes_that_were_taken_back_can_be_carried_again(records: Records) -> None:
    source = await live(records, late=LateWrites(BASE, LATE, carried=("post added: Winter",)))
    carry = await live(records, Kind.CARRY_OVER)
    rollback = await records.create(Kind.ROLLBACK, "blog", "ann", "C1", undoes=carry.id)
    await records.set_undone(carry.id, rollback.id)
    await records.move(rollback.id, State.ROLLED_BACK)
    assert (await to_carry(records, "blog")).id == source.id


def test_a_backup_that_late_writes_need_is_kept() -> None:
    release = Release("r-1", Kind.UPGRADE, "blog", State.LIVE, "ann", "C1", NOON, NOON)
    with_late = replace(release, facts=replace(release.facts, late=LateWrites(BASE, LATE)))
    assert {"b-base", "b-late"} <= needed_by([with_late])
