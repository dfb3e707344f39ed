"""The cache folder: things made once, whole or not at all, whoever is killed while making them.

A thing counts as there only when the mark beside it is there, and the mark is written last. Makers
work in a folder of their own below `work/` and take turns through a file lock, so two at once do
no harm, and what a killed one leaves behind is swept by the next.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import platform
import secrets
import shutil
import stat
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from release.ghost.process import log_name

# One log a command; older ones are of no use to anybody.
LOGS_KEPT_SECONDS = 14 * 24 * 3600
# A Ghost takes 450 MB here. The last few stay, and whatever a release that still waits may need.
THINGS_KEPT = 4
THINGS_KEPT_SECONDS = 7 * 24 * 3600

Mark = dict[str, str | int | float]
Fill = Callable[[Path], Awaitable[Mark]]


def default_cache_folder() -> Path:
    """`ghostbot` in the user's cache folder, as the XDG Base Directory Specification names it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ghostbot"


def host_platform() -> str:
    """What native code built here runs on: system, processor and C library, for example linux-x64-glibc."""
    processor = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    if sys.platform != "linux":
        return f"{sys.platform}-{processor}"
    return f"linux-{processor}-{'glibc' if platform.libc_ver()[0] == 'glibc' else 'musl'}"


@dataclass(frozen=True)
class Kept:
    """A thing of the cache: where it is, what it was when it was made, and whether it was there already."""

    path: Path
    mark: Mark
    from_cache: bool


class Cache:
    """A folder of finished things, `<kind>/<name>` each with its mark `<kind>/<name>.json`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log(self, title: str) -> Path:
        """Where the next run of a program with this title writes its log."""
        return self.folder / "logs" / log_name(title)

    def place(self, *parts: str) -> Path:
        """A folder of the cache, made if need be, for programs that keep caches of their own."""
        folder = self.folder.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def folder_of(
        self, kind: str, name: str, fill: Fill, waits: Callable[[], None] = lambda: None
    ) -> Kept:
        """The folder `kind/name`, filled by `fill` if it is not there whole yet; what it returns is kept as its mark.

        `waits` is called when somebody else makes it at this moment.

        A folder from which files have gone or changed their size since is thrown away and made again.
        """
        final = self.folder / kind / name
        async with self.turn(f"{kind}-{name}", waits):
            mark = await asyncio.to_thread(_sound_folder, final)
            if mark is not None:
                return Kept(final, mark, from_cache=True)
            await asyncio.to_thread(_discard, final)
            async with self.workplace(f"{kind}-{name}") as work:
                started = time.monotonic()
                mark = {**await fill(work), "seconds": round(time.monotonic() - started, 1)}
                await asyncio.to_thread(_keep_folder, work, final, mark)
            return Kept(final, mark, from_cache=False)

    async def file_of(self, kind: str, name: str, fill: Fill) -> Kept:
        """The file `kind/name`, written by `fill` if it is not there whole yet; its digest is checked each time.

        The mark has "digest" (sha256) and "size" in bytes.
        """
        final = self.folder / kind / name
        async with self.turn(f"{kind}-{name}"):
            mark = await asyncio.to_thread(_sound_file, final)
            if mark is not None:
                return Kept(final, mark, from_cache=True)
            await asyncio.to_thread(_discard, final)
            async with self.workplace(f"{kind}-{name}") as work:
                started = time.monotonic()
                mark = {**await fill(work / name), "seconds": round(time.monotonic() - started, 1)}
                mark = await asyncio.to_thread(_keep_file, work / name, final, mark)
            return Kept(final, mark, from_cache=False)

    async def forget(self, kind: str, name: str) -> None:
        """The thing is no longer in the cache."""
        async with self.turn(f"{kind}-{name}"):
            await asyncio.to_thread(_discard, self.folder / kind / name)

    @asynccontextmanager
    async def workplace(self, name: str) -> AsyncIterator[Path]:
        """An empty folder of one's own, gone afterwards. What killed predecessors left is swept first.

        Whoever works in one holds its lock, and the system frees that of a killed one: so a folder of the same name
        that somebody else is working in is left alone. The lock is a file of its own: folders on NFS have none.
        """
        work = self.place("work")
        for stale in work.glob(f"{name}~*"):
            with _locked(self.place("locks") / stale.name) as lock:
                if lock:
                    await asyncio.to_thread(shutil.rmtree, stale, ignore_errors=True)
        own = work / f"{name}~{secrets.token_hex(4)}"
        with _locked(self.place("locks") / own.name):
            own.mkdir()
            try:
                yield own
            finally:
                # In a thread of its own and shielded: a cancelled build must not leave its half behind.
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, own, ignore_errors=True))

    @asynccontextmanager
    async def turn(self, name: str, waits: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
        """Alone with the thing called `name`, also among other processes; the system frees it if we are killed."""
        path = self.place("locks") / name
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        told = False
        try:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not told:
                        waits()
                        told = True
                    await asyncio.sleep(0.1)
            yield
        finally:
            os.close(file)

    async def sweep(self, kind: str) -> None:
        """Of one kind the four last used are left, and whatever was used within a week."""

        def unused() -> list[str]:
            used = {mark: last_changed(mark) for mark in (self.folder / kind).glob("*.json")}
            by_age = sorted(used, key=lambda mark: used[mark], reverse=True)
            oldest = time.time() - THINGS_KEPT_SECONDS
            return [mark.name.removesuffix(".json") for mark in by_age[THINGS_KEPT:] if used[mark] < oldest]

        for name in await asyncio.to_thread(unused):
            await self.forget(kind, name)

    async def sweep_logs(self) -> None:
        """Logs older than two weeks are gone."""

        def sweep() -> None:
            oldest = time.time() - LOGS_KEPT_SECONDS
            for log in self.place("logs").iterdir():
                if last_changed(log) < oldest:
                    log.unlink(missing_ok=True)

        await asyncio.to_thread(sweep)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Whether this lock could be had, which is held then, and gone afterwards."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def last_changed(path: Path) -> float:
    """Seconds since the epoch; now for what somebody else has just removed."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def file_digest(path: Path) -> str:
    """sha256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """sha256 over the names, kinds and sizes of everything below a folder: quick, and it sees what a crash does."""
    digest = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders.sort()
        inside = os.path.relpath(place, folder)
        for name in sorted(files):
            status = os.lstat(f"{place}/{name}")
            size = status.st_size if stat.S_ISREG(status.st_mode) else -1
            digest.update(f"{inside}/{name}\0{size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _mark_of(final: Path) -> Path:
    return final.with_name(final.name + ".json")


def _read_mark(final: Path) -> Mark | None:
    try:
        mark = json.loads(_mark_of(final).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return cast("Mark", mark) if isinstance(mark, dict) else None


def _sound_folder(final: Path) -> Mark | None:
    mark = _read_mark(final)
    if mark is None or not final.is_dir() or mark.get("content") != folder_digest(final):
        return None
    _mark_of(final).touch()
    return mark


def _sound_file(final: Path) -> Mark | None:
    mark = _read_mark(final)
    if mark is None or not final.is_file() or mark.get("size") != final.stat().st_size:
        return None
    if mark.get("digest") != file_digest(final):
        return None
    _mark_of(final).touch()
    return mark


def _discard(final: Path) -> None:
    _mark_of(final).unlink(missing_ok=True)
    if final.is_dir() and not final.is_symlink():
        shutil.rmtree(final)
    else:
        final.unlink(missing_ok=True)


def _keep_folder(work: Path, final: Path, mark: Mark) -> None:
    mark["content"] = folder_digest(work)
    final.parent.mkdir(parents=True, exist_ok=True)
    work.rename(final)
    _write_mark(final, mark)


def _keep_file(made: Path, final: Path, mark: Mark) -> Mark:
    mark = {**mark, "digest": file_digest(made), "size": made.stat().st_size}
    final.parent.mkdir(parents=True, exist_ok=True)
    made.rename(final)
    _write_mark(final, mark)
    return mark


def _write_mark(final: Path, mark: Mark) -> None:
    written = final.with_name(f"{final.name}.json.{secrets.token_hex(4)}")
    written.write_text(json.dumps(mark))
    written.rename(_mark_of(final))
