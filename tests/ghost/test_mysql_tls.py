"""A database that takes encrypted connections only, with a certificate of somebody's own authority."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from release.mysql.connection import Connection, Encryption, told_by
from release.mysql.errors import ProgramFailed, ServerRefused
from release.mysql.migrate import looked_at
from release.mysql.programs import dump
from release.mysql.scratch import fill_scratch
from sandbox.appservice.certificates import authority_path, server_context
from tests.ghost.small_mysql import SCHEMA, asked, config_of, connection_to, tell
from tests.mariadb import MariaDb, a_mariadb

pytestmark = pytest.mark.mariadb


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the certificate that vouches for the server's."""
    folder = tmp_path_factory.mktemp("tls")
    server_context(folder)
    return authority_path(folder)


@pytest.fixture(scope="module")
def mariadb(authority: Path) -> Iterator[MariaDb]:
    with a_mariadb(authority.parent) as mariadb:
        yield mariadb


@pytest.fixture
def blog(mariadb: MariaDb, authority: Path) -> Connection:
    login = mariadb.new_login()
    mariadb.say(f"GRANT ALL ON `{login.database}\\_ghostbot%`.* TO '{login.user}'@'127.0.0.1'")
    blog = replace(connection_to(login), encryption=Encryption(authority.read_text()))
    tell(blog, *SCHEMA)
    return blog


async def test_the_session_and_the_programs_are_encrypted_and_look_at_the_certificate(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    ((_, cipher),) = asked(blog, "SHOW STATUS LIKE 'Ssl_cipher'")
    assert cipher
    config, scratch = config_of(mariadb), blog.of(f"{blog.database}_ghostbot")
    await dump(blog, tmp_path / "blog.sql.gz", config)
    await fill_scratch(blog, scratch, tmp_path / "blog.sql.gz", config)
    before, after = await looked_at(blog, tmp_path / "a.db"), await looked_at(scratch, tmp_path / "b.db")
    assert (before.rows, before.digests) == (after.rows, after.digests)


async def test_somebody_elses_certificate_is_refused_by_both(
    mariadb: MariaDb, blog: Connection, tmp_path: Path
) -> None:
    server_context(tmp_path)
    others = replace(blog, encryption=Encryption(authority_path(tmp_path).read_text()))
    with pytest.raises(ServerRefused):
        await looked_at(others, tmp_path / "a.db")
    with pytest.raises(ProgramFailed):
        await dump(others, tmp_path / "blog.sql.gz", config_of(mariadb))


async def test_what_ghost_is_told_of_tls_is_what_the_bot_does(blog: Connection, mariadb: MariaDb) -> None:
    found = told_by(blog.as_ghosts, "blog", config_of(mariadb))
    assert found == blog
    unchecked = replace(blog, encryption=Encryption(checked=False))
    assert told_by(unchecked.as_ghosts, "blog", config_of(mariadb)) == unchecked
    assert asked(unchecked, "SELECT 1") == ((1,),)
