"""Foreign programs: bounded in time and by the bot's own life, with a log and nobody's environment."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from release.ghost.errors import CommandFailed, CommandTooSlow
from release.masking import masked
from release.outputs import hear

TAIL_BYTES = 3000
ANSWER_LIMIT = 64 * 1024 * 1024
_UNTIL_ORPHANED = Path(__file__).with_name("until_orphaned.py")


@dataclass(frozen=True)
class Command:
    """A program to run. `title` names it to people, `seconds` is all the time it gets."""

    title: str
    words: Sequence[str | Path]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    seconds: float


async def run(command: Command) -> None:
    """The program has ended with 0 and its whole output is in the log; else CommandFailed or CommandTooSlow."""
    try:
        await _run(command, capture=False)
    finally:
        hear(command.title, command.log)


async def ask(command: Command) -> bytes:
    """What the program wrote to its standard output (64 MiB at most); its complaints are in the log."""
    return await _run(command, capture=True)


async def _run(command: Command, *, capture: bool) -> bytes:
    await asyncio.to_thread(command.log.parent.mkdir, parents=True, exist_ok=True)
    # For its owner only: what a foreign program says may hold anything.
    with os.fdopen(os.open(command.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
        process = await asyncio.create_subprocess_exec(
            # -I and -S: it shall read nothing of the bot's, and be quick.
            *(sys.executable, "-I", "-S", str(_UNTIL_ORPHANED)),
            *map(str, command.words),
            cwd=command.folder,
            env=dict(command.environment),
            stdin=asyncio.subprocess.PIPE,  # never written to: it closes with us, which ends the program
            stdout=asyncio.subprocess.PIPE if capture else log,
            stderr=log,
            start_new_session=True,
        )
        answer = b""
        try:
            async with asyncio.timeout(command.seconds):
                if process.stdout is not None:
                    answer = await _read(process.stdout, command)
                await process.wait()
        except TimeoutError:
            raise CommandTooSlow(
                command.title, round(command.seconds), str(command.log), tail(command.log)
            ) from None
        finally:
            if process.stdin is not None:
                process.stdin.close()
            # Shielded: a second cancellation must not leave the killed child unreaped.
            await asyncio.shield(process.wait())
        if capture:
            # A byte more than `tail` looks at, which takes the first line for a whole one else.
            log.write(answer[-TAIL_BYTES - 1 :])
    if process.returncode != 0:
        ended = f"exit code {process.returncode}"
        raise CommandFailed(command.title, ended, str(command.log), tail(command.log))
    return answer


async def _read(stream: asyncio.StreamReader, command: Command) -> bytes:
    parts = bytearray()
    while part := await stream.read(1 << 16):
        parts += part
        if len(parts) > ANSWER_LIMIT:
            raise CommandFailed(command.title, "it never stopped talking", str(command.log), "")
    return bytes(parts)


async def end_group(process: asyncio.subprocess.Process) -> None:
    """Nothing of the process's group is left running, whether it ended by itself or not."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        # Shielded: a second cancellation must not leave the killed child unreaped.
        await asyncio.shield(process.wait())


def tail(log: Path) -> str:
    """The last few lines of a log, for the person who has to find out why; what looks like a secret is hidden."""
    try:
        with log.open("rb") as file:
            start = max(0, log.stat().st_size - TAIL_BYTES)
            file.seek(start)
            if start:  # in the middle of a line, most likely, and of a secret in it
                file.readline()
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(masked(text).strip().splitlines()[-15:])


def log_name(title: str) -> str:
    """A file name for the log of one run: when, and what."""
    words = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in title)
    return (
        f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{words[:60]}-{time.monotonic_ns() % 10**9:09d}.log"
    )
