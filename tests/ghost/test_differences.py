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
    assert named(found) == "Autumn; Winter; title"


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
