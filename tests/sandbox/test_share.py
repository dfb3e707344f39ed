"""How much is on a plan's share: counted at once where that is quick, and not again and again where it is not."""

import asyncio
from pathlib import Path

from sandbox.appservice.share import Share


async def test_what_is_written_counts_at_once(tmp_path: Path) -> None:
    used = Share(tmp_path)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert await used.used() == 1000
    (tmp_path / "a").write_bytes(b"x" * 3000)
    assert await used.used() == 3000


async def test_a_count_that_takes_long_holds_for_a_while(tmp_path: Path) -> None:
    used = Share(tmp_path, long_seconds=0, kept_times=1_000_000)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert list(await asyncio.gather(used.used(), used.used())) == [1000, 1000]
    (tmp_path / "a").write_bytes(b"x" * 3000)
    assert await used.used() == 1000
