"""Dumps and restores, by MySQL's or MariaDB's own client programs, streamed: memory does not grow with the database.

The password is in a file without a name, which is gone with the bot and the program, never in the argument list or the
environment. Both programs end with the bot: the one writes into its pipe, the other reads from it.
"""

import asyncio
import contextlib
import gzip
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from release.ghost.process import end_group
from release.masking import masked_start
from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection
from release.mysql.errors import DumpIncomplete, NoProgram, ProgramFailed

DUMP = ("mariadb-dump", "mysqldump")
CLIENT = ("mariadb", "mysql")
CHUNK = 1 << 20
# The last line of every whole dump, of both programs.
COMPLETED = b"-- Dump completed"
_ERROR = re.compile(r"^ERROR|[Ee]rror:")
# Who made a view (Ghost 6 has one), a trigger or a routine, at the beginning of its line: to make it in somebody else's
# name takes a right that no user of one database has. Values cannot look like this: they are on lines of INSERT.
_DEFINER = re.compile(rb"^(/\*!50013 |/\*!50003 CREATE\*/ /\*!50017 |CREATE )DEFINER=`[^`]*`@`[^`]*`")
WORDS_OF_DUMP = (
    "--single-transaction",
    "--quick",
    "--routines",
    "--triggers",
    "--hex-blob",
    "--no-tablespaces",  # they would need the right PROCESS
    "--skip-dump-date",
    "--default-character-set=utf8mb4",
)


def program(config: MySqlConfig, names: tuple[str, ...]) -> str:
    """The first of these programs that there is. Raises NoProgram."""
    path = str(config.programs) if config.programs else None
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise NoProgram(" or ".join(names))


async def dump(connection: Connection, to: Path, config: MySqlConfig) -> None:
    """`to` is the whole database as SQL, gzipped, of one moment. Raises ProgramFailed or DumpIncomplete."""
    with _options(connection) as (options, files):
        words = [program(config, DUMP), options, *WORDS_OF_DUMP, connection.database]
        process = await _started(words, files, reads=False)
        complaints = asyncio.create_task(_all_of(process.stderr))
        try:
            async with asyncio.timeout(config.dump_limit):
                last = await _compressed(process, to)
                await process.wait()
        except TimeoutError as error:
            raise ProgramFailed(
                "The dump", f"more than {config.dump_limit:g} seconds", "it was stopped"
            ) from error
        finally:
            await end_group(process)
        told = await complaints
    if process.returncode != 0:
        raise ProgramFailed("The dump", f"exit code {process.returncode}", _told(told))
    if COMPLETED not in last:
        raise DumpIncomplete(connection.address, "its last line is missing.")


async def load(connection: Connection, source: Path, config: MySqlConfig) -> None:
    """The statements of a dump were carried out, all of them. Raises ProgramFailed at the first that fails.

    Views, triggers and routines belong to who loads them, whoever made the dump.
    """
    with _options(connection) as (options, files):
        words = [
            program(config, CLIENT),
            options,
            "--batch",
            "--default-character-set=utf8mb4",
            connection.database,
        ]
        process = await _started(words, files, reads=True)
        complaints = asyncio.create_task(_all_of(process.stderr))
        try:
            async with asyncio.timeout(config.dump_limit):
                await _fed(process, source)
                await process.wait()
        except TimeoutError as error:
            raise ProgramFailed(
                "The restore", f"more than {config.dump_limit:g} seconds", "it was stopped"
            ) from error
        finally:
            await end_group(process)
        told = await complaints
    if process.returncode != 0:
        raise ProgramFailed("The restore", f"exit code {process.returncode}", _told(told))


async def _started(words: list[str], files: tuple[int, int], *, reads: bool) -> asyncio.subprocess.Process:
    nothing, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *words,
        stdin=pipe if reads else nothing,
        stdout=nothing if reads else pipe,
        stderr=pipe,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
        start_new_session=True,
        pass_fds=files,
    )


async def _compressed(process: asyncio.subprocess.Process, to: Path) -> bytes:
    """What the program writes is at `to`; its last kilobyte."""
    last = b""
    to.touch(mode=0o600)
    with gzip.open(to, "wb", compresslevel=6) as file:
        while process.stdout is not None and (chunk := await process.stdout.read(CHUNK)):
            last = (last + chunk)[-1024:]
            await asyncio.to_thread(file.write, chunk)
    return last


async def _fed(process: asyncio.subprocess.Process, source: Path) -> None:
    """The program was given all of it, or has stopped reading, as it does at an error."""
    if process.stdin is None:
        raise ValueError("a program that reads is started with a pipe")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        with gzip.open(source, "rb") as file:
            while lines := await asyncio.to_thread(file.readlines, CHUNK):
                process.stdin.write(b"".join(_DEFINER.sub(rb"\1", line) for line in lines))
                await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    """The end of what a program complains about; read while it runs, so that it never waits for us."""
    said = b""
    while stream is not None and (part := await stream.read(1 << 14)):
        said = (said + part)[-4000:]
    return said


def _told(complaints: bytes) -> str:
    """Its own line about the error: the statement beside it may hold what people wrote."""
    lines = [line for line in complaints.decode("utf-8", "replace").splitlines() if _ERROR.search(line)]
    return masked_start((lines or ["it did not say why"])[-1], 300)


@contextmanager
def _options(connection: Connection) -> Iterator[tuple[str, tuple[int, int]]]:
    """The word that makes a program read who it is, and nothing of the machine's own configuration; and its files.

    They have no name, so nothing of them is left however the bot ends.
    """
    with tempfile.TemporaryFile() as authorities, tempfile.TemporaryFile() as options:
        values = _values(connection)
        if connection.encryption is not None and connection.encryption.authorities:
            authorities.write(connection.encryption.authorities.encode())
            values["ssl-ca"] = f"/dev/fd/{authorities.fileno()}"
        lines = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())
        options.write(f"[client]\n{lines}".encode())
        for file in (authorities, options):
            file.seek(0)
        yield f"--defaults-file=/dev/fd/{options.fileno()}", (authorities.fileno(), options.fileno())


def _values(connection: Connection) -> dict[str, str]:
    values = {
        "host": connection.host,
        "port": str(connection.port),
        "user": connection.user,
        "password": connection.password,
        "protocol": "tcp",
        # What only one of the two programs knows, the other passes over.
        "loose-set-gtid-purged": "OFF",
        "loose-column-statistics": "0",
    }
    if connection.encryption is not None:
        values["loose-ssl"] = "1"
        values["loose-ssl-mode"] = "VERIFY_IDENTITY" if connection.encryption.checked else "REQUIRED"
        values["loose-ssl-verify-server-cert"] = "1" if connection.encryption.checked else "0"
    return values


def _quoted(value: str) -> str:
    """As the programs read option files: in quotes a # begins no comment, and a backslash escapes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
