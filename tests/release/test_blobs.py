"""Backups in a container: whole or not there, checked on every read, kept and removed as in a folder."""

import asyncio
import os
import signal
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from azure.core.exceptions import ResourceNotFoundError
from azure.identity.aio import DefaultAzureCredential

from release.azure.blobs import BLOCK, Blobs, NotStored, container_of
from release.azure.errors import BotDiskUnreadable, StorageMissing, StorageRefused, StorageUnavailable
from release.backups import BackupDamaged
from release.backups_in_blobs import COPY_SECONDS, BackupsInBlobs
from release.chores import Chores
from release.ghost.cache import file_digest
from release.model import BackupTaken
from release.records import Records
from tests.azurite import CONTAINER, KEY, Azurite, an_azurite
from tests.bot.stand_ins import StandInSite

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.azurite]
MONTH = timedelta(days=30)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Azurite]:
    async with an_azurite(tmp_path_factory.mktemp("azurite")) as azurite:
        yield azurite


@pytest_asyncio.fixture(loop_scope="module")
async def azurite(running: Azurite) -> AsyncIterator[Azurite]:
    """An empty container."""
    yield running
    async with running.container() as client:
        for name in await running.names():
            await client.delete_blob(name)


@pytest_asyncio.fixture(loop_scope="module")
async def blobs(azurite: Azurite) -> AsyncIterator[Blobs]:
    async with (
        DefaultAzureCredential() as nobody,
        container_of(CONTAINER, None, azurite.connection_string, nobody) as client,
    ):
        yield Blobs(client)


@pytest.fixture
def store(tmp_path: Path, blobs: Blobs) -> BackupsInBlobs:
    return BackupsInBlobs(tmp_path / "backups", blobs)


async def taken(
    store: BackupsInBlobs, number: int, age: timedelta = timedelta(), content: bytes = b""
) -> BackupTaken:
    """A backup as it is right after the download: on the bot's disk only, with its list of files."""
    backup_id = f"b-20260301-120000-{number:04x}"
    path = store.place("blog", backup_id)
    path.write_bytes(content or f"backup {number}".encode())
    backup = BackupTaken(
        id=backup_id,
        site="blog",
        version="6.65.0",
        path=f"blog/{backup_id}.db",
        digest=file_digest(path),
        size=path.stat().st_size,
        rows={"posts": 3},
        content_digests={},
        taken_at=datetime.now(UTC) - age,
    )
    return await store.keep_list(backup, {"images/one.png": number})


def elsewhere(store: BackupsInBlobs, blobs: Blobs) -> BackupsInBlobs:
    """The same container, seen from a machine with an empty disk."""
    return BackupsInBlobs(store.folder.with_name("elsewhere"), blobs)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


async def test_a_backup_is_read_on_another_machine_as_it_was_taken(
    store: BackupsInBlobs, blobs: Blobs, azurite: Azurite
) -> None:
    one = await taken(store, 1, content=os.urandom(3 * BLOCK + 1))
    for _ in range(2):  # twice is the same as once
        await store.keep(one)
    assert await azurite.names() == [f"backups/blog/{one.id}.db", f"backups/blog/{one.id}.files.json"]
    other = elsewhere(store, blobs)
    path = await other.read(one)
    assert file_digest(path) == one.digest
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert await other.read_list(one) == {"images/one.png": 1}
    assert files(other.folder) == [f"{one.id}.db", f"{one.id}.files.json"]


async def test_a_damaged_blob_is_never_used(store: BackupsInBlobs, blobs: Blobs, azurite: Azurite) -> None:
    one = await taken(store, 1)
    await store.keep(one)
    for name in await azurite.names():
        await azurite.damage(name)
    other = elsewhere(store, blobs)
    with pytest.raises(BackupDamaged, match="its file is not what was written") as caught:
        await other.read(one)
    assert "/ghost backups blog" in caught.value.advice
    with pytest.raises(BackupDamaged, match="its list of files is not what was written"):
        await other.read_list(one)
    assert files(other.folder) == [], "nothing of it stays"
    with pytest.raises(BackupDamaged):
        await store.fetch(one)
    assert (await store.read(one)).read_bytes() == b"backup 1", "the copy here is whole, and is not given up"


async def test_a_damaged_copy_on_the_disk_is_fetched_again(store: BackupsInBlobs) -> None:
    one = await taken(store, 1)
    await store.keep(one)
    for path in store.folder.glob("*/*"):
        path.write_bytes(b"backup 2")
    assert (await store.read(one)).read_bytes() == b"backup 1"
    assert await store.read_list(one) == {"images/one.png": 1}


async def test_a_backup_that_is_gone_everywhere_is_said_so(
    store: BackupsInBlobs, blobs: Blobs, azurite: Azurite
) -> None:
    one = await taken(store, 1)
    assert (await store.fetch(one)).read_bytes() == b"backup 1", "not in the storage yet, but here"
    with pytest.raises(BackupDamaged, match="its file is gone from the storage"):
        await elsewhere(store, blobs).read(one)
    await store.keep(one)
    for _ in range(2):
        await store.remove(one)
    assert await azurite.names() == []
    assert files(store.folder) == []
    with pytest.raises(BackupDamaged, match="gone"):
        await store.read(one)
    with pytest.raises(BackupDamaged, match="outside the backup folder"):
        await store.read(replace(one, path="../records.db"))


async def test_old_backups_go_and_what_another_bot_keeps_there_stays(
    tmp_path: Path, records: Records, store: BackupsInBlobs, blobs: Blobs, azurite: Azurite
) -> None:
    site = StandInSite("blog", "6.65.0", "6.64.0")
    site.config = replace(site.config, keep_backups=1, keep_backups_for=MONTH)
    young, old, older = [await taken(store, n, age) for n, age in enumerate((MONTH / 2, MONTH, 2 * MONTH))]
    for one in (young, old, older):
        await records.keep_backup(one)
    for one in (old, older):
        await store.keep(one)
    stranger = await taken(elsewhere(store, blobs), 9, 3 * MONTH)
    await elsewhere(store, blobs).keep(stranger)
    chores = Chores({"blog": site}, records, store, tmp_path / "work")
    for _ in range(2):
        await chores.remove_old_backups()
        assert await records.backups("blog") == (young,)
        assert await azurite.names() == [
            f"backups/blog/{one.id}{end}" for one in (young, stranger) for end in (".db", ".files.json")
        ], "the young one, which was on the disk only, has been carried there"
        assert files(store.folder) == [f"{young.id}.db", f"{young.id}.files.json"]
    # The last backup is kept whatever its age, and its copy here goes only because the container has it.
    last_year = time.time() - COPY_SECONDS - 1
    for path in store.folder.glob("*/*"):
        os.utime(path, (last_year, last_year))
    await chores.remove_old_backups()
    assert files(store.folder) == []
    assert (await store.read(young)).read_bytes() == b"backup 0"


async def test_while_the_storage_is_away_nothing_is_lost(
    tmp_path: Path, records: Records, store: BackupsInBlobs, azurite: Azurite
) -> None:
    one = await taken(store, 1)
    await records.keep_backup(one)
    await azurite.stop()
    try:
        with pytest.raises(StorageUnavailable, match=f"{CONTAINER} in devstoreaccount1") as caught:
            await store.keep(one)
        assert "ghostbot check" in caught.value.advice
        assert KEY not in str(caught.value)
        site = StandInSite("blog", "6.65.0", "6.64.0")
        chores = Chores({"blog": site}, records, store, tmp_path / "work")
        with pytest.raises(StorageUnavailable):
            await chores.remove_old_backups()
        assert (await store.read(one)).read_bytes() == b"backup 1"
    finally:
        await azurite.start()
    await chores.remove_old_backups()
    assert f"backups/blog/{one.id}.db" in await azurite.names()


UPLOAD = """
import asyncio, sys
from pathlib import Path
from azure.identity.aio import DefaultAzureCredential
from release.azure.blobs import Blobs, container_of
async def main(container, secret, name, file, digest):
    async with DefaultAzureCredential() as nobody, container_of(container, None, secret, nobody) as client:
        await Blobs(client).put(name, Path(file), digest)
asyncio.run(main(*sys.argv[1:]))
"""


async def test_an_upload_that_is_killed_half_way_is_no_backup(
    store: BackupsInBlobs, blobs: Blobs, azurite: Azurite
) -> None:
    one = await taken(store, 1, content=os.urandom(40 * BLOCK))
    name, file = f"backups/{one.path}", store.folder / one.path
    words = (CONTAINER, azurite.connection_string, name, str(file), one.digest)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UPLOAD, *words, stderr=asyncio.subprocess.PIPE
    )
    async with azurite.container() as client:
        blob = client.get_blob_client(name)

        async def blocks() -> int:
            try:
                return len((await blob.get_block_list("uncommitted"))[1])
            except ResourceNotFoundError:
                return 0

        deadline = time.monotonic() + 60
        while await blocks() < 2:
            assert time.monotonic() < deadline, "the upload never began"
            assert process.returncode is None, "the upload was over before it could be killed"
            await asyncio.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert 2 <= await blocks() < 40
        assert not await blob.exists()
    assert await blobs.stored("") == ()
    with pytest.raises(NotStored):
        await blobs.fetch(name, store.folder / "half")
    with pytest.raises(BackupDamaged, match="gone from the storage"):
        await elsewhere(store, blobs).read(one)
    await store.keep(one)
    assert file_digest(await elsewhere(store, blobs).read(one)) == one.digest


async def test_a_cancelled_upload_ends_at_once_and_leaves_nothing(
    store: BackupsInBlobs, blobs: Blobs, azurite: Azurite
) -> None:
    one = await taken(store, 1, content=os.urandom(20 * BLOCK))
    uploading = asyncio.create_task(store.keep(one))
    await asyncio.sleep(0.3)
    uploading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await uploading
    assert f"backups/{one.path}" not in [blob.name for blob in await blobs.stored("")]


async def test_two_who_store_the_same_at_once_both_have_stored_it(
    store: BackupsInBlobs, blobs: Blobs
) -> None:
    one = await taken(store, 1, content=os.urandom(5 * BLOCK))
    await asyncio.gather(*(store.keep(one) for _ in range(3)))
    assert file_digest(await elsewhere(store, blobs).read(one)) == one.digest


async def test_memory_does_not_grow_with_a_backup(store: BackupsInBlobs, blobs: Blobs) -> None:
    one = await taken(store, 1, content=bytes(25 * BLOCK))
    tracemalloc.start()
    try:
        await store.keep(one)
        await elsewhere(store, blobs).read(one)
        assert tracemalloc.get_traced_memory()[1] < 8 * BLOCK
    finally:
        tracemalloc.stop()


async def test_a_wrong_container_and_a_wrong_key_are_told_with_what_to_do(
    tmp_path: Path, azurite: Azurite, store: BackupsInBlobs
) -> None:
    one = await taken(store, 1)
    file = store.folder / one.path
    async with DefaultAzureCredential() as nobody:
        async with container_of("nobodys", None, azurite.connection_string, nobody) as client:
            with pytest.raises(StorageMissing, match="no storage nobodys in devstoreaccount1") as missing:
                await Blobs(client).put("x", file, one.digest)
            assert "az storage container create" in missing.value.advice
            with pytest.raises(StorageMissing):
                await Blobs(client).fetch("x", tmp_path / "x")
        wrong = azurite.connection_string.replace("Eby8", "AAAA")
        async with container_of(CONTAINER, None, wrong, nobody) as client:
            with pytest.raises(StorageRefused) as refused:
                await Blobs(client).stored("")
            assert "Storage Blob Data Contributor" in refused.value.advice
            assert "AAAA" not in str(refused.value)


async def test_a_file_that_cannot_be_read_here_is_told_as_such(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(BotDiskUnreadable, match="cannot be read"):
        await blobs.put("backups/nothing.db", tmp_path / "nothing.db", "d" * 64)


async def test_the_storage_is_tried_out_and_left_as_it_was(
    blobs: Blobs, azurite: Azurite, tmp_path: Path
) -> None:
    assert await blobs.try_out(tmp_path) == f"{CONTAINER} in devstoreaccount1"
    assert await azurite.names() == []
