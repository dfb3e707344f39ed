"""The ways a package gets on a slot: what they refuse, and what they can read of what lies there."""

import io
import json
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from release.backup import BackupCommandFailed, BackupStale, back_up
from release.deployments.in_a_zip import NoSuchZip, RemoteZip
from release.ghost.releases import GhostRelease
from release.preflight import NodeStaysBehind, stacks_for
from release.runtimes import NoWindowsNode
from release.shape import Deployed
from release.shapes import GHOST_ON_SQLITE, System, Way, deployed, on_system
from release.site import NothingThere, Site
from release.staging import give_stack
from release.version import Version
from tests.release.conftest import Cloud

OUTSIDE = {"content": "data/ghost", "database": "data/ghost/ghost.db", "backup_file": "data/ghost/backup.db"}


def in_the_way(cloud: Cloud, way: Way, image: str = "", **options: object) -> Site:
    site = cloud.site_with(**options)
    site.shape = deployed(GHOST_ON_SQLITE, way, image)
    return site


async def said(site: Site) -> str:
    return " ".join(str(problem) for problem in await site.shape.deployment.problems(site))


async def test_a_slot_that_does_not_build_is_no_place_for_a_package_without_modules(cloud: Cloud) -> None:
    site = in_the_way(cloud, Way.BUILT_ON_THE_SERVER)
    assert "does not build what is deployed" in await said(site)
    await site.app.write_settings("staging", {"SCM_DO_BUILD_DURING_DEPLOYMENT": "true"})
    assert not await said(site)


async def test_what_is_written_to_may_not_be_inside_a_package_that_is_run(cloud: Cloud) -> None:
    site = in_the_way(cloud, Way.RUN_FROM_PACKAGE)
    told = await said(site)
    for part in ("content of", "database of", "backup_file of", "is not set, not 1", "no backup_command"):
        assert part in told
    await site.app.write_settings("staging", {"WEBSITE_RUN_FROM_PACKAGE": "1"})
    assert not await said(in_the_way(cloud, Way.RUN_FROM_PACKAGE, backup_command="true", **OUTSIDE))


async def test_a_package_that_is_run_tells_its_version_from_inside_the_zip(cloud: Cloud) -> None:
    site = in_the_way(cloud, Way.RUN_FROM_PACKAGE, **OUTSIDE)
    with pytest.raises(NothingThere, match="SitePackages"):
        await site.version("production")
    packages = cloud.home() / "data" / "SitePackages"
    packages.mkdir(parents=True)
    for name, version in (("1.zip", "6.0.0"), ("2.zip", "6.4.0")):
        (packages / name).write_bytes(zipped({"package.json": json.dumps({"version": version}).encode()}))
        (packages / "packagename.txt").write_text(name)
        assert await site.version("production") == version
    assert await site.holds("production", "package.json")
    assert not await site.holds("production", "index.js")
    (packages / "packagename.txt").write_text("../../site/wwwroot/package.json")
    with pytest.raises(NothingThere):
        await site.version("production")
    (packages / "packagename.txt").write_text("2.zip")
    (packages / "2.zip").write_bytes(b"no zip")
    with pytest.raises(NothingThere):
        await site.version("production")


async def test_a_command_makes_the_backup_where_webjobs_do_not_run(blog: Cloud, tmp_path: Path) -> None:
    made = "cp /home/site/wwwroot/content/data/ghost.db /home/site/wwwroot/content/data/backup.db"
    site = in_the_way(blog, Way.WHOLE, backup_command=made)
    backup = await back_up(site, tmp_path)
    assert backup.rows["posts"] > 0
    with pytest.raises(BackupStale, match="backup_command of blog ended well"):
        await back_up(in_the_way(blog, Way.WHOLE, backup_command="true"), tmp_path)
    failing = "echo password=hunter2hunter2; echo disk is full; exit 3"
    with pytest.raises(BackupCommandFailed, match=r"exit code 3: .*disk is full") as failed:
        await back_up(in_the_way(blog, Way.WHOLE, backup_command=failing), tmp_path)
    assert "hunter2" not in str(failed.value)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(zipfile.ZipInfo("stored.txt"), b"as it is")
        archive.comment = b"a comment"
    return buffer.getvalue()


class Fetched:
    """A zip that lies elsewhere, and how many bytes of it were asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.bytes = 0
        self.zip = RemoteZip(len(content), self.read_range)

    async def read_range(self, start: int, length: int) -> bytes:
        self.bytes += length
        return self.content[start : start + length]


async def test_single_files_of_a_large_zip_are_had_for_little() -> None:
    noise = random.Random(1)  # noqa: S311 - bytes that do not get smaller, no secret
    files = {f"node_modules/{n}.bin": noise.randbytes(20_000) for n in range(100)}
    there = Fetched(zipped({**files, "package.json": b'{"version": "1.2.3"}'}))
    assert await there.zip.read("package.json") == b'{"version": "1.2.3"}'
    assert await there.zip.read("stored.txt") == b"as it is"
    assert await there.zip.read("nowhere.txt") is None
    assert there.bytes < len(there.content) / 10
    assert await there.zip.read("node_modules/7.bin") == files["node_modules/7.bin"]


async def test_what_is_no_zip_or_a_damaged_one_is_said_to_be_that() -> None:
    whole = zipped({"package.json": b"x" * 5000})
    for broken in (b"", b"short", whole[:-30], whole[:200] + whole[260:], b"\0" * 100_000):
        with pytest.raises(NoSuchZip):
            await Fetched(broken).zip.read("package.json")
    at = whole.index(b"package.json") + len("package.json")
    with pytest.raises(NoSuchZip):
        await Fetched(whole[:at] + b"\xff" + whole[at + 1 :]).zip.read("package.json")


async def test_a_shape_says_how_its_packages_are_made() -> None:
    assert deployed(GHOST_ON_SQLITE, Way.WHOLE) == GHOST_ON_SQLITE
    built = deployed(GHOST_ON_SQLITE, Way.BUILT_ON_THE_SERVER)
    assert not built.recipe.packing.whole
    assert replace(built, deployment=GHOST_ON_SQLITE.deployment, recipe=GHOST_ON_SQLITE.recipe) == (
        GHOST_ON_SQLITE
    )


async def test_an_image_tells_its_version_by_its_tag_and_home_has_to_be_kept(cloud: Cloud) -> None:
    site = in_the_way(cloud, Way.IMAGE, image="registry.example.com/blog:{version}-alpine")
    told = await said(site)
    assert "is no image like registry.example.com/blog:{version}-alpine" in told
    assert told.count("keeps nothing") == 2
    with pytest.raises(NothingThere, match="an image like"):
        await site.version("staging")
    await site.app.set_stack("staging", "DOCKER|registry.example.com/blog:6.4.0-alpine")
    assert await site.version("staging") == "6.4.0"
    assert not await site.holds("staging", "package.json")
    await site.app.set_stack("staging", "DOCKER|registry.example.com/blog:newest-alpine")
    with pytest.raises(NothingThere):
        await site.version("staging")


async def test_setting_the_image_twice_is_the_same_as_once(cloud: Cloud, tmp_path: Path) -> None:
    site = in_the_way(cloud, Way.IMAGE, image="registry.example.com/blog:{version}")
    told: list[str] = []

    async def tell(text: str) -> None:
        told.append(text)

    what = Deployed("6.4.0", tmp_path / "of-no-use.zip")
    deployments = {await site.shape.deployment.deploy(site, what, tell) for _ in range(2)}
    assert deployments == {"DOCKER|registry.example.com/blog:6.4.0"}
    assert told == ["setting the image to registry.example.com/blog:6.4.0"]
    assert await site.shape.deployment.latest(site) in deployments
    assert await site.app.stack("production") != await site.app.stack("staging")


async def test_the_node_of_a_windows_site_is_an_app_setting(cloud: Cloud) -> None:
    site = cloud.site_with()
    site.shape = on_system(GHOST_ON_SQLITE, System.WINDOWS)
    app = site.app
    with pytest.raises(NoWindowsNode, match="is not set"):
        await site.shape.runtime.stack(site, "staging", "*")
    await app.write_settings("staging", {"WEBSITE_NODE_DEFAULT_VERSION": "~22", "other": "kept"})
    assert await site.shape.runtime.stack(site, "staging", "*") == "NODE|22-lts"
    assert not await give_stack(site, "NODE|22-lts")
    assert await give_stack(site, "NODE|24-lts")
    assert await app.settings("staging") == {"WEBSITE_NODE_DEFAULT_VERSION": "~24", "other": "kept"}
    assert not await give_stack(site, "NODE|24-lts")


async def test_a_node_that_would_not_go_along_in_the_swap_is_found_before_anything_is_begun(
    cloud: Cloud,
) -> None:
    site = cloud.site_with()
    site.shape = on_system(GHOST_ON_SQLITE, System.WINDOWS)
    for slot in ("production", "staging"):
        await site.app.write_settings(slot, {"WEBSITE_NODE_DEFAULT_VERSION": "~18"})
    newer = GhostRelease(Version.parse("6.4.0"), "^22.13.1")
    assert (await stacks_for(site, newer)).needed == "NODE|22-lts"
    cloud.service.cloud.sites["blog"].record.sticky_settings = ["WEBSITE_NODE_DEFAULT_VERSION"]
    with pytest.raises(NodeStaysBehind, match="WEBSITE_NODE_DEFAULT_VERSION stays with its slot"):
        await stacks_for(site, newer)
    assert (await stacks_for(site, GhostRelease(Version.parse("5.24.0"), "^18.12.1"))).needed == "NODE|18-lts"


async def test_an_image_has_whatever_node_a_version_wants(cloud: Cloud) -> None:
    site = in_the_way(cloud, Way.IMAGE, image="registry.example.com/blog:{version}")
    found = await stacks_for(site, GhostRelease(Version.parse("5.24.0"), "^14.17.0 || ^16.13.0"))
    assert (found.needed, found.differ) == ("NODE|16-lts", False)
