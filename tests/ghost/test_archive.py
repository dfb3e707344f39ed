import asyncio
import contextlib
import gzip
import io
import tarfile
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.tiny.registry import TinyRegistry
from demo.tiny.versions import find, ghost_manifest
from release.ghost.archive import unpack_npm_tarball
from release.ghost.build import build
from release.ghost.errors import UnsafeArchive
from release.ghost.npm import Npm
from release.version import Version


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    made.linkname = link
    return made


EVIL = {
    "dots": entry("package/../../evil"),
    "absolute": entry("/tmp/evil"),
    "symbolic link outside": entry("package/link", tarfile.SYMTYPE, "../../outside"),
    "absolute symbolic link": entry("package/link", tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": entry("package/link", tarfile.LNKTYPE, "package/index.js"),
    "device": entry("package/device", tarfile.CHRTYPE),
    "pipe": entry("package/pipe", tarfile.FIFOTYPE),
}


def packed(*entries: tarfile.TarInfo) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for one in entries:
            archive.addfile(one)
    return gzip.compress(plain.getvalue())


@pytest.mark.parametrize("kind", EVIL)
async def test_what_would_leave_its_folder_is_not_unpacked(tmp_path: Path, kind: str) -> None:
    tarball, target = tmp_path / "evil.tgz", tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    tarball.write_bytes(packed(EVIL[kind]))

    with pytest.raises(UnsafeArchive):
        await unpack_npm_tarball(tarball, target)

    assert list(target.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "evil.tgz"]


async def test_an_archive_larger_than_any_ghost_is_not_unpacked(tmp_path: Path) -> None:
    huge = entry("package/huge")
    huge.size = 1 << 40
    tarball = tmp_path / "huge.tgz"
    tarball.write_bytes(gzip.compress(huge.tobuf()))
    with pytest.raises(UnsafeArchive):
        await unpack_npm_tarball(tarball, tmp_path)


def written(path: Path, blocks: Iterable[bytes]) -> None:
    """An archive of blocks that are made as they are written, for what does not fit into memory."""
    with gzip.open(path, "wb", compresslevel=1) as archive:
        for block in blocks:
            archive.write(block)


async def peak_of_unpacking(tarball: Path, folder: Path) -> int:
    """Bytes of Python's memory that it took at most to refuse this archive."""
    tracemalloc.start()
    try:
        with pytest.raises(UnsafeArchive):
            await unpack_npm_tarball(tarball, folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE])
async def test_a_bomb_in_a_name_is_refused_before_it_is_in_memory(tmp_path: Path, kind: bytes) -> None:
    """300 MB of name in 1.3 MB of archive: tarfile by itself reads it whole."""
    bomb = entry("package/bomb", kind)
    bomb.size = 300 << 20
    tarball, target = tmp_path / "bomb.tgz", tmp_path / "target"
    target.mkdir()
    written(tarball, [bomb.tobuf(), *([b"a" * (10 << 20)] * 30)])
    assert tarball.stat().st_size < 3 << 20

    assert await peak_of_unpacking(tarball, target) < 20 << 20
    assert list(target.iterdir()) == []


async def test_ten_million_entries_are_not_read_to_their_end(tmp_path: Path) -> None:
    """An archive of ten million folders, of which a little more than is allowed is ever looked at."""
    tarball, target = tmp_path / "many.tgz", tmp_path / "target"
    target.mkdir()
    block = entry("package", tarfile.DIRTYPE).tobuf() * 10_000
    with gzip.open(tarball, "wb", compresslevel=9) as archive:
        archive.write(block)
    # A gzip file may be many, one after another: ten million entries without packing them ten million times.
    tarball.write_bytes(tarball.read_bytes() * 1000)

    started = time.monotonic()
    with pytest.raises(UnsafeArchive, match="larger than any Ghost"):
        await unpack_npm_tarball(tarball, target)
    assert time.monotonic() - started < 60


async def test_a_bomb_of_zeros_is_streamed_and_bounded(tmp_path: Path) -> None:
    tarball, target = tmp_path / "zeros.tgz", tmp_path / "target"
    target.mkdir()
    part = entry("package/shorter-than-it-says")
    part.size = 512 << 20
    # It says 512 MB and holds 64.
    written(tarball, [part.tobuf(), *([bytes(1 << 20)] * 64)])
    assert await peak_of_unpacking(tarball, target) < 20 << 20
    header = entry("package/one-too-large")
    header.size = (1 << 30) + 1
    written(tarball, [header.tobuf()])
    assert await peak_of_unpacking(tarball, target) < 20 << 20


@pytest.mark.parametrize(
    "entries",
    [
        [entry("package/" + "/".join(["deep"] * 3000))],
        [entry("package/" + "x" * 300)],
        [entry("package/file"), entry("package/file/below")],
        [entry("package/folder/below"), entry("package/folder")],
        [entry("package/link", tarfile.SYMTYPE, "inside")],
        [entry("package/nul\0name")],
    ],
    ids=["too deep", "too long", "file as folder", "folder as file", "link inside", "nul"],
)
async def test_names_no_disk_can_hold_are_a_bad_archive_and_no_defect(
    tmp_path: Path, entries: list[tarfile.TarInfo]
) -> None:
    tarball, target = tmp_path / "odd.tgz", tmp_path / "target"
    target.mkdir()
    for one in entries:
        one.pax_headers = {"path": one.name} if "\0" in one.name else {}
    tarball.write_bytes(packed(*entries))
    with pytest.raises(UnsafeArchive):
        await unpack_npm_tarball(tarball, target)


async def test_a_size_below_nothing_is_refused(tmp_path: Path) -> None:
    negative = bytearray(entry("package/negative").tobuf(tarfile.GNU_FORMAT))
    negative[124:136] = (-1024).to_bytes(12, "big", signed=True)
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative[:512])
    tarball = tmp_path / "negative.tgz"
    tarball.write_bytes(gzip.compress(bytes(negative) * 3))
    with pytest.raises(UnsafeArchive):
        await unpack_npm_tarball(tarball, tmp_path)


@given(st.binary(max_size=3000), st.integers(0, 2000), st.integers(0, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_an_archive_or_refused(tmp_path: Path, noise: bytes, at: int, byte: int) -> None:
    """Noise, and a sound archive with one byte changed."""
    sound = bytearray(gzip.decompress(packed(entry("package/index.js"), entry("package/a/b"))))
    sound[at] = byte
    target = tmp_path / "target"
    for content in (noise, gzip.compress(noise), gzip.compress(bytes(sound))):
        (tmp_path / "any.tgz").write_bytes(content)
        with contextlib.suppress(UnsafeArchive):
            asyncio.run(unpack_npm_tarball(tmp_path / "any.tgz", target))
    assert {path.name for path in tmp_path.iterdir()} <= {"target", "any.tgz"}


@pytest.mark.parametrize(
    "content",
    [b"", b"this is no archive", packed(entry("package/index.js"))[:40]],
    ids=["empty", "no archive", "cut short"],
)
async def test_a_damaged_archive_is_told_as_such(tmp_path: Path, content: bytes) -> None:
    tarball = tmp_path / "damaged.tgz"
    tarball.write_bytes(content)
    with pytest.raises(UnsafeArchive):
        await unpack_npm_tarball(tarball, tmp_path)


async def test_a_malicious_ghost_stops_the_build(npm: Npm, registry: TinyRegistry, tmp_path: Path) -> None:
    registry.publish(ghost_manifest(find("6.0.0")), packed(EVIL["dots"]))
    with pytest.raises(UnsafeArchive):
        await build(Version.parse("6.0.0"), 24, npm, lambda _: None)
    assert not any(tmp_path.rglob("evil"))
