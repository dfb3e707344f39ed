"""Late writes merged into a newer database: what is safe is there, nothing else has changed, nothing is guessed."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from demo.tiny.seed import Seeded
from release.ghost.carry_over import CarriedOver, LateCopies, MergeBroken, align_people, carry_over
from release.ghost.differences import Told, What
from tests.ghost.test_differences import write

NEW_POST = (
    "INSERT INTO posts (id, uuid, title, slug, type) VALUES ('late1', 'u1', 'Winter', 'winter', 'post')",
    "INSERT INTO posts_authors SELECT 'late2', 'late1', id, 0 FROM users WHERE slug = 'ann'",
    "INSERT INTO posts_tags SELECT 'late3', 'late1', id, 0 FROM tags WHERE slug = 'topic-1'",
)


@dataclass(frozen=True)
class Copies:
    """Four copies of one blog, the same until a test writes to them."""

    base: Path
    late: Path
    live: Path
    target: Path

    async def merge(self) -> CarriedOver:
        return await carry_over(
            LateCopies(self.base, self.late, self.base, self.late), self.live, self.target
        )


@pytest.fixture
def copies(seeded: Seeded, tmp_path: Path) -> Copies:
    return four(Path(seeded.database), tmp_path)


def four(source: Path, folder: Path) -> Copies:
    paths = [folder / f"{name}.db" for name in ("base", "late", "live", "target")]
    for path in paths:
        shutil.copyfile(source, path)
    return Copies(*paths)


def everything(database: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: sorted(connection.execute(f'SELECT * FROM "{table}"'), key=repr)  # noqa: S608 - the test's own database
            for table in tables
        }


def asked(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def reasons(found: CarriedOver) -> dict[str, str]:
    return {one.what.words: one.why for one in found.left_out}


def words(told: tuple[Told, ...]) -> list[str]:
    return sorted(one.words for one in told)


async def test_a_late_post_is_carried_with_its_tags_and_author_and_once(copies: Copies) -> None:
    write(copies.late, *NEW_POST, "UPDATE posts SET title = 'Autumn' WHERE slug = 'post-1'")
    write(copies.target, "UPDATE posts SET title = 'Written in production' WHERE slug = 'post-2'")
    found = await copies.merge()
    assert words(found.carried) == ["post added: Winter", "post changed: Autumn"]
    assert (found.left_out, found.rows) == ((), 4)
    assert len(asked(copies.target, "SELECT 1 FROM posts_tags WHERE post_id = 'late1'")) == 1
    assert asked(copies.target, "SELECT title FROM posts WHERE slug = 'post-2'") == [
        ("Written in production",)
    ]
    before = everything(copies.target)
    again = await copies.merge()
    assert (again.carried, again.rows) == ((), 0)
    assert words(again.already) == ["post added: Winter", "post changed: Autumn"]
    assert everything(copies.target) == before


@pytest.mark.parametrize(
    ("late", "production", "what", "why"),
    [
        (
            ("UPDATE posts SET title = 'Late' WHERE slug = 'post-1'",),
            "UPDATE posts SET html = 'also changed' WHERE slug = 'post-1'",
            "post changed: Late",
            "it was changed in production too",
        ),
        (
            NEW_POST,
            "UPDATE posts SET slug = 'winter' WHERE slug = 'post-3'",
            "post added: Winter",
            "posts.slug, posts.type is taken in production",
        ),
        (
            NEW_POST,
            "DELETE FROM tags WHERE slug = 'topic-1'",
            "post added: Winter",
            "what it belongs to (in tags) is not in production",
        ),
        (
            NEW_POST,
            "INSERT INTO posts (id, title, uuid, slug) VALUES ('late1', 'Other', 'u2', 'other')",
            "post added: Winter",
            "production has another one under its id",
        ),
        (
            ("UPDATE posts SET title = 'Late' WHERE slug = 'post-1'",),
            "DELETE FROM posts WHERE slug = 'post-1'",
            "post changed: Late",
            "it was removed from production",
        ),
        (
            ("INSERT INTO members (id, email) VALUES ('m1', 'new@example.com')",),
            "INSERT INTO members (id, email) VALUES ('m2', 'new@example.com')",
            "member added",
            "members.email is taken in production",
        ),
        (
            ("DELETE FROM posts WHERE slug = 'post-1'",),
            "UPDATE posts SET title = 'Still read' WHERE slug = 'post-1'",
            "post removed: Post 1",
            "it was removed there, and is still in production",
        ),
        (
            NEW_POST,
            "ALTER TABLE posts_tags ADD COLUMN unknown TEXT",
            "post added: Winter",
            "production's posts_tags has other columns",
        ),
    ],
)
async def test_a_conflict_is_listed_and_production_is_as_it_was(
    copies: Copies, late: tuple[str, ...], production: str, what: str, why: str
) -> None:
    write(copies.late, *late)
    write(copies.target, production)
    before = everything(copies.target)
    found = await copies.merge()
    assert reasons(found)[what] == why
    assert (found.carried, found.rows) == ((), 0)
    assert everything(copies.target) == before


async def test_what_was_mailed_is_left_to_a_person_with_its_post(copies: Copies) -> None:
    for path in (copies.base, copies.late, copies.live, copies.target):
        write(
            path, "CREATE TABLE emails (id TEXT PRIMARY KEY, post_id TEXT REFERENCES posts (id), status TEXT)"
        )
    write(copies.late, *NEW_POST, "INSERT INTO emails VALUES ('e1', 'late1', 'pending')")
    found = await copies.merge()
    assert reasons(found) == {
        "post added: Winter": "it was mailed or waits to be, and nobody should get it twice"
    }
    assert asked(copies.target, "SELECT count(*) FROM posts WHERE id = 'late1'") == [(0,)]


async def test_ghosts_own_bookkeeping_stays_where_it_is(copies: Copies) -> None:
    write(
        copies.late,
        "INSERT INTO sessions VALUES ('s', 'sid', 'u', '{}')",
        "UPDATE users SET last_seen = '2030-01-01'",
        "INSERT INTO settings (id, key, value) VALUES ('x', 'last_mentions', '1')",
    )
    before = everything(copies.target)
    found = await copies.merge()
    assert found == CarriedOver((), (), (), 0)
    assert everything(copies.target) == before


async def test_a_reference_that_would_break_ends_the_merge_and_nothing_is_written(copies: Copies) -> None:
    # Of a reference of several columns each is looked at alone, so only the check at the end sees it.
    for path in (copies.base, copies.late, copies.live, copies.target):
        write(
            path,
            "CREATE TABLE halls (a TEXT, b TEXT, PRIMARY KEY (a, b))",
            "INSERT INTO halls VALUES ('x', '1'), ('2', 'y')",
            "CREATE TABLE seats (id TEXT PRIMARY KEY, a TEXT, b TEXT, FOREIGN KEY (a, b) REFERENCES halls (a, b))",
        )
    write(copies.late, *NEW_POST, "INSERT INTO seats VALUES ('1', 'x', 'y')")
    before = everything(copies.target)
    with pytest.raises(MergeBroken):
        await copies.merge()
    assert everything(copies.target) == before


async def test_the_owner_keeps_the_id_that_production_gave_them(copies: Copies) -> None:
    migrated = (
        "UPDATE users SET id = '{0}' WHERE slug = 'ann'",
        "UPDATE posts_authors SET author_id = '{0}' WHERE author_id = '{1}'",
    )
    ((owner,),) = asked(copies.target, "SELECT id FROM users WHERE slug = 'ann'")
    write(copies.target, *(one.format("by-chance", owner) for one in migrated))
    await align_people(copies.base, copies.target)
    assert asked(copies.base, "SELECT id FROM users WHERE slug = 'ann'") == [("by-chance",)]
    assert everything(copies.base)["posts_authors"] == everything(copies.target)["posts_authors"]


# -- any late writes against any others -----------------------------------------------------------


def add_post(number: int) -> tuple[str, ...]:
    slug = f"late-{number}"
    return (
        f"INSERT OR IGNORE INTO posts (id, uuid, title, slug) VALUES ('p{number}', 'u', '{slug}', '{slug}')",  # noqa: S608 - the test's own words
        # Only where the post is: a link without one is no database of Ghost's, which keeps its foreign keys.
        f"INSERT OR IGNORE INTO posts_tags SELECT 'pt{number}', posts.id, tags.id, 0"  # noqa: S608 - as above
        f" FROM posts, tags WHERE posts.id = 'p{number}' LIMIT 1",
    )


def add_post_otherwise(number: int) -> tuple[str, ...]:
    return (
        f"INSERT OR IGNORE INTO posts (id, uuid, title, slug) VALUES ('p{number}', 'u', 'Other', 'other-{number}')",  # noqa: S608 - as above
    )


def retitle(number: int) -> tuple[str, ...]:
    return (f"UPDATE posts SET title = title || '!' WHERE slug = 'post-{1 + number % 12}'",)  # noqa: S608 - as above


def remove_post(number: int) -> tuple[str, ...]:
    return (f"DELETE FROM posts WHERE slug = 'post-{1 + number % 12}'",)  # noqa: S608 - as above


def take_slug(number: int) -> tuple[str, ...]:
    return (f"UPDATE OR IGNORE posts SET slug = 'late-{number}' WHERE slug = 'post-{1 + number % 12}'",)  # noqa: S608 - as above


def add_member(number: int) -> tuple[str, ...]:
    return (
        f"INSERT OR IGNORE INTO members (id, email) VALUES (hex(randomblob(4)), 'new{number}@example.com')",  # noqa: S608 - as above
    )


def remove_tag(_number: int) -> tuple[str, ...]:
    return ("DELETE FROM tags WHERE id = (SELECT id FROM tags LIMIT 1)",)


WRITES: tuple[Callable[[int], tuple[str, ...]], ...] = (
    add_post,
    add_post_otherwise,
    retitle,
    remove_post,
    take_slug,
    add_member,
    remove_tag,
)
some_writes = st.lists(st.tuples(st.sampled_from(WRITES), st.integers(0, 2)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(late=some_writes, since=some_writes, at=st.integers(0, 2**32))
@example(late=[(retitle, 0)], since=[(take_slug, 0)], at=0)  # one row, and another column of it on each side
@example(
    late=[(take_slug, 0), (add_post, 0)], since=[(add_post, 0)], at=1
)  # a slug that is taken on one side only
@example(
    late=[(retitle, 0)], since=[(retitle, 0), (take_slug, 0)], at=2
)  # the same on both sides, and more on one
async def test_whatever_was_written_on_both_sides_nothing_is_overwritten(
    seeded: Seeded,
    tmp_path: Path,
    late: list[tuple[Callable[[int], tuple[str, ...]], int]],
    since: list[tuple[Callable[[int], tuple[str, ...]], int]],
    at: int,
) -> None:
    folder = tmp_path / str(random.Random(at).random())  # noqa: S311 - a name, no secret
    folder.mkdir(exist_ok=True)
    copies = four(Path(seeded.database), folder)
    for make, number in late:
        write(copies.late, *make(number))
    for make, number in since:
        write(copies.target, *make(number))
    base, written, before = (everything(path) for path in (copies.base, copies.late, copies.target))
    found = await copies.merge()
    after = everything(copies.target)

    for table, rows in after.items():
        ours, theirs, was = ({row[0]: row for row in side.get(table, [])} for side in (before, written, base))
        now = {row[0]: row for row in rows}
        assert ours.keys() <= now.keys(), "no row of production is gone"
        for key, row in now.items():
            if row == ours.get(key):
                continue
            # A row that is not as it was is as it came late; and production had not touched it.
            assert row == theirs[key], (table, key)
            assert ours.get(key) == was.get(key), (table, key)
    assert asked(copies.target, "PRAGMA foreign_key_check") == []
    # Ghost's tags and posts know each other by id alone: what came in has both its ends.
    both_ends = "SELECT id FROM posts_tags WHERE post_id IN (SELECT id FROM posts) AND tag_id IN (SELECT id FROM tags)"
    new_links = {row[0] for row in after["posts_tags"]} - {row[0] for row in before["posts_tags"]}
    assert new_links <= {row[0] for row in asked(copies.target, both_ends)}

    # Each late post is told, and what is told of it is true; with its tag or not at all.
    posts, late_posts, was_there = (
        {row[0]: row for row in side["posts"]} for side in (after, written, before)
    )
    new_tags = {row[1] for row in written["posts_tags"] if row not in base["posts_tags"]}
    base_posts = {row[0]: row for row in base["posts"]}
    told: set[object] = set()
    for one in (*found.carried, *found.already):
        told.add(one.key[0])
        if one.kind == "posts":
            here, late_one, at_first = (side.get(one.key[0]) for side in (posts, late_posts, base_posts))
            assert here is not None
            assert late_one is not None
            if one in found.already and at_first is not None:
                # Production has what came late, and may have changed the rest of it since.
                assert all(new in (old, now) for now, new, old in zip(here, late_one, at_first, strict=True))
            else:
                assert here == late_one
            assert one.key[0] not in new_tags or asked(
                copies.target,
                f"SELECT 1 FROM posts_tags WHERE post_id = '{one.key[0]}'",  # noqa: S608 - as above
            )
    for lost in found.left_out:
        told.add(lost.what.key[0])
        if lost.what.kind == "posts":
            assert posts.get(lost.what.key[0]) == was_there.get(lost.what.key[0])
    assert late_posts.keys() - {row[0] for row in base["posts"]} <= told
    assert all(one.what is not What.REMOVED for one in found.carried)
    shutil.rmtree(folder)
