"""Who looks for secrets finds them."""

import asyncio
from pathlib import Path

from tests.stories.secrets import files_with, process_lists_watched

SECRET = "correct-horse-battery"


async def test_a_secret_on_a_command_line_is_seen() -> None:
    async with process_lists_watched(SECRET) as seen:
        process = await asyncio.create_subprocess_exec("sleep", "600", env={"PATH": "/usr/bin:/bin"})
        careless = await asyncio.create_subprocess_exec("sh", "-c", "sleep 600", SECRET)
        try:
            async with asyncio.timeout(60):
                while not seen:  # noqa: ASYNC110 - who looks tells nobody
                    await asyncio.sleep(0.05)
        finally:
            for one in (process, careless):
                one.kill()
                await one.wait()
    assert seen == {"sh"}


def test_a_secret_in_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "found").write_bytes(b"\x00" + SECRET.encode() + b"\x00")
    (tmp_path / "well").write_text("nothing")
    assert files_with(SECRET, tmp_path) == ["deep/found"]
