"""How much is on a plan's share: counted at once where that is quick, and not again and again where it is not."""

import asyncio
from pathlib import Path

import pytest

from sandbox.appservice import share
from sandbox.appservice.share import Share


async def test_what_is_written_counts_at_once(tmp_path: Path) -> None:
    used = Share(tmp_path)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert await used.used() == 1000
    (tmp_path / "a").write_bytes(b"x" * 3000)
    assert await used.used() == 3000


async def test_a_count_that_takes_long_holds_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "LONG_SECONDS", 0.0)
    monkeypatch.setattr(share, "KEPT_TIMES", 1_000_000)
    used = Share(tmp_path)
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert list(await asyncio.gather(used.used(), used.used())) == [1000, 1000]
    (tmp_path / "a").write_bytes(b"x" * 3000)
    assert await used.used() == 1000
