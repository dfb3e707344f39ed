"""The real database servers of the tests start anywhere, for root and for everybody else, and leave nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import psycopg
import pymysql
import pytest

from tests.logins import Login
from tests.mariadb import MariaDb, a_mariadb, fetched_mariadb
from tests.postgres import a_postgres, carried_programs, programs_of_machine

GONE_SECONDS = 40


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    with a_mariadb() as mariadb:
        yield mariadb


def rows_of(login: Login) -> list[int]:
    """Makes a table with the login, and reads it."""
    with psycopg.connect(login.url) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (1), (2)")
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY number")]


@pytest.mark.postgres
@pytest.mark.parametrize("programs", [programs_of_machine, carried_programs], ids=["machine", "carried"])
def test_a_postgres_runs_with_the_programs_of_the_machine_and_with_carried_ones(
    programs: Callable[[], Path | None],
) -> None:
    with a_postgres(programs()) as postgres:
        assert rows_of(postgres.new_login()) == [1, 2]
        assert postgres.new_database() != postgres.url


@pytest.mark.postgres
def test_a_login_opens_its_own_database_with_its_own_password_only() -> None:
    with a_postgres() as postgres:
        login = postgres.new_login()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(login.url.replace(login.password, "another"))


@pytest.mark.mariadb
def test_a_mariadb_keeps_what_is_written_over_a_stop_and_a_start(mariadb: MariaDb) -> None:
    login = mariadb.new_login()
    with connected(login) as connection:
        connection.cursor().execute("CREATE TABLE kept (number integer)")
        connection.cursor().execute("INSERT INTO kept VALUES (1)")
        connection.commit()
    mariadb.stop()
    mariadb.start()
    with connected(login) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT number FROM kept")
        assert cursor.fetchall() == ((1,),)
        with pytest.raises(pymysql.OperationalError, match="denied"):
            cursor.execute("USE mysql")


@pytest.mark.mariadb
def test_mariadbs_own_clients_dump_a_database_and_put_it_back(mariadb: MariaDb) -> None:
    first, second = mariadb.new_login(), mariadb.new_login()
    with connected(first) as connection:
        connection.cursor().execute("CREATE TABLE kept (word varchar(20))")
        connection.cursor().execute("INSERT INTO kept VALUES ('grün 🌱')")
        connection.commit()
    dump = client(mariadb, "mariadb-dump", first)
    client(mariadb, "mariadb", second, dump)
    with connected(second) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT word FROM kept")
        assert cursor.fetchall() == (("grün 🌱",),)


def client(mariadb: MariaDb, program: str, login: Login, told: bytes = b"") -> bytes:
    words = [
        "--no-defaults",
        "--host=127.0.0.1",
        f"--port={login.port}",
        f"--user={login.user}",
        login.database,
    ]
    done = subprocess.run(
        [str(mariadb.programs / program), *words],
        check=False,
        input=told,
        env={"MYSQL_PWD": login.password},  # nothing else: a program of ours is given no more
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def connected(login: Login) -> AbstractContextManager["pymysql.Connection[pymysql.cursors.Cursor]"]:
    return pymysql.connect(
        host="127.0.0.1", port=login.port, user=login.user, password=login.password, database=login.database
    )


@pytest.mark.mariadb
def test_debians_packages_are_fetched_into_an_empty_cache_without_root(tmp_path: Path) -> None:
    installed = fetched_mariadb(tmp_path)
    words = [str(installed.programs / "mariadbd"), "--no-defaults", "--version"]
    assert "MariaDB" in subprocess.run(words, env={}, capture_output=True, text=True, check=True).stdout


@pytest.mark.mariadb
async def test_a_mariadb_starts_inside_a_loop_too() -> None:
    with a_mariadb() as mariadb:
        await asyncio.to_thread(mariadb.say, "SELECT 1")


KILLED = """
import pathlib, sys, time
from tests.mariadb import a_mariadb
from tests.postgres import a_postgres
with a_postgres() as postgres, a_mariadb() as mariadb:
    print(postgres._folder, mariadb._folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.postgres
@pytest.mark.mariadb
def test_a_test_that_is_killed_leaves_no_server_and_no_folder(tmp_path: Path) -> None:
    test = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
    assert test.stdout is not None
    folders = test.stdout.readline().split()
    assert len(folders) == 2
    assert all(processes_of(folder) for folder in folders)
    os.kill(test.pid, signal.SIGKILL)
    test.wait()
    deadline = time.monotonic() + GONE_SECONDS
    while any(Path(folder).exists() or processes_of(folder) for folder in folders):
        assert time.monotonic() < deadline, "something is left"
        time.sleep(0.1)


def processes_of(folder: str) -> list[int]:
    """Whoever names the folder on its command line: the servers, and who looks after them."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(folder in word for word in process.info["cmdline"] or ())
    ]
