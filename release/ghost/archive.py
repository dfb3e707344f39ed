"""Unpacking what comes from outside, and packing what is deployed. Both run in threads that can be told to stop."""

import asyncio
import errno
import gzip
import os
import shutil
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar, cast

from release.ghost.errors import UnsafeArchive

# The largest Ghost tarball so far has 6,500 files and 100 MB; npm itself unpacks at most this many.
MOST_FILES = 100_000
MOST_BYTES = 1 << 30
# Characters; the longest of Ghost's names has 180.
MOST_NAME = 1000
# Bytes between two members: padding and headers. Ghost's longest name takes two blocks of 512.
MOST_HEADER = 1 << 20
# What a name in an archive, and not the disk, makes the system say: too long, or a file where a folder was.
NOT_OUR_DISK = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.ELOOP}
# Compressing these again costs time and saves nothing.
STORED = {
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".avif",
    ".woff",
    ".woff2",
    ".gz",
    ".tgz",
    ".zip",
    ".br",
    ".mp4",
}
# Zip knows no earlier time, and a fixed one makes equal trees equal packages.
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
BLOCK = 1 << 20

Result = TypeVar("Result")


class Stopped(Exception):
    """Raised inside a thread whose caller was cancelled; nobody outside sees it."""


async def in_thread(work: Callable[[threading.Event], Result]) -> Result:
    """Run `work` off the event loop. When the caller is cancelled, its event is set and its end awaited."""
    stop = threading.Event()
    task = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        with suppress(Stopped):
            await task
        raise


async def unpack_npm_tarball(tarball: Path, folder: Path) -> None:
    """The package's files are in `folder`, without the first folder of the archive ("package/").

    UnsafeArchive for anything that would leave the folder, for devices, and beyond 1 GiB or 100,000 files.
    """
    await in_thread(lambda stop: _unpack(tarball, folder, stop))


class _Bounded:
    """A stream of unpacked bytes that gives no more than it is allowed before the next allowance.

    tarfile reads a member's long name and extended headers whole, before anybody sees the member: a few
    megabytes of archive can make it read gigabytes into memory.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self.allowance = 0

    def read(self, size: int) -> bytes:
        self.allowance -= size
        if self.allowance < 0:
            raise UnsafeArchive(self._name, "a file's name or header is larger than any Ghost's")
        return self._stream.read(size)


def _unpack(tarball: Path, folder: Path, stop: threading.Event) -> None:
    try:
        with gzip.open(tarball) as unpacked:
            stream = _Bounded(cast("IO[bytes]", unpacked), tarball.name)
            stream.allowance = MOST_HEADER
            with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
                _extract(archive, stream, tarball.name, folder, stop)
    except tarfile.FilterError as error:
        raise UnsafeArchive(
            tarball.name, f"{error.tarinfo.name} is not a plain file inside its folder"
        ) from error
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise UnsafeArchive(tarball.name, "it is damaged") from error
    except OSError as error:
        if error.errno is not None and error.errno not in NOT_OUR_DISK:
            raise
        raise UnsafeArchive(tarball.name, "it is damaged") from error


def _extract(
    archive: tarfile.TarFile, stream: _Bounded, name: str, folder: Path, stop: threading.Event
) -> None:
    files, size = 0, 0
    for member in archive:
        if stop.is_set():
            raise Stopped
        files += 1
        size += member.size
        if files > MOST_FILES or size > MOST_BYTES or member.size < 0:
            raise UnsafeArchive(name, "it is larger than any Ghost")
        # What tarfile reads until the next member: this one's bytes, then headers.
        stream.allowance = member.size + MOST_HEADER
        # tarfile remembers every member it has seen; here nobody asks for one again.
        archive.members.clear()  # type: ignore[attr-defined]  # typeshed knows only getmembers()
        if len(member.name) > MOST_NAME:
            raise UnsafeArchive(name, "a name in it is longer than any of Ghost's")
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise UnsafeArchive(name, f"{member.name} would leave its folder")
        if not (member.isfile() or member.isdir()):
            raise UnsafeArchive(name, f"{member.name} is a link or a device, which npm never packs")
        if len(path.parts) < 2:
            continue
        member.name = str(PurePosixPath(*path.parts[1:]))
        archive.extract(member, folder, filter="data")


async def pack_zip(folder: Path, archive: Path) -> int:
    """`archive` holds every file below `folder`; equal folders give equal archives. Returns how many files.

    Names are sorted, times fixed, the executable bit kept. Of symbolic links only those to files inside
    are followed: Kudu's unzip would write others as text.
    """
    return await in_thread(lambda stop: _pack(folder, archive, stop))


def _pack(folder: Path, archive: Path, stop: threading.Event) -> int:
    count = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for path in files_below(folder):
            if stop.is_set():
                raise Stopped
            status = path.stat()
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), FIXED_TIME)
            executable = bool(status.st_mode & stat.S_IXUSR)
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            stored = path.suffix.lower() in STORED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.file_size = status.st_size
            with path.open("rb") as source, package.open(entry, "w") as target:
                while block := source.read(BLOCK):
                    target.write(block)
            count += 1
    return count


async def unpack_zip(archive: Path, folder: Path) -> int:
    """What `pack_zip` packed is in `folder`, the executable bits too. Returns how many files.

    UnsafeArchive for a name that would leave the folder, for what is no plain file, and beyond 1 GiB or 100,000 files.
    """
    return await in_thread(lambda stop: _unzip(archive, folder, stop))


def _unzip(archive: Path, folder: Path, stop: threading.Event) -> int:
    try:
        with zipfile.ZipFile(archive) as package:
            entries = package.infolist()
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise UnsafeArchive(archive.name, "it is larger than any Ghost")
            for entry in entries:
                if stop.is_set():
                    raise Stopped
                _unzip_one(package, entry, archive.name, folder)
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise UnsafeArchive(archive.name, "it is damaged") from error
    except OSError as error:
        if error.errno is not None and error.errno not in NOT_OUR_DISK:
            raise
        raise UnsafeArchive(archive.name, "it is damaged") from error
    return len(entries)


def _unzip_one(package: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, folder: Path) -> None:
    path, mode = PurePosixPath(entry.filename), entry.external_attr >> 16
    if path.is_absolute() or ".." in path.parts or not path.parts or len(entry.filename) > MOST_NAME:
        raise UnsafeArchive(name, "a name in it would leave its folder")
    if not stat.S_ISREG(mode):
        raise UnsafeArchive(name, f"{entry.filename} is no plain file")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    # zipfile gives no more bytes than the entry says, whatever is compressed in there.
    with package.open(entry) as source, target.open("xb") as unpacked:
        while block := source.read(BLOCK):
            unpacked.write(block)
    target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def files_below(folder: Path) -> Iterator[Path]:
    """Every file of a package in a fixed order; the command links in node_modules/.bin are not part of it."""
    inside = folder.resolve()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".bin" and not Path(place, name).is_symlink())
        for name in sorted(files):
            path = Path(place, name)
            if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(inside)):
                continue
            yield path


def part_of_zip(archive: Path, folder: str, to: Path) -> int:
    """A zip of what is below one folder (with a slash at its end) of another zip; says how many files."""
    files = 0
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as part:
        for entry in whole.infolist():
            if entry.filename.startswith(folder) and not entry.is_dir():
                with whole.open(entry) as source, part.open(entry.filename[len(folder) :], "w") as target:
                    shutil.copyfileobj(source, target, BLOCK)
                files += 1
    return files
