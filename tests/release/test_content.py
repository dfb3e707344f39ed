"""Images, themes and files: staging gets what it lacks, whatever the names, and nothing twice."""

import asyncio
import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest

from release.azure.errors import FileMissing, ScmUnreachable, SlotFull, TransferBroken
from release.content import MANIFEST, bring_content, late_files, list_content, sync_content, take_stock
from release.steps.common import synced_in_words
from tests.release.conftest import Cloud
from tests.sandbox.appservice_fixtures import eventually

ODD_NAMES = (
    "a picture.png",
    "über grün.png",
    "50% + more & #1.png",
    "what?.png",
    "semi;colon=,.png",
    "日本語.png",
    "100%25.png",
    "[brackets] 'quotes'.png",
    # One letter, or a letter and a mark: the same for the eye, two files for a file system.
    unicodedata.normalize("NFC", "Käse.png"),
    unicodedata.normalize("NFD", "Käse.png"),
    "a%2Fb.png",
    "1+1=2 & more.png",
    "#.png",
    ".hidden",
)


def write(cloud: Cloud, path: str, text: str = "content", slot: str = "production") -> Path:
    file = cloud.content(slot) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def holds(cloud: Cloud, slot: str = "staging") -> dict[str, str]:
    root = cloud.content(slot)
    return {
        str(file.relative_to(root)): file.read_text()
        for file in root.rglob("*")
        if file.is_file() and file.name != MANIFEST
    }


async def test_every_name_arrives_as_it_is(cloud: Cloud) -> None:
    for name in ODD_NAMES:
        write(cloud, f"images/2024 & 25/{name}", name)
    synced = await sync_content(cloud.site, ())
    assert synced.copied == len(ODD_NAMES)
    assert holds(cloud) == holds(cloud, "production")


async def test_a_file_whose_name_cannot_be_asked_for_is_named_and_stops_nothing(cloud: Cloud) -> None:
    write(cloud, "images/a.png")
    (cloud.content() / os.fsdecode(b"images/caf\xe9.png")).write_text("Latin-1, as it came by FTP")
    synced = await sync_content(cloud.site, ())
    assert [PurePosixPath(path).name for path in synced.left_out] == ["caf\ufffd.png"]
    assert (synced.copied, holds(cloud)) == (1, {"images/a.png": "content"})
    told = synced_in_words(synced)
    assert "could not be copied: " in told
    told.encode()  # it can be written down and posted


async def test_a_file_that_goes_while_it_is_copied_is_not_missed(cloud: Cloud) -> None:
    picture = write(cloud, "images/a.png")
    await cloud.answers(host="scm", path="a.png", method="GET", hang=0.4)
    syncing = asyncio.create_task(sync_content(cloud.site, ()))

    async def asked_for() -> bool:
        return not (await cloud.control("GET", "/faults"))["faults"]

    await eventually(asked_for, "the file is asked for")
    picture.unlink()
    synced = await syncing
    assert (synced.copied, synced.left_out, holds(cloud)) == (0, (), {})


async def test_three_hundred_files_are_copied_once_and_then_never_again(cloud: Cloud) -> None:
    for number in range(300):
        write(cloud, f"images/{number % 7}/{number}.png", str(number))
    assert (await sync_content(cloud.site, ())).copied == 300
    assert await cloud.asked("/api/zip/", "PUT") == 1
    assert await cloud.asked(".png", "PUT") == 0
    again = await sync_content(cloud.site, ())
    assert (again.looked_at, again.copied, again.removed) == (300, 0, 0)
    assert holds(cloud) == holds(cloud, "production")


async def test_a_name_that_a_zip_cannot_hold_comes_by_itself_and_what_was_in_the_way_is_replaced(
    cloud: Cloud,
) -> None:
    for number in range(20):
        write(cloud, f"images/{number}.png", f"new {number:02}")
        write(cloud, f"images/{number}.png", f"old {number:02}", "staging")
    write(cloud, "themes/casper/theirs.txt", "theirs", "staging")
    write(cloud, "themes/casper/ours.txt", "ours")
    write(cloud, "themes/mine/index.hbs", "mine")
    await cloud.answers(host="scm", slot="blog/staging", method="PUT", path="/api/zip/", status=200)
    assert (await sync_content(cloud.site, ("casper",))).copied == 21, "the zip that was lost is made up for"
    assert holds(cloud)["images/3.png"] == "new 03"
    assert holds(cloud)["themes/casper/theirs.txt"] == "theirs"
    assert "themes/casper/ours.txt" not in holds(cloud)


@pytest.mark.parametrize("fault", [{"status": 400}, {"status": 503}, {"drop": True}, {"truncate": 100}])
async def test_folders_that_cannot_be_had_as_a_zip_are_copied_file_by_file(
    cloud: Cloud, fault: dict[str, object]
) -> None:
    for number in range(12):
        write(cloud, f"media/{number}.mp4", str(number))
    await cloud.answers(host="scm", path="/api/zip/", count=99, **fault)
    assert (await sync_content(cloud.site, ())).copied == 12
    assert holds(cloud) == holds(cloud, "production")


async def test_only_what_changed_moves(cloud: Cloud) -> None:
    for name in ("same", "edited", "gone"):
        write(cloud, f"files/{name}.txt", "before")
    await sync_content(cloud.site, ())
    write(cloud, "files/edited.txt", "BEFORE")  # as long as it was
    write(cloud, "files/new.txt")
    (cloud.content() / "files/gone.txt").unlink()
    synced = await sync_content(cloud.site, ())
    assert (synced.copied, synced.removed) == (2, 1)
    assert holds(cloud) == holds(cloud, "production")


async def test_a_file_somebody_edited_on_staging_is_put_right(cloud: Cloud) -> None:
    write(cloud, "images/a.png", "right")
    await sync_content(cloud.site, ())
    write(cloud, "images/a.png", "wrong", "staging")
    await sync_content(cloud.site, ())
    assert holds(cloud) == {"images/a.png": "right"}


async def test_a_webjob_changed_in_the_same_length_is_carried_over_too(cloud: Cloud) -> None:
    write(cloud, "images/a.png")
    job = cloud.wwwroot() / "App_Data/jobs/triggered/BackupDb-Manual/run.sh"
    job.parent.mkdir(parents=True)
    job.write_text("echo 1")
    await sync_content(cloud.site, ())
    job.write_text("echo 2")
    await sync_content(cloud.site, ())
    assert (cloud.wwwroot("staging") / job.relative_to(cloud.wwwroot())).read_text() == "echo 2"


async def test_shipped_themes_the_database_and_logs_are_left_alone(cloud: Cloud) -> None:
    for path in ("themes/casper/index.hbs", "themes/own/index.hbs", "data/ghost.db", "logs/ghost.log"):
        write(cloud, path)
    write(cloud, "themes/casper/newer.hbs", slot="staging")
    await sync_content(cloud.site, ("casper",))
    assert sorted(holds(cloud)) == ["themes/casper/newer.hbs", "themes/own/index.hbs"]


async def test_redirects_are_carried_over_and_an_older_form_of_them_goes(cloud: Cloud) -> None:
    write(cloud, "settings/routes.yaml", "routes: {}")
    write(cloud, "data/redirects.yaml", "301: {}")
    for path in ("data/ghost.db", "data/redirects-2024-05-01-10-00-00.json", "data/backup.ghost.json"):
        write(cloud, path)
    write(cloud, "data/redirects.json", "[]", slot="staging")
    write(cloud, "data/ghost.db", "of staging", slot="staging")
    await sync_content(cloud.site, ())
    expected = {"settings/routes.yaml": "routes: {}", "data/redirects.yaml": "301: {}"}
    assert holds(cloud) == expected | {"data/ghost.db": "of staging"}
    assert {"data/redirects.yaml", "settings/routes.yaml"} == (await list_content(cloud.site)).keys()


async def test_redirects_that_reached_the_old_slot_late_are_told(cloud: Cloud) -> None:
    write(cloud, "data/redirects.json", "[]")
    await sync_content(cloud.site, ())
    write(cloud, "data/redirects.json", "[1]")
    await swap(cloud)
    assert (await late_files(cloud.site, ())).changed == {"data/redirects.json": 3}


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"site/x": 1}', '{"site/x": [1, 2]}', "null"])
async def test_a_damaged_manifest_only_costs_copying(cloud: Cloud, text: str) -> None:
    write(cloud, "images/a.png")
    await sync_content(cloud.site, ())
    write(cloud, MANIFEST, text, "staging")
    assert (await sync_content(cloud.site, ())).copied == 1
    assert (await sync_content(cloud.site, ())).copied == 0


async def test_after_a_swap_the_way_back_knows_what_is_the_same(cloud: Cloud) -> None:
    for number in range(5):
        write(cloud, f"images/{number}.png", str(number))
    await sync_content(cloud.site, ())
    await swap(cloud)
    assert (await sync_content(cloud.site, ())).copied == 0
    write(cloud, "images/0.png", "x")
    assert (await sync_content(cloud.site, ())).copied == 1
    await swap(cloud)
    # Each side has a manifest of its own by now, and the older one must not hide the newer.
    assert (await sync_content(cloud.site, ())).copied == 0


async def test_a_file_changed_while_it_was_copied_is_copied_by_the_next(cloud: Cloud) -> None:
    picture = write(cloud, "images/a.png", "first")
    await cloud.answers(host="scm", path="a.png", method="PUT", hang=0.4)
    syncing = asyncio.create_task(sync_content(cloud.site, ()))
    await eventually(lambda: _reading(cloud), "the copy is under way")
    picture.write_text("later")
    await syncing
    assert (await sync_content(cloud.site, ())).copied == 1
    assert holds(cloud) == {"images/a.png": "later"}


async def test_a_download_cut_off_is_made_again(cloud: Cloud) -> None:
    write(cloud, "images/big.png", "x" * 500_000)
    await cloud.answers(host="scm", slot="blog", path="big.png", method="GET", truncate=1000)
    await cloud.answers(host="scm", slot="blog/staging", path="big.png", method="PUT", status=503)
    await sync_content(cloud.site, ())
    assert holds(cloud) == holds(cloud, "production")


async def test_a_full_slot_stops_the_copying_and_says_so(cloud: Cloud) -> None:
    for number in range(40):
        write(cloud, f"images/{number}.png")
    body = '{"Message": "There is not enough space on the disk."}'
    await cloud.answers(host="scm", method="PUT", path="images", status=500, count=999, body=body)
    with pytest.raises(SlotFull):
        await sync_content(cloud.site, ())
    assert await cloud.asked("images", "PUT") < 20


async def test_what_arrived_before_a_failure_is_not_copied_again(cloud: Cloud) -> None:
    for number in range(20):
        write(cloud, f"images/{number:02}.png")
    body = '{"Message": "There is not enough space on the disk."}'
    await cloud.answers(host="scm", method="PUT", path="/api/zip/", status=400, count=99)
    await cloud.answers(host="scm", method="PUT", path="19.png", status=500, body=body)
    with pytest.raises(SlotFull):
        await sync_content(cloud.site, ())
    assert 0 < (await sync_content(cloud.site, ())).copied < 10
    assert holds(cloud) == holds(cloud, "production")


async def test_a_listing_that_fails_is_one_error_of_ours(cloud: Cloud) -> None:
    write(cloud, "images/deep/down/a.png")
    await cloud.answers(host="scm", slot="blog", path="images/deep", status=503, count=999)
    with pytest.raises(ScmUnreachable, match="blog"):
        await take_stock(cloud.site, ())


async def test_a_content_folder_that_is_not_there_is_a_wrong_setting_and_removes_nothing(
    cloud: Cloud,
) -> None:
    write(cloud, "images/a.png", slot="staging")
    with pytest.raises(FileMissing, match="content"):
        await sync_content(cloud.site, ())
    assert holds(cloud) == {"images/a.png": "content"}


async def test_a_slot_that_never_takes_a_file_ends_in_time(cloud: Cloud) -> None:
    for number in range(10):
        write(cloud, f"images/{number}.png")
    await cloud.answers(host="scm", method="PUT", path="images", drop=True, count=999)
    with pytest.raises(TransferBroken):
        await sync_content(cloud.site_with(scm_patience=0.5), ())


async def swap(cloud: Cloud) -> None:
    async def forget(_: str | None) -> None: ...

    await cloud.site.app.swap(None, forget, 20)


async def _reading(cloud: Cloud) -> bool:
    return await cloud.asked("a.png", "GET") > 0


async def test_beside_a_deployment_nothing_is_removed_and_what_the_package_brings_is_left_for_later(
    cloud: Cloud,
) -> None:
    write(cloud, "images/a.png")
    write(cloud, "images/README.md", "ours")
    write(cloud, "images/README.md", "pack", "staging")  # as long, so its size does not tell
    write(cloud, "files/gone.txt", "old", "staging")
    brought = await bring_content(cloud.site, (), {"images/README.md"})
    assert (brought.copied, brought.removed) == (1, 0)
    assert holds(cloud) == {"images/a.png": "content", "images/README.md": "pack", "files/gone.txt": "old"}
    synced = (await sync_content(cloud.site, ())).after(brought)
    assert (synced.copied, synced.removed) == (2, 1)
    assert holds(cloud) == holds(cloud, "production")


async def test_a_file_that_the_package_wrote_over_after_it_was_brought_is_copied_again(cloud: Cloud) -> None:
    for number in range(10):
        write(cloud, f"images/{number}.png", "ours")
    assert (await bring_content(cloud.site, (), {"images/3.png"})).copied == 9
    write(cloud, "images/3.png", "pack", "staging")
    assert (await sync_content(cloud.site, ())).copied == 1
    assert holds(cloud) == holds(cloud, "production")
