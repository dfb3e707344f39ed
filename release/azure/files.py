"""Files of a slot, through its SCM site's virtual file system: listed, read, written, streamed."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from release.azure.errors import BotDiskTrouble, FileMissing, ScmUnreachable, TransferBroken
from release.azure.scm import CHUNK, PASSING, CallFailed, Scm, chunks
from release.side_by_side import all_of
from release.trouble import in_words

# App Service's front end gives up after 230 s.
ZIP_SECONDS = 230


@dataclass(frozen=True, slots=True)  # a blog has tens of thousands of files
class Entry:
    """A file or folder; `path` is relative to the listed folder, `size` in bytes, `mtime` as Kudu writes it."""

    path: str
    size: int
    mtime: str
    is_folder: bool


class Files(Scm):
    """Paths are below /home, without a slash at the start."""

    async def list(self, folder: str) -> tuple[Entry, ...]:
        """What a folder holds, itself only; nothing when it is missing."""
        async with self._listings:
            return await self._read(
                self._vfs(folder.rstrip("/") + "/"), lambda response: self._entries(folder, response)
            )

    def _entries(self, folder: str, response: httpx.Response) -> tuple[Entry, ...]:
        what = f"listing {folder}"
        if response.status_code == 404:
            return ()
        self._expect(response, what, 200)
        try:
            entries = tuple(
                Entry(str(row["name"]), int(row["size"]), str(row["mtime"]), row["mime"] == "inode/directory")
                for row in self._json(response, what)
            )
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise self._unreadable(what) from error
        # A name becomes part of a path on the other slot.
        if any(not _is_name(entry.path) for entry in entries):
            raise self._unreadable(what)
        return entries

    async def walk(self, folder: str) -> tuple[Entry, ...]:
        """All files below `folder`, sorted by path: one request a folder, a few side by side."""
        found: list[Entry] = []
        waiting = [""]
        while waiting:
            levels = await all_of(self.list(f"{folder}/{below}".rstrip("/")) for below in waiting)
            deeper: list[str] = []
            for below, entries in zip(waiting, levels, strict=True):
                for entry in entries:
                    path = f"{below}/{entry.path}".lstrip("/")
                    if entry.is_folder:
                        deeper.append(path)
                    else:
                        found.append(Entry(path, entry.size, entry.mtime, is_folder=False))
            waiting = deeper
        return tuple(sorted(found, key=lambda entry: entry.path))

    async def stat(self, path: str) -> Entry | None:
        """One file's entry, or None."""
        folder, _, name = path.rpartition("/")
        return next((entry for entry in await self.list(folder) if entry.path == name), None)

    async def read(self, path: str) -> bytes | None:
        """A small file's bytes, or None when it is missing."""

        def content(response: httpx.Response) -> bytes | None:
            if response.status_code == 404:
                return None
            return self._from_kudu(self._expect(response, f"reading {path}", 200), path).content

        return await self._read(self._vfs(path), content)

    async def read_range(self, path: str, start: int, length: int) -> bytes:
        """So many bytes of a file from `start`, fewer where it ends before. Raises FileMissing."""

        def part(response: httpx.Response) -> bytes:
            if response.status_code == 404:
                raise FileMissing(self.name, path)
            if response.status_code == 416:
                return b""
            answer = self._from_kudu(self._expect(response, f"reading {path}", 200, 206), path)
            whole = answer.status_code == 200
            return answer.content[start : start + length] if whole else answer.content

        headers = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        return await self._read(self._vfs(path), part, headers)

    async def unpack(self, folder: str, archive: Path) -> None:
        """The files of a zip are below a folder, over what is there; nothing else there is touched."""
        headers = {"Content-Length": str(archive.stat().st_size), "Content-Type": "application/zip"}
        content: Callable[[], AsyncIterator[bytes]] = lambda: chunks(archive)  # noqa: E731 - one stream a try
        url = f"{self._url}/api/zip/{quote(folder)}/"
        response = await self._repeatable("PUT", url, content=content, headers=headers)
        self._expect(response, f"unpacking to {folder}", 200, 201, 204)

    def _from_kudu(self, response: httpx.Response, path: str) -> httpx.Response:
        """Kudu's own answers bear an ETag; a page of the front end says 200 too, and is no file."""
        if "ETag" not in response.headers:
            raise ScmUnreachable(self.name, f"something else than Kudu answered for {path}")
        return response

    async def write(self, path: str, content: bytes) -> None:
        """A small file, new or over an old one."""
        response = await self._repeatable("PUT", self._vfs(path), content=content, headers={"If-Match": "*"})
        self._expect(response, f"writing {path}", 200, 201, 204)

    async def delete(self, path: str) -> None:
        """A file is gone afterwards, whether it was there or not."""
        response = await self._repeatable("DELETE", self._vfs(path), headers={"If-Match": "*"})
        self._expect(response, f"deleting {path}", 200, 204, 404)

    @asynccontextmanager
    async def reading(self, path: str) -> AsyncIterator[httpx.Response]:
        """A file as a stream of exactly its bytes. Raises FileMissing; ScmUnreachable and TransferBroken may pass."""
        # Compressed on the way, its length would be another than the one that is told.
        headers = await self._headers({"Accept-Encoding": "identity"})
        try:
            async with self._http.stream("GET", self._vfs(path), headers=headers) as response:
                if response.status_code == 404:
                    raise FileMissing(self.name, path)
                if response.status_code != 200:
                    if await self._another_way_in(response):
                        raise ScmUnreachable(self.name, f"the token ran out reading {path}")
                    self._refused(response, "GET")
                    raise ScmUnreachable(self.name, f"HTTP {response.status_code} reading {path}")
                yield self._from_kudu(response, path)
        except CallFailed as error:
            raise TransferBroken(f"{path} from {self.name}", in_words(error)) from error

    async def download(self, path: str, to: Path) -> str:
        """Copy a file to the bot's disk, for its owner only; returns its sha256.

        A short or broken one never takes its place; it is fetched again until patience ends.
        """
        deadline = time.monotonic() + self._patience
        part = to.with_name(to.name + ".part")
        try:
            while True:
                try:
                    digest = await self._fetch(path, part)
                    break
                except (ScmUnreachable, TransferBroken):
                    if time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(1)
            part.replace(to)
        except OSError as error:
            raise BotDiskTrouble(f"{path} from {self.name}", error.strerror or "no reason given") from error
        finally:
            part.unlink(missing_ok=True)
        return digest

    async def _fetch(self, path: str, part: Path) -> str:
        digest = hashlib.sha256()
        size = 0
        async with self.reading(path) as response:
            with os.fdopen(_for_its_owner(part), "wb") as file:
                async for chunk in response.aiter_bytes(CHUNK):
                    await asyncio.to_thread(file.write, chunk)
                    digest.update(chunk)
                    size += len(chunk)
            expected = _length(response)
        if expected is not None and expected != size:
            raise TransferBroken(f"{path} from {self.name}", f"{size} of {expected} bytes")
        return digest.hexdigest()

    async def upload(self, path: str, source: Path) -> None:
        """Copy a file from the bot's disk, over whatever is there."""
        headers = {"If-Match": "*", "Content-Length": str(source.stat().st_size)}
        content: Callable[[], AsyncIterator[bytes]] = lambda: chunks(source)  # noqa: E731 - one stream a try
        response = await self._repeatable("PUT", self._vfs(path), content=content, headers=headers)
        self._expect(response, f"writing {path}", 200, 201, 204)

    async def copy_to(self, other: "Files", path: str) -> bool:
        """Stream one file to the same path of another slot; nothing of it touches the bot's disk.

        False where there is no such file: it has gone since it was listed, or its name cannot be asked for.
        """
        deadline = time.monotonic() + self._patience
        while True:
            try:
                async with (
                    self._copies
                ):  # not while it waits: one slot that is away must not hold up the others
                    await self._stream_to(other, path)
                return True
            except FileMissing:
                return False
            except (ScmUnreachable, TransferBroken):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)

    async def copy_folder_to(self, other: "Files", folder: str) -> bool:
        """Stream a folder, as one zip, over the same folder of another slot; nothing of it touches the bot's disk.

        False where that did not work, twice: then its files have to be copied one by one. What is in it afterwards is
        for the caller to look at: names that a zip cannot hold are missing, and files that came meanwhile are there.
        """
        for _ in range(2):
            try:
                async with self._copies:
                    return await self._stream_folder_to(other, folder)
            except (ScmUnreachable, TransferBroken):
                await asyncio.sleep(1)
        return False

    async def _stream_folder_to(self, other: "Files", folder: str) -> bool:
        where = f"{folder} to {other.name}"
        path = f"api/zip/{quote(folder, errors='surrogateescape')}/"
        try:
            headers = await self._headers()
            async with self._http.stream("GET", f"{self._url}/{path}", headers=headers) as response:
                if response.status_code != 200 or "zip" not in response.headers.get("Content-Type", ""):
                    raise TransferBroken(where, f"HTTP {response.status_code} reading it")
                answer = await other._http.put(
                    f"{other._url}/{path}",
                    content=response.aiter_raw(CHUNK),
                    headers=await other._headers({"Content-Type": "application/zip"}),
                    timeout=httpx.Timeout(30, read=ZIP_SECONDS, write=ZIP_SECONDS),
                )
        except CallFailed as error:
            raise TransferBroken(where, in_words(error)) from error
        if answer.status_code not in (401, 403):  # those are for the single files to tell, or to cure
            other._refused(answer, "PUT")
        return answer.status_code in (200, 201, 204)

    async def _stream_to(self, other: "Files", path: str) -> None:
        where = f"{path} to {other.name}"
        async with self.reading(path) as response:
            headers = {"If-Match": "*"}
            if (length := _length(response)) is not None:
                headers["Content-Length"] = str(length)
            headers = await other._headers(headers)
            try:
                answer = await other._http.put(
                    other._vfs(path), content=response.aiter_bytes(CHUNK), headers=headers
                )
            except CallFailed as error:
                raise TransferBroken(where, in_words(error)) from error
        if await other._another_way_in(answer):
            raise TransferBroken(where, "the token ran out on the way")
        other._refused(answer, "PUT")
        if answer.status_code in PASSING or answer.status_code == 409:
            raise TransferBroken(where, f"HTTP {answer.status_code}")
        other._expect(answer, f"writing {path}", 200, 201, 204)


def _length(response: httpx.Response) -> int | None:
    """The bytes the stream will hold, if that is told."""
    told = response.headers.get("Content-Length", "")
    return int(told) if told.isdigit() and "Content-Encoding" not in response.headers else None


def _is_name(name: str) -> bool:
    """Whether this can be one segment of a path, and of an address."""
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "/" not in name and name not in ("", ".", "..")


def _for_its_owner(path: Path) -> int:
    """A new file. A database names people: nobody else on the machine reads it, not even while it arrives."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
