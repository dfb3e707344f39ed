import gzip
import io
import tarfile
from pathlib import Path

import pytest

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
