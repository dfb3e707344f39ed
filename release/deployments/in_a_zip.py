"""Single files of a zip that lies on a slot: of a package of 100 MB a few ranges are fetched, and no more."""

import struct
import tempfile
import zipfile
import zlib
from collections.abc import Awaitable, Callable

ReadRange = Callable[[int, int], Awaitable[bytes]]
_END = struct.Struct("<4s4H2LH")  # the end of central directory record
_LOCAL_HEADER = 30
_LONGEST_COMMENT = 65_535


class NoSuchZip(Exception):
    """It is no zip, or one of a kind that is not read in parts."""


class RemoteZip:
    """A zip of `size` bytes that `read_range(start, length)` reads from."""

    def __init__(self, size: int, read_range: ReadRange) -> None:
        self._size = size
        self._read_range = read_range
        self._entries: dict[str, zipfile.ZipInfo] | None = None

    async def read(self, name: str) -> bytes | None:
        """A small file's bytes, or None when the zip has none of that name. Raises NoSuchZip."""
        if self._entries is None:
            self._entries = await self._directory()
        entry = self._entries.get(name)
        if entry is None:
            return None
        header = await self._fetch(entry.header_offset, _LOCAL_HEADER)
        names = sum(struct.unpack("<2H", header[26:30]))
        packed = await self._fetch(entry.header_offset + _LOCAL_HEADER + names, entry.compress_size)
        return _unpacked(entry, packed)

    async def _directory(self) -> dict[str, zipfile.ZipInfo]:
        length = min(self._size, _END.size + _LONGEST_COMMENT)
        tail = await self._fetch(self._size - length, length)
        found = tail.rfind(b"PK\x05\x06")
        if found < 0 or len(tail) - found < _END.size:
            raise NoSuchZip("it has no end of a zip")
        size, offset = _END.unpack_from(tail, found)[5:7]
        if offset + size > self._size:
            raise NoSuchZip("its directory is not where it says")
        directory = await self._fetch(offset, size)
        # A file with holes: zipfile reads its directory and nothing else.
        with tempfile.TemporaryFile() as sparse:
            for start, part in ((offset, directory), (self._size - length, tail)):
                sparse.seek(start)
                sparse.write(part)
            try:
                with zipfile.ZipFile(sparse) as archive:
                    return {entry.filename: entry for entry in archive.infolist()}
            except (zipfile.BadZipFile, NotImplementedError) as error:
                raise NoSuchZip(str(error)) from error

    async def _fetch(self, start: int, length: int) -> bytes:
        if not length:
            return b""
        part = await self._read_range(start, length)
        if len(part) != length:
            raise NoSuchZip(f"{len(part)} of {length} bytes at {start}")
        return part


def _unpacked(entry: zipfile.ZipInfo, packed: bytes) -> bytes:
    try:
        content = (
            packed if entry.compress_type == zipfile.ZIP_STORED else zlib.decompress(packed, -zlib.MAX_WBITS)
        )
    except zlib.error as error:
        raise NoSuchZip(str(error)) from error
    if zlib.crc32(content) != entry.CRC:
        raise NoSuchZip(f"{entry.filename} is damaged")
    return content
