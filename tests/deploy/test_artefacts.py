"""What is taken for an artefact and what is not: where it comes from, what is in it, whether it is the one meant."""

import stat
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from release.artefacts.downloads import Downloads, is_public
from release.artefacts.errors import (
    ArtefactMissing,
    ArtefactTooLarge,
    ArtefactUnreachable,
    HostNotAllowed,
    NoBundle,
    NoSuchSource,
    NotAnArtefact,
    PrivateAddress,
    UnsafeArtefact,
    WrongDigest,
)
from release.artefacts.reference import Place, Reference, reference
from release.artefacts.shelf import KEPT, Shelf
from release.artefacts.source import Source, expect
from release.artefacts.split import pack_again, split
from release.azure.blobs import Blobs
from tests.azurite import an_azurite
from tests.deploy.bench import digest_of, zipped


@pytest.mark.parametrize(
    ("typed", "place", "name"),
    [
        ("https://builds.example.com/shop/2.1/shop-2.1.zip", Place.ADDRESS, "shop-2.1"),
        ("https://builds.example.com:8443/a%20b.zip?api-version=5&x=1", Place.ADDRESS, "a-b"),
        ("https://builds.example.com/a.zip?author=ann&keyboard=1&branch=sassy", Place.ADDRESS, "a"),
        ("blob:shop/2.1.zip", Place.CONTAINER, "2.1"),
        ("file:2.1.zip", Place.FOLDER, "2.1"),
        ("nightly/2.1.zip", Place.ANYWHERE, "2.1"),
    ],
)
def test_what_people_type_names_a_place(typed: str, place: Place, name: str) -> None:
    found = reference(typed)
    assert (found.place, found.name) == (place, name)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "../shop.zip",
        "a/../../shop.zip",
        "/etc/passwd",
        "a//b.zip",
        "a\\b.zip",
        "file:../x.zip",
        "ftp://builds.example.com/shop.zip",
        "https://builds.example.com/",
        "https:///shop.zip",
        "https://[::1/shop.zip",
        "shop\x00.zip",
        "a" * 2000,
    ],
)
def test_what_is_no_artefact_is_refused(typed: str) -> None:
    with pytest.raises(NotAnArtefact):
        reference(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "https://ci:hunter22@builds.example.com/shop.zip",
        "https://acc.blob.core.windows.net/c/shop.zip?sv=2024-11-04&sig=Zm9vYmFyMTIzNDU2Nzg%3D",
        "https://builds.example.com/shop.zip?access_token=hunter22",
        "https://builds.example.com/shop.zip?x=1&api_key=hunter22",
        "https://builds.example.com/shop.zip?apikey=hunter22",
        "https://builds.example.com/shop.zip?access_key=hunter22",
        "https://builds.example.com/shop.zip?X-Api-Key=hunter22",
        "https://builds.example.com/shop.zip?auth=hunter22",
        "https://builds.example.com/shop.zip?x-auth=hunter22",
        "https://builds.example.com/shop.zip?sas=hunter22",
        "https://builds.example.com/shop.zip?jwt=hunter22",
        f"https://{'c' * 60}:hunter22{'x' * 60}@builds.example.com:port/shop.zip",
        f"https://ci:hunter22@builds.example.com/{'x' * 1000}",
        "https://?sig=hunter22",
    ],
)
def test_an_address_with_a_secret_is_refused_without_saying_it(typed: str) -> None:
    with pytest.raises(NotAnArtefact) as caught:
        reference(typed)
    assert "hunter22" not in str(caught.value)
    assert "Zm9v" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_words_are_a_reference_or_refused(typed: str) -> None:
    try:
        found = reference(typed)
    except NotAnArtefact:
        return
    assert found.name
    assert ".." not in found.where.split("/") or found.place is Place.ADDRESS


def test_what_lies_beside_an_artefact_has_its_folder_and_not_its_query() -> None:
    there = reference("https://b.example.com/x/shop.zip?build=7").beside("shop-migrations.zip")
    assert there.where == "https://b.example.com/x/shop-migrations.zip"
    assert Reference(Place.FOLDER, "x/shop.zip").beside("m.zip").where == "x/m.zip"


# -- downloads ----------------------------------------------------------------------------------


@asynccontextmanager
async def a_server() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/shop.zip":
                return web.Response(body=b"x" * 5000)
            case "/endless.zip":
                response = web.StreamResponse()
                await response.prepare(request)
                for _ in range(50):
                    await response.write(b"y" * 65536)
                return response
            case "/moved.zip":
                raise web.HTTPFound(request.query["to"])
            case "/round.zip":
                raise web.HTTPFound("/round.zip")
            case "/sick.zip":
                return web.Response(status=503)
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_downloads_come_whole_from_allowed_hosts_and_no_others(tmp_path: Path) -> None:
    target = tmp_path / "got.zip"
    async with a_server() as server, a_server() as other, httpx.AsyncClient() as http:
        downloads = Downloads(http, (server,), private_addresses=True, most_bytes=10_000)
        digest = await downloads.fetch(f"{server}/shop.zip", target)
        assert digest == digest_of(target)
        assert target.stat().st_size == 5000
        assert target.stat().st_mode & 0o077 == 0
        assert await downloads.fetch(f"{server}/moved.zip?to=/shop.zip", target) == digest
        for address, error in (
            (f"{server}/moved.zip?to={other}/shop.zip", HostNotAllowed),
            (f"{server}/moved.zip?to=https://[::", ArtefactUnreachable),
            (f"{server}/moved.zip?to=file:///etc/passwd", HostNotAllowed),
            (f"{other}/shop.zip", HostNotAllowed),
            (f"{server}/round.zip", ArtefactUnreachable),
            (f"{server}/sick.zip", ArtefactUnreachable),
            (f"{server}/gone.zip", ArtefactMissing),
            (f"{server}/endless.zip", ArtefactTooLarge),
        ):
            with pytest.raises(error):
                await downloads.fetch(address, target)
        careful = Downloads(http, (server,), private_addresses=False, most_bytes=10_000)
        with pytest.raises(PrivateAddress):
            await careful.fetch(f"{server}/shop.zip", target)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),
        ("no address", False),
    ],
)
def test_private_addresses_are_known(address: str, public: bool) -> None:
    assert is_public(address) is public


# -- the folder ---------------------------------------------------------------------------------


async def test_nothing_outside_the_folder_is_read_through_links_neither(tmp_path: Path) -> None:
    folder = tmp_path / "artefacts"
    zipped(folder / "in" / "shop.zip", {"a": "1"})
    (tmp_path / "secret.zip").write_text("secret")
    (folder / "link.zip").symlink_to(tmp_path / "secret.zip")
    source = Source("shop", None, folder, None, "", 1_000_000)
    target = tmp_path / "got"
    found = await source.fetch(reference("in/shop.zip"), target)
    assert found == digest_of(folder / "in" / "shop.zip")
    with pytest.raises(NotAnArtefact, match="leads out"):
        await source.fetch(reference("link.zip"), target)
    with pytest.raises(ArtefactMissing):
        await source.fetch(reference("in"), target)
    with pytest.raises(ArtefactTooLarge):
        await Source("shop", None, folder, None, "", 10).fetch(reference("in/shop.zip"), target)
    for typed in ("https://builds.example.com/shop.zip", "blob:shop.zip"):
        with pytest.raises(NoSuchSource):
            source.find(reference(typed))


async def test_a_digest_beside_it_is_believed_where_there_is_one(tmp_path: Path) -> None:
    shop = zipped(tmp_path / "shop.zip", {"a": "1"})
    source = Source("shop", None, tmp_path, None, "", 1_000_000)
    there = reference("shop.zip")
    assert await source.digest_beside(there, tmp_path / "d") is None
    (tmp_path / "shop.zip.sha256").write_text(f"{digest_of(shop).upper()} *shop.zip\n")
    assert await source.digest_beside(there, tmp_path / "d") == digest_of(shop)
    (tmp_path / "shop.zip.sha256").write_text("no digest at all\n")
    with pytest.raises(NotAnArtefact):
        await source.digest_beside(there, tmp_path / "d")
    expect(there, digest_of(shop), digest_of(shop), None)
    with pytest.raises(WrongDigest):
        expect(there, digest_of(shop), "0" * 64)


@pytest.mark.azurite
async def test_blobs_are_fetched_below_their_prefix(tmp_path: Path) -> None:
    shop = zipped(tmp_path / "shop.zip", {"a": "1"})
    async with an_azurite(tmp_path / "azurite") as azurite, azurite.container() as client:
        await client.upload_blob("builds/2.1.zip", shop.read_bytes())
        await client.upload_blob("builds/2.1.zip.sha256", digest_of(shop).encode())
        source = Source("shop", None, None, Blobs(client), "builds/", 1_000_000)
        target = tmp_path / "got"
        for typed in ("blob:2.1.zip", "2.1.zip"):
            assert await source.fetch(reference(typed), target) == digest_of(shop)
            assert target.stat().st_mode & 0o077 == 0
        assert await source.digest_beside(reference("2.1.zip"), tmp_path / "d") == digest_of(shop)
        with pytest.raises(ArtefactMissing):
            await source.fetch(reference("blob:2.2.zip"), target)
        assert await source.digest_beside(reference("blob:2.2.zip"), tmp_path / "d") is None
        with pytest.raises(ArtefactTooLarge):
            await Source("shop", None, None, Blobs(client), "builds/", 10).fetch(reference("2.1.zip"), target)


# -- the archive --------------------------------------------------------------------------------


async def test_an_artefact_is_taken_apart_and_equal_files_have_one_digest(tmp_path: Path) -> None:
    files = {
        "server.js": "1",
        "node_modules/.bin/tool": "2",
        "migrations/a/up.sql": "3",
        "migrations/run.sh": "4",
    }
    first = zipped(tmp_path / "one.zip", files)
    second = tmp_path / "two.zip"
    with zipfile.ZipFile(second, "w") as archive:
        for name in sorted(files, reverse=True):
            archive.writestr(zipfile.ZipInfo(name.replace("/", "\\"), (2020, 5, 5, 5, 5, 4)), files[name])
        archive.writestr("folder\\", "")
    packed, bundle = await split(first, "one", "migrations", tmp_path / "s1", tmp_path / "b1")
    again, again_bundle = await split(second, "two", "migrations", tmp_path / "s2", tmp_path / "b2")
    assert bundle is not None
    assert again_bundle is not None
    assert (packed.digest, bundle.digest) == (again.digest, again_bundle.digest)
    assert zipfile.ZipFile(packed.path).namelist() == ["node_modules/.bin/tool", "server.js"]
    assert zipfile.ZipFile(bundle.path).namelist() == ["a/up.sql", "run.sh"]
    with pytest.raises(NoBundle):
        await split(first, "one", "db", tmp_path / "s3", tmp_path / "b3")


def a_link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


@pytest.mark.parametrize("name", ["../out", "/etc/cron.d/x", "a/../../out", "C:/windows/x", "..\\out"])
async def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    bad = zipped(tmp_path / "bad.zip", {"server.js": "1", name: "2"})
    with pytest.raises(UnsafeArtefact):
        await pack_again(bad, "bad", tmp_path / "packed")


async def test_links_doubles_bombs_and_what_is_no_zip_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        a_link(archive)
    with pytest.raises(UnsafeArtefact, match="no plain file"):
        await pack_again(bad, "bad", tmp_path / "packed")
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", "2")
    with pytest.raises(UnsafeArtefact, match="twice"):
        await pack_again(bad, "bad", tmp_path / "packed")
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", "0" * 100_000)
    whole = bytearray(bad.read_bytes())
    at = whole.rindex(b"PK\x01\x02") + 24
    whole[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")  # what it says that it becomes
    bad.write_bytes(whole)
    with pytest.raises(UnsafeArtefact):
        await pack_again(bad, "bad", tmp_path / "packed")
    for content in (b"", b"no zip", zipped(tmp_path / "good.zip", {"a": "1" * 500}).read_bytes()[:-40]):
        bad.write_bytes(content)
        with pytest.raises(UnsafeArtefact):
            await pack_again(bad, "bad", tmp_path / "packed")


async def test_what_was_fetched_is_kept_by_its_digest_and_the_oldest_goes(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    digests = []
    for number in range(2 * KEPT + 3):
        one = zipped(tmp_path / "one.zip", {"a": str(number)})
        digests.append(digest_of(one))
        await shelf.put(one, digests[-1])
    assert await shelf.find(digests[0]) is None
    kept = await shelf.find(digests[-1])
    assert kept is not None
    kept.write_bytes(b"something else")
    assert await shelf.find(digests[-1]) is None
    assert await shelf.find("") is None
