"""A real MariaDB for tests that need one: the machine's own programs, or Debian's packages, fetched once.

Debian's packages are unpacked into the user's cache folder and run from there: neither root nor an installation is
needed, and nothing of the machine changes. apt is told to keep its lists and archives there too.
"""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

from release.ghost.cache import Cache, Mark, default_cache_folder
from release.ghost.running import free_port
from tests.guardian import guarded
from tests.logins import Kind, Login

# With what they need of other packages; the last one holds mariadb-dump and would bring Perl along.
PACKAGES = ("mariadb-server-core", "mariadb-client-core")
PACKAGES_ALONE = ("mariadb-client",)
PROGRAMS = ("mariadbd", "mariadb", "mariadb-dump", "mariadb-admin", "mariadb-install-db")
START_SECONDS = 60
FETCH_SECONDS = 300


@dataclass(frozen=True)
class Installed:
    """Where the programs are. `programs` is a folder for the front of a PATH."""

    programs: Path
    base: Path  # what MariaDB calls basedir: has share/mysql or share/mariadb


class MariaDb:
    """A MariaDB on a socket and on the loopback. `url` is the address for the one who may do everything."""

    def __init__(self, installed: Installed, folder: Path, certificates: Path | None = None) -> None:
        self._certificates = certificates
        self.programs = installed.programs
        self.port = free_port()
        self.password = secrets.token_hex(12)
        self.url = f"mysql://root:{self.password}@127.0.0.1:{self.port}/mysql"
        self._base = installed.base
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        words = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        self._finish("mariadb-install-db", "--no-defaults", *self._places(), *words)

    def start(self) -> None:
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    self._program("mariadbd"),
                    "--no-defaults",
                    *self._places(),
                    *self._encrypted_only(),
                    f"--socket={self._folder}/socket",
                    f"--pid-file={self._folder}/pid",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--innodb-buffer-pool-size=64M",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"MariaDB did not start: {log.read_text()}"
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM is as an operator would, SIGKILL as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def new_login(self) -> Login:
        """Another, empty database, and somebody with a password who may do all to it and to nothing else."""
        name = f"db_{secrets.token_hex(6)}"
        login = Login(Kind.MYSQL, self.port, f"{name}_owner", secrets.token_hex(12), name)
        self.say(
            f"CREATE DATABASE {name} CHARACTER SET utf8mb4",
            f"CREATE USER '{login.user}'@'127.0.0.1' IDENTIFIED BY '{login.password}'",
            f"GRANT ALL ON {name}.* TO '{login.user}'@'127.0.0.1'",
        )
        return login

    def say(self, *statements: str) -> None:
        """The one who may do everything says these."""
        with pymysql.connect(unix_socket=f"{self._folder}/socket", user="root") as connection:
            for statement in statements:
                connection.cursor().execute(statement)
            connection.commit()

    def open_for_root(self) -> None:
        """`url` holds: the one who may do everything has a password on the loopback, and needs none on the socket."""
        self.say(
            f"CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '{self.password}'",
            "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION",
        )

    def _encrypted_only(self) -> list[str]:
        """With certificates nobody may sign in over the network without TLS."""
        if self._certificates is None:
            return []
        names = {"cert": "server.pem", "key": "server.key", "ca": "ca.pem"}
        files = [f"--ssl-{what}={self._certificates / name}" for what, name in names.items()]
        return [*files, "--require-secure-transport=ON"]

    def _places(self) -> list[str]:
        # The server wants to be told in so many words that root may run it.
        as_root = ["--user=root"] if os.geteuid() == 0 else []
        return [f"--basedir={self._base}", f"--datadir={self._folder}/data", *as_root]

    def _answers(self) -> bool:
        try:
            self.say("SELECT 1")
        except pymysql.OperationalError:
            return False
        return True

    def _program(self, name: str) -> str:
        # Debian has the server in sbin.
        return str(
            next(place for place in (self.programs / name, self._base / "sbin" / name) if place.exists())
        )

    def _finish(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._program(program), *words],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def a_mariadb(certificates: Path | None = None) -> Iterator[MariaDb]:
    """Running inside the block, empty, and gone afterwards. With `certificates`, a folder, it takes TLS only."""
    installed = installed_mariadb()
    # Not below tmp_path: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="ghostbot-maria-"))
    with guarded(folder, folder / "pid", signal.SIGKILL):
        mariadb = MariaDb(installed, folder, certificates)
        mariadb.make()
        try:
            mariadb.start()
            mariadb.open_for_root()
            yield mariadb
        finally:
            mariadb.stop(signal.SIGKILL)


def installed_mariadb() -> Installed:
    """The machine's own if it has all of it, else Debian's packages in the cache folder."""
    return _of_machine() or fetched_mariadb()


def fetched_mariadb(cache_folder: Path | None = None) -> Installed:
    """Debian's packages, unpacked in the cache folder."""

    async def fetch() -> Installed:
        cache = Cache(cache_folder or default_cache_folder())
        kept = await cache.folder_of("tools", "mariadb", _fill)
        return Installed(kept.path / "bin", kept.path / "root" / "usr")

    # In a thread of its own: who calls may be inside a loop already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, fetch()).result()


def _of_machine() -> Installed | None:
    found = [shutil.which(program, path="/usr/bin:/usr/sbin") for program in PROGRAMS]
    return None if None in found else Installed(Path("/usr/bin"), Path("/usr"))


async def _fill(folder: Path) -> Mark:
    await asyncio.to_thread(_fetch_packages, folder)
    return {}


def _fetch_packages(folder: Path) -> None:
    """The packages' files are in `folder`/root, and `folder`/bin has a program for each of PROGRAMS."""
    assert shutil.which("apt-get"), (
        "this machine has neither MariaDB nor apt-get; install MariaDB's server and client"
    )
    apt = folder / "apt"
    archives = apt / "cache" / "archives"
    (archives / "partial").mkdir(parents=True)
    (apt / "state" / "lists" / "partial").mkdir(parents=True)
    options = {
        "Dir::State": apt / "state",
        "Dir::State::status": "/var/lib/dpkg/status",  # what the machine has is not fetched
        "Dir::Cache": apt / "cache",
        "Dir::Log": apt,
        "Debug::NoLocking": 1,  # the machine's own lock is root's
        "APT::Sandbox::User": "",  # the folder is nobody else's
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
    }
    words = [
        "apt-get",
        "--quiet",
        *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
    ]
    _done([*words, "update"], apt)
    with_others = ["install", "--download-only", "--no-install-recommends", "--reinstall", "--yes"]
    _done([*words, *with_others, *PACKAGES], apt)
    _done([*words, "download", *PACKAGES_ALONE], archives)
    for archive in sorted(archives.glob("*.deb")):
        _done(["dpkg-deb", "--extract", str(archive), str(folder / "root")], folder)
    shutil.rmtree(apt)
    _write_programs(folder)


def _write_programs(folder: Path) -> None:
    """Short scripts that find the libraries beside them: wherever the folder is moved, as the cache does."""
    (folder / "bin").mkdir()
    libraries = sorted(
        {str(found.parent.relative_to(folder)) for found in (folder / "root").rglob("lib*.so.*")}
    )
    for name in PROGRAMS:
        places = (f"root/usr/{place}/{name}" for place in ("bin", "sbin"))
        place = next(place for place in places if (folder / place).exists())
        script = folder / "bin" / name
        path = ":".join(f"$here/{library}" for library in libraries)
        script.write_text(
            '#!/bin/sh\nhere=$(dirname "$(dirname "$(readlink -f "$0")")")\n'
            f'LD_LIBRARY_PATH="{path}" exec "$here/{place}" "$@"\n'
        )
        script.chmod(0o755)


def _done(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        words,
        check=False,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
    )
    assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}: {done.stderr}"
