"""Packages in a container: built once, deployed from every machine, and never believed without their digest."""

import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from azure.identity.aio import DefaultAzureCredential

from demo.tiny.registry import TinyRegistry
from demo.tiny.seed import Seeded
from release.azure.blobs import Blobs, container_of
from release.ghost.archive import pack_zip, unpack_zip
from release.ghost.build import Package
from release.ghost.cache import Cache, file_digest
from release.ghost.errors import UnsafeArchive
from release.ghost.migrate import migrate_copy
from release.ghost.npm import Npm, Registry
from release.model import PackageStored
from release.packages import MIGRATOR, Packages
from release.records import Records, open_records
from release.version import Version
from tests.azurite import CONTAINER, Azurite, an_azurite

VERSION = "6.4.0"


class Machine:
    """A bot's machine with a cache of its own; `told` is what people were told meanwhile."""

    def __init__(self, folder: Path, registry: str, records: Records, blobs: Blobs | None) -> None:
        self.npm = Npm(Cache(folder), Registry(registry))
        self.told: list[str] = []
        self.packages = Packages(self.npm, records, blobs)

    async def builds(self) -> Package:
        return await self.packages.build(Version.parse(VERSION), 24, self.told.append)

    @property
    def built(self) -> bool:
        return f"installing what Ghost {VERSION} needs" in self.told


class Workshop:
    """Machines that share records and a container."""

    def __init__(self, folder: Path, registry: TinyRegistry, records: Records, blobs: Blobs) -> None:
        self._folder = folder
        self.registry = registry
        self.records = records
        self.blobs = blobs

    def machine(self, name: str) -> Machine:
        return Machine(self._folder / name, self.registry.url, self.records, self.blobs)


@pytest.fixture
async def azurite(tmp_path: Path) -> AsyncIterator[Azurite]:
    async with an_azurite(tmp_path / "azurite") as running:
        yield running


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = open_records(f"sqlite:///{tmp_path}/records.db")
    yield opened
    opened.close()


@pytest.fixture
async def workshop(
    tmp_path: Path, registry: TinyRegistry, records: Records, azurite: Azurite
) -> AsyncIterator[Workshop]:
    async with (
        DefaultAzureCredential() as nobody,
        container_of(CONTAINER, None, azurite.connection_string, nobody) as client,
    ):
        yield Workshop(tmp_path, registry, records, Blobs(client))


@pytest.mark.azurite
async def test_what_one_machine_built_another_deploys_and_migrates_with(
    workshop: Workshop, seeded: Seeded, tmp_path: Path
) -> None:
    first = await workshop.machine("first").builds()
    other = workshop.machine("other")
    second = await other.builds()
    assert not other.built
    assert f"fetching the package of Ghost {VERSION}" in other.told
    assert second.digest == first.digest == file_digest(Path(second.path))
    assert (second.version, second.node, second.driver) == (first.version, first.node, first.driver)
    assert second.folder.startswith(str(tmp_path / "other"))
    packed = tmp_path / "again.zip"
    await pack_zip(Path(second.folder), packed)
    assert file_digest(packed) == first.digest, "unpacked it is the same, to the executable bits"
    work = tmp_path / "work"
    work.mkdir()
    migrated = await migrate_copy(second, Path(seeded.database), work, other.npm)
    assert migrated.report.to_version == "6.4"
    asked = len(workshop.registry.asked)
    assert (await other.builds()).from_cache
    assert len(workshop.registry.asked) == asked


@pytest.mark.azurite
async def test_a_damaged_or_exchanged_package_is_built_anew(workshop: Workshop, azurite: Azurite) -> None:
    first = await workshop.machine("first").builds()
    (name,) = await azurite.names()
    await azurite.damage(name)
    other = workshop.machine("other")
    second = await other.builds()
    assert other.built
    assert second.digest == first.digest == file_digest(Path(second.path))
    async with azurite.container() as client:
        await client.delete_blob(name)
    third = workshop.machine("third")
    assert (await third.builds()).digest == first.digest
    assert third.built
    assert await azurite.names() == [name], "what was gone is there again"


@pytest.mark.azurite
async def test_without_its_storage_a_package_is_built_and_stored_later(
    workshop: Workshop, azurite: Azurite
) -> None:
    machine = workshop.machine("first")
    await azurite.stop()
    try:
        package = await machine.builds()
    finally:
        await azurite.start()
    assert await azurite.names() == []
    assert (await machine.builds()).from_cache
    (name,) = await azurite.names()
    assert package.digest[:16] in name


async def test_packages_that_nobody_uses_are_old_but_for_the_last_ones(records: Records) -> None:
    for number in range(4):
        await records.keep_package(PackageStored(f"ghost-{number}", "d" * 64, 3, "", "", {MIGRATOR: "../x"}))
    await records.use_package("ghost-0")
    assert await records.old_packages(newest=4, days=0) == ()
    assert await records.old_packages(newest=0, days=1) == ()
    assert [old.key for old in await records.old_packages(newest=1, days=0)] == [
        "ghost-3",
        "ghost-2",
        "ghost-1",
    ]
    await records.forget_package("ghost-3")
    assert await records.package("ghost-3") is None
    kept = await records.package("ghost-2")
    assert kept is not None
    assert kept.links == {MIGRATOR: "../x"}


async def test_an_archive_that_is_no_package_of_ours_is_refused(tmp_path: Path) -> None:
    def archive(name: str, mode: int) -> Path:
        path = tmp_path / "odd.zip"
        with zipfile.ZipFile(path, "w") as package:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            package.writestr(entry, b"/etc/passwd")
        return path

    for name, mode in (("../out", 0o100644), ("/out", 0o100644), ("link", 0o120777), ("folder/", 0o040755)):
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        with pytest.raises(UnsafeArchive):
            await unpack_zip(archive(name, mode), folder)
        assert list(folder.iterdir()) == []
    (tmp_path / "torn.zip").write_bytes(archive("fine", 0o100644).read_bytes()[:-10])
    with pytest.raises(UnsafeArchive, match="damaged"):
        await unpack_zip(tmp_path / "torn.zip", tmp_path / "folder")
