"""Foreign programs end with the bot, however it ended."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from release.ghost.errors import CommandFailed
from release.ghost.process import Command, ask, run
from release.ghost.until_orphaned import GIVES_WAY
from tests.soak.invariants import processes

BOT = """
import asyncio
from pathlib import Path
from release.ghost.process import Command, run
folder = Path({folder!r})
words = ["sh", "-c", "sleep 300 & touch begun; sleep 300"]
environment = {{"PATH": "/usr/bin:/bin", "MARK": str(folder)}}
asyncio.run(run(Command("a compiler", words, folder, environment, folder / "log", 300)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_what_a_killed_bot_had_started_ends_with_it_and_so_do_its_children(tmp_path: Path) -> None:
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOT.format(folder=str(tmp_path)), cwd=Path(__file__).parents[2]
    )
    await until((tmp_path / "begun").exists)
    assert len(processes(str(tmp_path))) >= 3
    bot.kill()
    await bot.wait()
    await until(lambda: not processes(str(tmp_path)))


async def test_a_program_gives_way_and_ends_with_its_own_exit_code_or_the_signal_that_ended_it(
    tmp_path: Path,
) -> None:
    def command(text: str) -> Command:
        return Command("a try", ["sh", "-c", text], tmp_path, dict(os.environ), tmp_path / "log", 20)

    assert await ask(command("cat; echo told")) == b"told\n"
    assert int(await ask(command("nice"))) == min(os.nice(0) + GIVES_WAY, 19)
    with pytest.raises(CommandFailed, match="exit code 7"):
        await run(command("exit 7"))
    with pytest.raises(CommandFailed, match="exit code 137"):
        await run(command("kill -9 $$"))
    missing = Command("a try", ["no-such-program"], tmp_path, dict(os.environ), tmp_path / "log", 20)
    with pytest.raises(CommandFailed, match="exit code 127"):
        await run(missing)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.05)
