"""Zip archives as Kudu handles them: streamed out, and unpacked without ever leaving the target folder."""

import asyncio
import os
import shutil
import stat
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

_CHUNK = 1 << 18
# Compressing these again takes time and saves nothing.
_COMPRESSED = frozenset(
    (
        *(".7z", ".avif", ".br", ".gif", ".gz", ".jpeg", ".jpg", ".mov", ".mp3", ".mp4", ".ogg", ".pdf"),
        *(".png", ".tgz", ".webm", ".webp", ".woff", ".woff2", ".xz", ".zip"),
    )
)


class BadArchive(Exception):
    """The archive cannot be read, or wants to write outside its folder."""


class Interrupted(Exception):
    """Somebody stopped the unpacking; what was written until then stays."""


def member_names(archive: Path) -> list[str]:
    """The files of an archive, as safe relative paths; raises BadArchive."""
    try:
        with zipfile.ZipFile(archive) as package:
            return [_safe(entry.filename) for entry in package.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise BadArchive(str(error)) from error


def extract(archive: Path, target: Path, stopped: Callable[[], bool] = lambda: False) -> list[str]:
    """Unpack over what is there and return the files' names; raises BadArchive before it writes anything unsafe.

    As on App Service for Linux, whose /home is an SMB share: symbolic links become small text files
    that hold the link's target, and everything may be executed.
    """
    names = member_names(archive)
    made: set[str] = set()
    try:
        with zipfile.ZipFile(archive) as package:
            for entry in package.infolist():
                if stopped():
                    raise Interrupted
                name = _safe(entry.filename)
                place = target / name
                folder = str(place if entry.is_dir() else place.parent)
                if folder not in made:
                    _make_folder(Path(folder), target)
                    made.add(folder)
                if not entry.is_dir():
                    with package.open(entry) as source:
                        _write(place, source, entry.file_size)
    except (zipfile.BadZipFile, OSError, RuntimeError, EOFError) as error:
        raise BadArchive(str(error)) from error
    return names


def _write(place: Path, source: IO[bytes], size: int) -> None:
    # A fresh file, never the old one's inode: it may be hard-linked to a cache or open in the running app.
    try:
        place.unlink()
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(place)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755)
    with os.fdopen(handle, "wb", buffering=0) as file:
        if size <= _CHUNK:
            file.write(source.read())  # most of the 40,000 files of a Node app: one read, one write
        else:
            shutil.copyfileobj(source, file, _CHUNK)


def _make_folder(folder: Path, root: Path) -> None:
    for place in [*reversed([one for one in folder.parents if root in one.parents]), folder]:
        # A file or a link in the way would lead elsewhere.
        if place != root and (place.is_symlink() or place.is_file()):
            place.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def _safe(name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or (path.parts and ":" in path.parts[0]):
        raise BadArchive(
            f"Extracting Zip entry would have resulted in a file outside the specified destination: {name}"
        )
    return str(path)


def remove_files(root: Path, names: set[str]) -> None:
    """Remove these files and the folders that are empty afterwards (KuduSync with a manifest does this)."""
    for name in sorted(names, reverse=True):
        place = root / name
        place.unlink(missing_ok=True)
        for parent in place.parents:
            if parent == root or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()


def empty(folder: Path) -> None:
    """Remove everything inside a folder."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


async def stream_zip(folder: Path) -> AsyncIterator[bytes]:
    """The zip of a folder's content (no top folder), made while it is sent: a 10 GB folder needs no 10 GB."""
    chunks: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
    room = threading.Semaphore(16)
    gone = threading.Event()
    loop = asyncio.get_running_loop()

    def hand_over(chunk: bytes | BaseException | None) -> None:
        room.acquire()
        if gone.is_set():
            raise Interrupted
        loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    def produce() -> None:
        try:
            _write_zip(folder, hand_over)
            hand_over(None)
        except Interrupted:
            return
        except OSError as error:
            hand_over(error)

    producer = loop.run_in_executor(None, produce)
    try:
        while (chunk := await chunks.get()) is not None:
            if isinstance(chunk, BaseException):
                raise chunk
            room.release()
            yield chunk
    finally:
        gone.set()
        room.release(32)
        await producer


class _Outlet:
    """A file object that zipfile can write to and that gathers small writes into chunks."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._buffer = bytearray()

    def write(self, piece: bytes) -> int:
        self._buffer += piece
        if len(self._buffer) >= _CHUNK:
            self.flush()
        return len(piece)

    def flush(self) -> None:
        if self._buffer:
            self._send(bytes(self._buffer))
            self._buffer.clear()


def _write_zip(folder: Path, send: Callable[[bytes], None]) -> None:
    outlet = _Outlet(send)
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:  # type: ignore[call-overload] # any object with write() will do
        for path, name in _walk(folder):
            try:
                entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            except FileNotFoundError:
                continue  # it went away since the listing, as files of a running site do
            packed = path.suffix.lower() in _COMPRESSED
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            if entry.is_dir():
                package.writestr(entry, b"")
            else:
                with (
                    path.open("rb") as source,
                    package.open(entry, "w", force_zip64=entry.file_size > 1 << 31) as sink,
                ):
                    shutil.copyfileobj(source, sink, _CHUNK)
    outlet.flush()


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    for directory, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(directory, name)
            if stat.S_ISREG(path.stat().st_mode) if path.exists() else False:
                yield path, str(path.relative_to(folder))
        if not folders and not files and Path(directory) != folder:
            yield Path(directory), f"{Path(directory).relative_to(folder)}/"
