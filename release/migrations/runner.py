"""A migration's command: in a folder and environment of its own, bounded in time and by the bot's life, listened to."""

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from release.ghost import until_orphaned
from release.migrations.errors import CommandMissing, MigrationCommandFailed, MigrationTooSlow
from release.migrations.hiding import Hiding
from release.outputs import hear

TOLD_EVERY = 1.0
"""Seconds between two lines that are told while it runs."""
CHUNK = 1 << 16
KEPT_LINES = 2000
TAIL_LINES = 12
TAIL_LETTERS = 900
LONGEST_LINE = 4000
MOST_LOG = 64 << 20
"""Bytes of output that are kept; a tool that goes on talking is listened to, and no more."""
_COMMAND_NOT_FOUND = 127

Told = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Run:
    """One command. `log` is where its output goes, `called` how people find that; `given` is its standard input."""

    title: str
    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    seconds: float
    log: Path
    called: str
    hiding: Hiding
    given: str | None = None

    def __repr__(self) -> str:  # its words and environment may hold the connection string
        return f"Run({self.title!r})"


async def run(command: Run, told: Told) -> tuple[str, ...]:
    """It has ended well; returns what it said, the last lines of much. Nothing that it started is left running.

    Raises MigrationCommandFailed, MigrationTooSlow, or CommandMissing.
    """
    await asyncio.to_thread(command.log.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(command.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
        said = _Said(command.hiding, log)
        process = await _start(command)
        try:
            async with asyncio.timeout(command.seconds):
                await said.listen(process, told)
                code = await process.wait()
        except TimeoutError:
            raise MigrationTooSlow(
                command.title, f"{command.seconds:.0f}", said.tail(), command.called
            ) from None
        finally:
            await _end(process)
            hear(command.title, command.log)
    if code == _COMMAND_NOT_FOUND:
        raise CommandMissing(command.hiding.hide(command.words[0]))
    if code != 0:
        raise MigrationCommandFailed(command.title, str(code), said.tail(), command.called)
    return tuple(said.lines)


async def _start(command: Run) -> asyncio.subprocess.Process:
    words, pipe = list(command.words), None
    if command.given is not None:
        # The program that ends it with the bot has its own use for standard input.
        reading, writing = os.pipe()
        os.write(writing, command.given.encode())
        os.close(writing)
        words, pipe = ["/bin/sh", "-c", f'exec "$@" </dev/fd/{reading}', "sh", *words], reading
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(until_orphaned.__file__)),
            *words,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=asyncio.subprocess.PIPE,  # never written to: it closes with us, which ends the program
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if pipe is None else (pipe,),
        )
    finally:
        if pipe is not None:
            os.close(pipe)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Closing its input ends the command with all it has started; shielded, so that none is left unreaped."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(10):
            await asyncio.shield(process.wait())
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(process.wait())


class _Said:
    """The output, line by line, with its secrets hidden before it goes anywhere."""

    def __init__(self, hiding: Hiding, log: IO[bytes]) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._hiding = hiding
        self._log = log
        self._written = 0
        self._told_at = 0.0
        self._news = False

    async def listen(self, process: asyncio.subprocess.Process, told: Told) -> None:
        """Until the command closes its output. A line that came too soon after another is told a little later."""
        if process.stdout is None:
            return
        rest = b""
        reading = asyncio.ensure_future(process.stdout.read(CHUNK))
        try:
            while True:
                await asyncio.wait({reading}, timeout=TOLD_EVERY)
                if not reading.done():
                    await self._tell(told)
                    continue
                part = reading.result()
                if not part:
                    break
                rest = self._take(rest + part)
                await self._tell(told)
                reading = asyncio.ensure_future(process.stdout.read(CHUNK))
        finally:
            reading.cancel()
        self._keep(rest)
        self._told_at = 0.0
        await self._tell(told)

    def _take(self, text: bytes) -> bytes:
        """Keep every whole line, and of one without an end what is long enough; returns the rest."""
        *whole, rest = text.replace(b"\r", b"\n").split(b"\n")
        # A cut may go through a secret, of which neither half would be known: so whole ones are hidden before it, and
        # the end, where one may be arriving, waits.
        if len(rest) > LONGEST_LINE:
            rest = self._hiding.whole(rest)
        while len(rest) > LONGEST_LINE + self._hiding.longest:
            whole, rest = [*whole, rest[:LONGEST_LINE]], rest[LONGEST_LINE:]
        for line in whole:
            self._keep(line)
        return rest

    def _keep(self, raw: bytes) -> None:
        line = self._hiding.hide(raw.decode("utf-8", "replace").rstrip())
        if not line:
            return
        self.lines.append(line[:LONGEST_LINE])
        self._news = True
        written = f"{line}\n".encode()
        self._written += len(written)
        if self._written <= MOST_LOG:
            self._log.write(written)
            self._log.flush()

    async def _tell(self, told: Told) -> None:
        if self.lines and self._news and time.monotonic() - self._told_at >= TOLD_EVERY:
            self._told_at, self._news = time.monotonic(), False
            await told(self.lines[-1][:300])

    def tail(self) -> str:
        text = "\n".join(list(self.lines)[-TAIL_LINES:])
        return text[-TAIL_LETTERS:] or "nothing"
