"""Azurite, Microsoft's own stand-in for Azure Storage, from npm: its blob service as a process of its own."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from azure.storage.blob.aio import ContainerClient

from demo.world import die_with_parent, end_group
from release.ghost.cache import Cache, Mark, default_cache_folder
from release.ghost.npm import Npm, registry_of_user, user_environment
from release.ghost.running import free_port

VERSION = "3.37.0"
# The one account that every Azurite has, with the key that its documentation prints.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS = 60
CONTAINER = "ghostbot"


class Azurite:
    """A blob service with one container. `stop` and `start` again: what it was given is still there.

    With `tls`, a folder with server.pem and server.key, it speaks https and takes Entra's tokens too.
    """

    def __init__(self, node: Path, program: Path, folder: Path, tls: Path | None = None) -> None:
        self._words = [str(node), str(program)]
        if tls is not None:
            self._words += ["--oauth", "basic", "--cert", str(tls / "server.pem")]
            self._words += ["--key", str(tls / "server.key")]
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}/{ACCOUNT}"
        self.connection_string = f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.url};"
        self._trusted: str | bool = True if tls is None else str(tls / "ca.pem")

    async def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "azurite.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._words,
                *("--blobPort", str(self.port), "--location", str(self._folder / "blobs")),
                *("--silent", "--disableTelemetry", "--skipApiVersionCheck"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + START_SECONDS
        while not await self._listens():
            assert self._process.returncode is None, (self._folder / "azurite.log").read_text()
            assert time.monotonic() < deadline, "Azurite did not start"
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        if self._process is not None:
            await end_group(self._process, signal.SIGTERM)
            self._process = None

    def container(self, name: str = CONTAINER) -> ContainerClient:
        """The container as anybody else sees it."""
        return ContainerClient.from_connection_string(
            self.connection_string, name, connection_verify=self._trusted
        )

    async def names(self) -> list[str]:
        async with self.container() as client:
            return [str(blob.name) async for blob in client.list_blobs()]

    async def damage(self, name: str) -> None:
        """One byte of a blob is another one, and nothing else tells it."""
        async with self.container() as client:
            blob = client.get_blob_client(name)
            content = bytearray(await (await blob.download_blob()).readall())
            content[-1] ^= 1
            metadata = (await blob.get_blob_properties()).metadata
            await blob.upload_blob(bytes(content), overwrite=True, metadata=metadata)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True


@asynccontextmanager
async def an_azurite(folder: Path, tls: Path | None = None) -> AsyncIterator[Azurite]:
    """A running Azurite with an empty container, stopped at the end; npm's package is fetched once."""
    npm = Npm(Cache(default_cache_folder()), await registry_of_user(user_environment()))

    async def fill(place: Path) -> Mark:
        await npm.install(f"azurite@{VERSION}", place)
        return {}

    kept = await npm.cache.folder_of("tools", f"azurite-{VERSION}", fill)
    program = kept.path / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    azurite = Azurite(npm.carried.node, program, folder, tls)
    try:
        await azurite.start()
        async with azurite.container() as client:
            await client.create_container()
        yield azurite
    finally:
        await azurite.stop()
