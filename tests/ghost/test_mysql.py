"""A shared database dumped, pictured, restored and put back: on a real MariaDB, with its own programs."""

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from release.ghost.database import inspect
from release.ghost.differences import differences, in_words, named
from release.ghost.errors import LockedMigrations
from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection, told_by
from release.mysql.errors import NoProgram, NotAScratch, NotOnMySql, ProgramFailed, ServerRefused
from release.mysql.migrate import looked_at
from release.mysql.picture import take_picture
from release.mysql.programs import DUMP, dump, load, program
from release.mysql.scratch import drop_scratch, fill_scratch, put_back, try_scratch
from release.scheduled import due_within
from tests.ghost.small_mysql import asked, config_of, new_blog, tell
from tests.mariadb import MariaDb, a_mariadb

pytestmark = pytest.mark.mariadb


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    with a_mariadb() as mariadb:
        yield mariadb


@pytest.fixture
def blog(mariadb: MariaDb) -> Connection:
    return new_blog(mariadb)


@pytest.fixture
def scratch(blog: Connection) -> Connection:
    return blog.of(f"{blog.database}_ghostbot")


async def test_a_dump_restored_elsewhere_is_the_same_database_to_the_last_byte(
    mariadb: MariaDb, blog: Connection, scratch: Connection, tmp_path: Path
) -> None:
    config = config_of(mariadb)
    await dump(blog, tmp_path / "blog.sql.gz", config)
    await fill_scratch(blog, scratch, tmp_path / "blog.sql.gz", config)
    before, after = await looked_at(blog, tmp_path / "a.db"), await looked_at(scratch, tmp_path / "b.db")
    assert (before.rows, before.digests, before.posts) == (after.rows, after.digests, after.posts)
    assert (before.version, before.rows["posts"]) == ("5.100", 2)
    assert asked(scratch, "SELECT title FROM published") == (("It's a \\ post",),)
    tell(scratch, "INSERT INTO tags (id) VALUES ('t1')")
    assert asked(scratch, "SELECT name FROM tags") == (("none",),), "its trigger came along"
    assert asked(scratch, "CALL count_posts()") == ((2,),)
    assert (tmp_path / "blog.sql.gz").stat().st_mode & 0o777 == 0o600


async def test_a_dump_of_one_user_is_restored_by_another(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    """The bot may have a user of its own beside Ghost's, and a view, a trigger and a routine name who made them."""
    config = config_of(mariadb)
    await dump(blog, tmp_path / "blog.sql.gz", config)
    with gzip.open(tmp_path / "blog.sql.gz", "rt") as file:
        assert f"DEFINER=`{blog.user}`" in file.read()
    other = new_blog(mariadb)
    await put_back(other, tmp_path / "blog.sql.gz", config)
    assert asked(other, "SELECT title FROM published") == (("It's a \\ post",),)
    assert asked(other, "CALL count_posts()") == ((2,),)


async def test_what_a_migration_added_is_gone_after_the_dump_is_put_back(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    config = config_of(mariadb)
    await dump(blog, tmp_path / "blog.sql.gz", config)
    before = await looked_at(blog, tmp_path / "a.db")
    tell(
        blog,
        "CREATE TABLE automations (id int PRIMARY KEY, post varchar(24), FOREIGN KEY (post) REFERENCES posts (id))",
        "INSERT INTO automations VALUES (1, 'p1')",
        "ALTER TABLE posts ADD COLUMN newer int",
        "UPDATE migrations_lock SET locked = 1",
    )
    with pytest.raises(LockedMigrations):
        await looked_at(blog, tmp_path / "b.db")
    for _ in range(2):  # twice is the same as once
        await put_back(blog, tmp_path / "blog.sql.gz", config)
        after = await looked_at(blog, tmp_path / "b.db")
        assert (after.rows, after.digests) == (before.rows, before.digests)


async def test_a_restore_stops_at_the_first_statement_that_fails_and_says_why(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.sql.gz"
    with gzip.open(wrong, "wt") as file:
        file.write("INSERT INTO nowhere VALUES (1);\nCREATE TABLE later (id int);\n")
    with pytest.raises(ProgramFailed, match="nowhere' doesn't exist"):
        await load(blog, wrong, config_of(mariadb))
    assert asked(blog, "SHOW TABLES LIKE 'later'") == ()


async def test_a_picture_says_of_mysql_what_a_copy_says_of_sqlite(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    await take_picture(blog, first)
    tell(
        blog,
        "INSERT INTO posts VALUES ('p3', 'Grüße', 'gruesse', '', 'draft', 'post', NULL, '1')",
        "UPDATE posts SET title = 'Changed' WHERE id = 'p1'",
        "INSERT INTO members VALUES ('m2', 'b@example.com', NULL)",
    )
    await take_picture(blog, second)
    found = await differences(first, second)
    assert in_words(found) == "1 post added, 1 post changed, 1 member added"
    assert "Grüße" in named(found)
    soon = datetime(2030, 1, 2, 3, 0, tzinfo=UTC)
    assert [one.title for one in await due_within(second, soon, timedelta(minutes=10))] == ["Later"]
    with closing(sqlite3.connect(second)) as picture:
        assert picture.execute("SELECT photo FROM members ORDER BY id").fetchall() == [
            (b"\x00\xff'",),
            (None,),
        ]
    assert (await inspect(second)).version == "5.100"
    assert second.stat().st_mode & 0o777 == 0o600


async def test_a_database_of_somebody_else_is_no_scratch_and_is_never_dropped(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    other = new_blog(mariadb)
    mariadb.say(f"GRANT ALL ON {other.database}.* TO '{blog.user}'@'127.0.0.1'")
    somebodys = blog.of(other.database)
    await dump(blog, tmp_path / "blog.sql.gz", config_of(mariadb))
    with pytest.raises(NotAScratch):
        await fill_scratch(blog, somebodys, tmp_path / "blog.sql.gz", config_of(mariadb))
    with pytest.raises(NotAScratch):
        await try_scratch(blog, somebodys)
    await drop_scratch(somebodys)
    assert asked(other, "SELECT count(*) FROM posts") == ((2,),)


async def test_the_scratch_database_is_dropped_and_a_missing_right_is_told_without_the_password(
    mariadb: MariaDb, blog: Connection, scratch: Connection, tmp_path: Path
) -> None:
    await dump(blog, tmp_path / "blog.sql.gz", config_of(mariadb))
    await fill_scratch(blog, scratch, tmp_path / "blog.sql.gz", config_of(mariadb))
    for _ in range(2):
        await drop_scratch(scratch)
    assert asked(blog, f"SHOW DATABASES LIKE '{scratch.database}'") == ()
    with pytest.raises(ServerRefused, match="denied") as refused:
        await try_scratch(blog, blog.of("elsewhere"))
    assert blog.password not in f"{refused.value} {refused.value.advice} {blog!r}"


async def test_a_password_is_on_no_argument_list(mariadb: MariaDb, blog: Connection, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    teller = programs / "mariadb-dump"
    teller.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/words\nenv > {tmp_path}/environment\n'
        f'exec {mariadb.programs}/mariadb-dump "$@"\n'
    )
    teller.chmod(0o755)
    await dump(blog, tmp_path / "blog.sql.gz", MySqlConfig(programs=programs))
    for name in ("words", "environment"):
        assert blog.password not in (tmp_path / name).read_text()
    seen = [word for word in (tmp_path / "words").read_text().split() if word.startswith("--defaults-file=")]
    assert seen[0].startswith("--defaults-file=/dev/fd/"), "the file with the password has no name of its own"


@pytest.mark.parametrize("password", ['#"\\ quote', "it's; -- $HOME`", "grün"])
async def test_any_password_is_handed_over_whole(mariadb: MariaDb, password: str, tmp_path: Path) -> None:
    blog = new_blog(mariadb)
    escaped = password.replace("\\", "\\\\").replace("'", "\\'")
    mariadb.say(f"ALTER USER '{blog.user}'@'127.0.0.1' IDENTIFIED BY '{escaped}'")
    asking = Connection(blog.host, blog.port, blog.user, password, blog.database)
    await dump(asking, tmp_path / "blog.sql.gz", config_of(mariadb))
    await load(asking, tmp_path / "blog.sql.gz", config_of(mariadb))


async def test_a_dump_that_takes_too_long_is_stopped_and_nothing_runs_on(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    slow = tmp_path / "mariadb-dump"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nsleep 600\n")
    slow.chmod(0o755)
    with pytest.raises(ProgramFailed, match=r"more than 0\.5 seconds"):
        await dump(blog, tmp_path / "blog.sql.gz", MySqlConfig(programs=tmp_path, dump_limit=0.5))
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    with pytest.raises(NoProgram, match="mariadb-dump or mysqldump"):
        program(MySqlConfig(programs=tmp_path / "nowhere"), DUMP)


def test_the_connection_is_what_ghost_is_told() -> None:
    told = {
        "database__client": "mysql2",
        "database__connection__host": "db.example.com",
        "database__connection__user": "ghost",
        "database__connection__password": "s3cret-word",
        "database__connection__database": "blog",
        "database__connection__ssl": '{"rejectUnauthorized": false}',
    }
    found = told_by(told, "blog (production)", MySqlConfig())
    assert (found.address, found.encryption is not None and found.encryption.checked) == (
        "blog on db.example.com:3306",
        False,
    )
    own = told_by(told, "blog (production)", MySqlConfig(user="bot", password="another-word"))
    assert (own.user, own.password) == ("bot", "another-word")
    with pytest.raises(NotOnMySql, match="Key Vault"):
        told_by(
            told | {"database__connection__password": "@Microsoft.KeyVault(SecretUri=x)"},
            "blog",
            MySqlConfig(),
        )
    with pytest.raises(NotOnMySql, match="database__client is sqlite3"):
        told_by(told | {"database__client": "sqlite3"}, "blog", MySqlConfig())
