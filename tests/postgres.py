"""A real PostgreSQL for tests that need one: the machine's own programs, with a folder of their own."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from release.records.records import driven

NEEDED = "TESTS_NEED_POSTGRES"


class Postgres:
    """A PostgreSQL on a socket only. `url` is its address; what is written does not survive the machine."""

    def __init__(self, programs: Path, folder: Path, as_user: list[str]) -> None:
        self._programs = programs
        self._as_user = as_user
        self._folder = folder
        self._runs = False
        self.url = f"postgresql://postgres@/postgres?host={folder}"

    def make(self) -> None:
        self._run("initdb", "-A", "trust", "-U", "postgres", "-N")

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses= -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "start")
        self._runs = True

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is as a crash, `fast` as an operator would."""
        if self._runs:
            self._runs = False
            self._run("pg_ctl", "-w", "-m", mode, "stop")

    def new_database(self) -> str:
        """The address of another, empty database."""
        name = f"db_{secrets.token_hex(6)}"
        engine = create_engine(driven(self.url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url.replace("/postgres?", f"/{name}?")

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_user, str(self._programs / program), "-D", str(self._folder / "data"), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


@contextmanager
def a_postgres() -> Iterator[Postgres]:
    """Running inside the block. Skips the test where the machine has none, unless TESTS_NEED_POSTGRES is set."""
    programs = _programs()
    if programs is None:
        if os.environ.get(NEEDED):
            pytest.fail("there is no PostgreSQL on this machine; on Debian: apt-get install postgresql")
        pytest.skip("there is no PostgreSQL on this machine")
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Not below tmp_path: the path of a socket has at most 107 bytes, and others may not enter that folder.
    folder = Path(tempfile.mkdtemp(prefix="ghostbot-pg-"))
    try:
        if as_user:
            shutil.chown(folder, "postgres")
        postgres = Postgres(programs, folder, as_user)
        postgres.make()
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder with initdb, newest first: Debian keeps it off PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
