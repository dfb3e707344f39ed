"""Files in a container of Azure Blob Storage: put whole or not at all, streamed, digests on both ways.

Every call may be sent again: a name is only ever given to one content. A blob that was being written when
the bot died is not there at all, since Azure shows a blob only once its list of blocks is committed.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

from release.azure.errors import (
    BotDiskTrouble,
    BotDiskUnreadable,
    StorageMissing,
    StorageRefused,
    StorageUnavailable,
)
from release.ghost.cache import file_digest

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

# Bytes in memory for one transfer: a few of these. Azure takes 50,000 blocks, so up to 200 GB a file.
BLOCK = 4 << 20
_CONNECTION_SECONDS, _READ_SECONDS = 15, 60
# Pauses of 2, 3 and 5 seconds, instead of the SDK's 18, 24 and 42.
_RETRIES, _FIRST_PAUSE, _PAUSE_BASE = 3, 1, 2
_DIGEST = "sha256"
# Azure's own words (Blob service error codes).
_INVALID_BLOCK_LIST = "InvalidBlockList"
_BLOB_NOT_FOUND = "BlobNotFound"


class NotStored(Exception):
    """The container has no blob of this name. For the stores above, which know what that means."""


@dataclass(frozen=True)
class Stored:
    """A blob: `size` in bytes, `digest` as it was told at its upload, `at` when that was."""

    name: str
    size: int
    digest: str
    at: datetime


def container_of(
    container: str,
    account_url: str | None,
    connection_string: str | None,
    credential: AsyncTokenCredential,
) -> "ContainerClient":
    """A client for one container. A connection string carries its own key; else `credential` says who the bot is."""
    # Only where there is storage: it takes 5 MB, and a start that is a tenth of a second longer.
    from azure.storage.blob.aio import ContainerClient, ExponentialRetry  # noqa: PLC0415

    limits: dict[str, Any] = {  # Any: the SDK's keywords
        "max_single_put_size": BLOCK,
        "max_block_size": BLOCK,
        "max_single_get_size": BLOCK,
        "max_chunk_get_size": BLOCK,
        "connection_timeout": _CONNECTION_SECONDS,
        "read_timeout": _READ_SECONDS,
    }
    retries = ExponentialRetry(_FIRST_PAUSE, _PAUSE_BASE, _RETRIES)
    if connection_string is not None:
        return ContainerClient.from_connection_string(
            connection_string, container, retry_policy=retries, **limits
        )
    return ContainerClient(account_url or "", container, credential, retry_policy=retries, **limits)


class Blobs:
    """One container. Names have slashes, as paths do."""

    def __init__(self, client: "ContainerClient") -> None:
        self._client = client

    @property
    def name(self) -> str:
        """The container for people: `backups in ouraccount`."""
        return f"{self._client.container_name} in {self._client.account_name}"

    async def put(self, name: str, file: Path, digest: str) -> None:
        """The file is stored under this name, once; `digest` is its sha256. Put already, nothing is sent."""
        if await self._holds(name, digest):
            return
        try:
            with await asyncio.to_thread(file.open, "rb") as source:
                await self._upload(name, source, digest)
        except OSError as error:
            raise BotDiskUnreadable(file.name, error.strerror or type(error).__name__) from error

    async def _upload(self, name: str, source: IO[bytes], digest: str) -> None:
        async with self._speaking_of(f"storing {name}"):
            try:
                await self._client.upload_blob(
                    name,
                    cast("IO[bytes]", _Source(source)),
                    length=await asyncio.to_thread(lambda: os.fstat(source.fileno()).st_size),
                    overwrite=True,
                    metadata={_DIGEST: digest},
                    # Each block carries its MD5, which Azure checks: the way there is checked as well.
                    validate_content=True,
                )
            except HttpResponseError as error:
                # Of two who store the same content at once, one's blocks are gone when the other commits.
                if getattr(error, "error_code", None) != _INVALID_BLOCK_LIST:
                    raise
                if not await self._holds(name, digest):
                    raise

    async def fetch(self, name: str, file: Path) -> str:
        """The blob's content is in `file`, readable for the bot only; returns its sha256. Raises NotStored."""
        digest = hashlib.sha256()
        async with self._speaking_of(f"reading {name}"):
            stream = await self._client.download_blob(name)
            with await asyncio.to_thread(_open_own, file) as target:
                async for block in stream.chunks():
                    digest.update(block)
                    await asyncio.to_thread(_write, target, block)
        return digest.hexdigest()

    async def size(self, name: str) -> int:
        """Its bytes. Raises NotStored."""
        async with self._speaking_of(f"looking at {name}"):
            return int((await self._client.get_blob_client(name).get_blob_properties()).size)

    async def stored(self, prefix: str) -> tuple[Stored, ...]:
        """Every whole blob whose name begins with `prefix`."""
        async with self._speaking_of(f"listing {prefix}"):
            return tuple(
                [
                    Stored(
                        str(blob.name),
                        int(blob.size),
                        str((blob.metadata or {}).get(_DIGEST, "")),
                        blob.last_modified,
                    )
                    async for blob in self._client.list_blobs(name_starts_with=prefix, include=["metadata"])
                ]
            )

    async def remove(self, name: str) -> None:
        """The blob is gone; gone already is as well."""
        try:
            async with self._speaking_of(f"removing {name}"):
                await self._client.delete_blob(name, delete_snapshots="include")
        except NotStored:
            return

    async def try_out(self, folder: Path) -> str:
        """Store, read and remove a few bytes; returns the container's name. For `ghostbot check`."""
        name, file = f"check/{secrets.token_hex(8)}", folder / "check"
        file.write_text("A sign of life.\n")
        digest = file_digest(file)
        await self.put(name, file, digest)
        try:
            if await self.fetch(name, file) != digest:
                raise StorageUnavailable(self.name, f"reading {name}", "it is not what was stored")
        except NotStored as error:
            raise StorageUnavailable(self.name, f"reading {name}", "what was just stored is gone") from error
        finally:
            await self.remove(name)
        return self.name

    async def _holds(self, name: str, digest: str) -> bool:
        try:
            async with self._speaking_of(f"looking at {name}"):
                found = await self._client.get_blob_client(name).get_blob_properties()
        except NotStored:
            return False
        return (found.metadata or {}).get(_DIGEST) == digest

    @asynccontextmanager
    async def _speaking_of(self, what: str) -> AsyncIterator[None]:
        """Turns the SDK's errors inside the block into ours."""
        try:
            yield
        except ResourceNotFoundError as error:
            if getattr(error, "error_code", None) == _BLOB_NOT_FOUND:
                raise NotStored from error
            raise StorageMissing(self.name, _told(error)) from error
        except ClientAuthenticationError as error:
            raise StorageRefused(self.name, what, "the bot's credentials are missing or wrong") from error
        except HttpResponseError as error:
            if error.status_code in (401, 403):
                raise StorageRefused(self.name, what, _told(error)) from error
            raise StorageUnavailable(self.name, what, _told(error)) from error
        except AzureError as error:
            raise StorageUnavailable(self.name, what, type(error).__name__) from error
        except ValueError as error:
            # What the SDK makes of an answer that is no XML, or a key that is no base64.
            raise StorageUnavailable(self.name, what, "its answer cannot be read") from error


def _told(error: HttpResponseError) -> str:
    """Azure's own word for what was wrong, never the body, which quotes the request."""
    return f"{getattr(error, 'error_code', None) or error.reason or 'no reason given'} (HTTP {error.status_code})"


class _Source:
    """A file that is read in a thread, for the SDK."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    async def read(self, size: int = -1) -> bytes:
        return await asyncio.to_thread(self._file.read, size)


def _open_own(file: Path) -> IO[bytes]:
    file.touch(mode=0o600)
    return file.open("wb")


def _write(target: IO[bytes], block: bytes) -> None:
    try:
        target.write(block)
    except OSError as error:
        raise BotDiskTrouble(target.name, error.strerror or type(error).__name__) from error
