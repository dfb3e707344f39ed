"""The cache's folders, when several work in them at once."""

from pathlib import Path

from release.ghost.cache import Cache


async def test_a_folder_that_somebody_works_in_is_not_swept_by_one_with_the_same_name(tmp_path: Path) -> None:
    cache, other = Cache(tmp_path), Cache(tmp_path)
    async with cache.workplace("tarball-6.65.0") as first:
        (first / "half").write_text("on its way")
        async with other.workplace("tarball-6.65.0") as second:
            assert first != second
            assert (first / "half").read_text() == "on its way"
        assert first.exists()
    left = tmp_path / "work" / "tarball-6.65.0~killed"
    left.mkdir()
    async with cache.workplace("tarball-6.65.0"):
        assert not left.exists()
    assert [*(tmp_path / "work").iterdir(), *(tmp_path / "locks").iterdir()] == []
