"""What was written between two copies of a database, told by title."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from demo.tiny.seed import Seeded
from release.ghost.differences import differences, in_words, named
from release.ghost.errors import CorruptDatabase


def write(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def copies(blog: Seeded, tmp_path: Path) -> tuple[Path, Path]:
    before, after = Path(blog.database), tmp_path / "after.db"
    shutil.copyfile(before, after)
    return before, after


async def test_two_equal_copies_hold_nothing_new(copies: tuple[Path, Path]) -> None:
    found = await differences(*copies)
    assert found == ()
    assert in_words(found) == "nothing"


async def test_what_people_wrote_is_counted_and_named(copies: tuple[Path, Path]) -> None:
    write(
        copies[1],
        "UPDATE posts SET title = 'Autumn' WHERE slug = 'post-1'",
        "INSERT INTO posts (id, uuid, title, slug, type, status) SELECT 'new1', 'u', 'Winter', 'winter', 'post', status"
        " FROM posts WHERE slug = 'post-1'",
        "DELETE FROM posts WHERE slug = 'post-2'",
        "UPDATE settings SET value = 'Another title' WHERE key = 'title'",
    )
    found = await differences(*copies)
    assert in_words(found) == "1 post added, 1 post changed, 1 post removed, 1 setting changed"
    assert named(found) == "Autumn; Winter; title; removed: Post 2"


async def test_who_tags_a_post_has_changed_it_and_a_new_post_is_told_once(copies: tuple[Path, Path]) -> None:
    write(
        copies[1],
        "INSERT INTO posts_tags SELECT 'pt1', p.id, t.id, 9 FROM posts p, tags t WHERE p.slug = 'post-1' LIMIT 1",
        "INSERT INTO posts (id, uuid, title, slug, type) VALUES ('new1', 'u', 'Winter', 'winter', 'page')",
        "INSERT INTO posts_authors SELECT 'pa1', 'new1', id, 0 FROM users LIMIT 1",
    )
    found = await differences(*copies)
    assert in_words(found) == "1 post changed, 1 page added"
    assert named(found) == "Post 1; Winter"


async def test_a_subscription_is_told_unless_its_member_is_new(copies: tuple[Path, Path]) -> None:
    write(
        copies[1],
        "INSERT INTO members (id, email) VALUES ('m1', 'new@example.com')",
        "INSERT INTO members_newsletters VALUES ('mn1', 'm1', 'n1')",
        "DELETE FROM members_newsletters WHERE id = (SELECT min(id) FROM members_newsletters WHERE id <> 'mn1')",
    )
    assert in_words(await differences(*copies)) == "1 member added, 1 newsletter subscription removed"


async def test_settings_are_told_by_their_key_and_never_by_their_value(copies: tuple[Path, Path]) -> None:
    write(
        copies[1], "INSERT INTO settings (id, key, value) VALUES ('late1', 'stripe_secret_key', 'sk_live_1')"
    )
    found = await differences(*copies)
    assert named(found) == "stripe_secret_key"
    assert "sk_live_1" not in repr(found)


async def test_members_are_counted_and_never_named(copies: tuple[Path, Path]) -> None:
    write(copies[1], "UPDATE members SET name = 'Somebody Else', email = 'else-' || email")
    found = await differences(*copies)
    assert in_words(found) == "20 members changed"
    assert named(found) == ""


async def test_somebody_who_merely_looked_wrote_nothing(copies: tuple[Path, Path]) -> None:
    write(copies[1], "UPDATE users SET last_seen = '2030-01-01 00:00:00'")
    assert await differences(*copies) == ()


async def test_a_copy_that_is_no_database_is_told_as_that(copies: tuple[Path, Path]) -> None:
    copies[1].write_bytes(b"no database at all" * 100)
    with pytest.raises(CorruptDatabase):
        await differences(*copies)
