import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.tiny.seed import Seeded
from release.errors import ReleaseError
from release.ghost.database import compare, inspect, overdue_posts, refuse_losses
from release.ghost.errors import (
    CorruptDatabase,
    EmptyDatabase,
    LockedMigrations,
    NotADatabase,
    NotGhost,
    RowsLost,
)
from release.version import Version


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


async def test_a_sound_database_tells_what_it_holds(blog: Seeded) -> None:
    found = await inspect(Path(blog.database))
    assert found.version == "5.100"
    assert (found.rows["posts"], found.rows["members"], found.rows["tags"]) == (17, 20, 4)
    assert found.size == Path(blog.database).stat().st_size


async def test_a_file_is_read_once_and_again_when_it_has_changed(blog: Seeded) -> None:
    path = Path(blog.database)
    await asyncio.sleep(0.2)  # written a moment ago, it is not remembered
    first = await inspect(path)
    assert await inspect(path) is first
    change(path, "UPDATE posts SET title = 'Another' WHERE rowid = 1")
    second = await inspect(path)
    assert second.digests["posts"] != first.digests["posts"]
    assert second.size == first.size
    damaged = bytearray(path.read_bytes())
    damaged[100] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(ReleaseError):
        await inspect(path)


async def test_many_inspections_at_once_forget_the_oldest_and_disturb_nobody(
    blog: Seeded, tmp_path: Path
) -> None:
    copies = [tmp_path / f"{number}.db" for number in range(12)]
    for copy in copies:
        shutil.copyfile(blog.database, copy)
    await asyncio.sleep(0.2)
    for _ in range(3):
        found = await asyncio.gather(*(inspect(copy) for copy in copies))
        assert {one.version for one in found} == {"5.100"}


async def test_looking_changes_nothing(blog: Seeded) -> None:
    before = Path(blog.database).read_bytes()
    await inspect(Path(blog.database))
    assert Path(blog.database).read_bytes() == before
    assert sorted(path.name for path in Path(blog.database).parent.iterdir()) == ["ghost.db"]


async def test_the_version_is_the_newest_row_not_the_highest_text(blog: Seeded) -> None:
    row = "INSERT INTO migrations (name, version, currentVersion) VALUES ('a.js', '{0}', '{0}')"
    change(Path(blog.database), "DELETE FROM migrations", row.format("5.9"), row.format("5.130"))
    assert (await inspect(Path(blog.database))).version == "5.130"


async def test_a_copy_with_its_rows_numbered_anew_has_the_same_content(blog: Seeded, tmp_path: Path) -> None:
    change(Path(blog.database), "DELETE FROM members WHERE email = 'reader1@example.com'")
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(blog.database)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    original, copied = await inspect(Path(blog.database)), await inspect(copy)
    assert copied.digests == original.digests
    assert copied.posts == original.posts


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO sessions VALUES ('1', 's', 'u', '{}')",
        "UPDATE users SET last_seen = '2030-01-01', updated_at = '2030-01-01'",
        "UPDATE api_keys SET last_seen_at = '2030-01-01'",
        "UPDATE members SET last_seen_at = '2030-01-01'",
    ],
)
async def test_somebody_who_merely_looks_is_no_change(blog: Seeded, statement: str) -> None:
    before = await inspect(Path(blog.database))
    change(Path(blog.database), statement)
    assert (await inspect(Path(blog.database))).digests == before.digests


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE posts SET title = 'Other' WHERE slug = 'post-1'", "posts"),
        ("UPDATE members SET name = 'Other' WHERE email = 'reader1@example.com'", "members"),
        ("UPDATE settings SET value = 'Other' WHERE key = 'title'", "settings"),
        ("DELETE FROM posts_tags WHERE id = (SELECT min(id) FROM posts_tags)", "posts_tags"),
    ],
)
async def test_a_change_shows_in_its_table_alone(blog: Seeded, statement: str, table: str) -> None:
    before = (await inspect(Path(blog.database))).digests
    change(Path(blog.database), statement)
    after = (await inspect(Path(blog.database))).digests
    assert {name for name in before if before[name] != after[name]} == {table}


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def no_tables(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE t (a)", "DROP TABLE t")


def no_users(path: Path) -> None:
    change(path, "DELETE FROM users")


def text(path: Path) -> None:
    path.write_text("<h1>503 Service Unavailable</h1>" * 100)


def holes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:40960] = bytes(32768)
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def other(path: Path) -> None:
    path.unlink()
    change(path, "CREATE TABLE customers (id)", "INSERT INTO customers VALUES (1)")


def locked(path: Path) -> None:
    change(path, "UPDATE migrations_lock SET locked = 1")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (nothing, EmptyDatabase),
        (no_tables, EmptyDatabase),
        (no_users, EmptyDatabase),
        (text, NotADatabase),
        (holes, CorruptDatabase),
        (cut, CorruptDatabase),
        (other, NotGhost),
        (locked, LockedMigrations),
    ],
)
async def test_a_database_nobody_should_migrate_is_refused(
    blog: Seeded, spoil: Callable[[Path], None], error: type[ReleaseError]
) -> None:
    spoil(Path(blog.database))
    with pytest.raises(error) as failure:
        await inspect(Path(blog.database))
    assert failure.value.advice


async def test_text_that_is_not_utf8_is_the_blogs_own_business(blog: Seeded) -> None:
    change(Path(blog.database), "UPDATE posts SET html = CAST(x'ff00fe' AS TEXT) WHERE slug = 'post-1'")
    assert (await inspect(Path(blog.database))).rows["posts"] == 17


async def test_equal_counts_of_other_rows_are_a_loss(blog: Seeded) -> None:
    before = await inspect(Path(blog.database))
    change(Path(blog.database), "UPDATE posts SET id = 'another' WHERE slug = 'post-1'")
    after = await inspect(Path(blog.database))
    with pytest.raises(RowsLost):
        refuse_losses(compare(before, after), Version.parse("5.130.6"))


async def test_a_table_that_is_gone_counts_as_lost(blog: Seeded) -> None:
    before = await inspect(Path(blog.database))
    after = replace(
        before, rows={name: rows for name, rows in before.rows.items() if name != "members_newsletters"}
    )
    report = compare(before, after)
    assert report.gone_tables == ("members_newsletters",)
    assert report.lost == ("members_newsletters 20 → 0",)


async def test_ghost_may_drop_a_setting_it_no_longer_has(blog: Seeded) -> None:
    change(Path(blog.database), "INSERT INTO settings (id, key, value) VALUES ('x', 'captcha_enabled', '1')")
    before = await inspect(Path(blog.database))
    change(Path(blog.database), "DELETE FROM settings WHERE id = 'x'")
    assert compare(before, await inspect(Path(blog.database))).lost == ()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM settings WHERE key = 'title'",
        "UPDATE settings SET value = 'source' WHERE key = 'active_theme'",
    ],
)
async def test_what_a_blog_is_known_by_must_stay(blog: Seeded, statement: str) -> None:
    before = await inspect(Path(blog.database))
    change(Path(blog.database), statement)
    assert len(compare(before, await inspect(Path(blog.database))).lost) == 1


async def test_posts_whose_time_came_after_the_copy_are_named(blog: Seeded) -> None:
    change(
        Path(blog.database),
        "UPDATE posts SET status = 'scheduled', published_at = '2026-03-01 12:00:00' WHERE slug = 'post-1'",
        "UPDATE posts SET status = 'scheduled', published_at = '2026-03-01 12:00:01' WHERE slug = 'post-2'",
    )
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert await overdue_posts(Path(blog.database), noon) == ("Post 1",)
