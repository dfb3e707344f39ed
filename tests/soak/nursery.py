"""Bots by the dozen: each a process of its own, forked from one that has read all the libraries already.

A bot that begins with `python -m bot run` spends its first three seconds reading Slack's and Azure's libraries; killed
every other second it would do nothing else. `python -m tests.soak.nursery` is that one process: it reads the path of a
settings file and of a log per line, and answers with the number of the bot's process.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from demo.world import BOT_SECONDS, DidNotStart, World, die_with_parent

STOP_SECONDS = 20


class Nursery:
    """Starts bots of a world, kills them and stops them; one at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mother: asyncio.subprocess.Process | None = None
        self._bot: int | None = None

    async def start_bot(self) -> None:
        """A bot runs and is connected to the local Slack."""
        mother = self._mother or await self._begin()
        if mother.stdin is None or mother.stdout is None:
            raise DidNotStart("the nursery has no pipes")
        wish = {"config": str(self._world.write_settings()), "log": str(self._world.folder / "bot.log")}
        mother.stdin.write(json.dumps(wish).encode() + b"\n")
        await mother.stdin.drain()
        self._bot = int(await mother.stdout.readline())
        deadline = time.monotonic() + BOT_SECONDS
        while time.monotonic() < deadline and _lives(self._bot):
            answer = await self._world.http.get(f"{self._world.slack['control']}sockets")
            if answer.json()["connections"]:
                return
            await asyncio.sleep(0.05)
        log = (self._world.folder / "bot.log").read_text(errors="replace")
        raise DidNotStart(f"the bot did not start:\n{log[-2000:]}")

    async def kill_bot(self) -> None:
        """As a crash would: no warning, no clean-up."""
        await self._end(signal.SIGKILL)

    async def stop_bot(self) -> None:
        """As an operator would."""
        await self._end(signal.SIGTERM)

    async def close(self) -> None:
        """No process of the nursery is left."""
        await self.kill_bot()
        if self._mother is not None:
            with contextlib.suppress(ProcessLookupError):
                self._mother.kill()
            await self._mother.wait()
            self._mother = None

    async def _begin(self) -> asyncio.subprocess.Process:
        self._mother = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.soak.nursery",
            cwd=Path(__file__).parents[2],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._world.bot_environment(),
            preexec_fn=die_with_parent,
        )
        return self._mother

    async def _end(self, how: signal.Signals) -> None:
        if self._bot is None:
            return
        bot, self._bot = self._bot, None
        deadline = time.monotonic() + STOP_SECONDS
        with contextlib.suppress(ProcessLookupError):
            os.kill(bot, how)
            while _lives(bot):
                if time.monotonic() > deadline:
                    os.kill(bot, signal.SIGKILL)
                await asyncio.sleep(0.01)


def _lives(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def main() -> None:
    """Fork a bot for each line of standard input, until there are no more."""
    import bot.app  # noqa: F401, PLC0415 - all that a bot needs, before there is any
    from bot.cli import main as ghostbot  # noqa: PLC0415 - as above

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is gone at once, and never a zombie
    for line in sys.stdin:
        wish = json.loads(line)
        child = os.fork()
        if child == 0:
            _become_a_bot(wish["log"])
            ghostbot(["run", "--config", wish["config"]])
            raise SystemExit
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def _become_a_bot(log: str) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent()
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


if __name__ == "__main__":
    main()
