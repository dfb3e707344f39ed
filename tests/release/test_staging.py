"""Backups, and staging made ready: muted, deployed to, given a database, started, marked."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from demo.tiny.seed import Seeded
from release.azure.errors import SlotDidNotStart, WebJobFailed, WebJobMissing
from release.backup import BackupStale, BackupUnusable, back_up
from release.errors import ReleaseError
from release.ghost.releases import GhostRelease
from release.model import Stacks, Stop
from release.preflight import (
    NoNodeStack,
    NotAnUpgrade,
    NotRunning,
    PreflightFailed,
    PreviewLeftBehind,
    WrongNode,
    preflight_swap,
    preflight_upgrade,
    stacks_for,
)
from release.shape import Deployed
from release.site import PRODUCTION
from release.slot_settings import AddressWouldMove
from release.staging import (
    MUTE,
    Mark,
    NotTheCandidate,
    deploy,
    give_stack,
    leave_mark,
    mute,
    put_database,
    recheck,
    start_and_warm,
    stop_staging,
)
from release.version import Version
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_kudu import silent, zipped

JOB = "App_Data/jobs/triggered/BackupDb-Manual"
TARGET = GhostRelease(Version.parse(NEW), "^22.13.1 || ^24.0.0")


# -- the backup ---------------------------------------------------------------------------------


async def test_a_backup_is_whole_counted_and_its_owners_only(blog: Cloud, tmp_path: Path) -> None:
    taken = await back_up(blog.site, tmp_path)
    file = tmp_path / taken.path
    assert (taken.version, taken.site) == (OLD, "blog")
    assert taken.size == file.stat().st_size
    assert taken.rows["posts"] > 0
    assert file.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM posts").fetchone() == (taken.rows["posts"],)
    again = await back_up(blog.site, tmp_path)
    assert again.id != taken.id
    assert again.content_digests == taken.content_digests


async def test_a_webjob_that_leaves_the_old_file_is_found_out(blog: Cloud, tmp_path: Path) -> None:
    await back_up(blog.site, tmp_path)
    await blog.does(PRODUCTION, "webjob", job="BackupDb-Manual", outcome="stale")
    with pytest.raises(BackupStale):
        await back_up(blog.site, tmp_path)


async def test_a_missing_and_a_failing_webjob_are_told_apart(blog: Cloud, tmp_path: Path) -> None:
    await blog.does(PRODUCTION, "webjob", job="BackupDb-Manual", outcome="fail")
    with pytest.raises(WebJobFailed):
        await back_up(blog.site, tmp_path)
    with pytest.raises(WebJobMissing):
        await back_up(blog.site_with(backup_webjob="Other"), tmp_path)


@pytest.mark.parametrize("write", ["printf garbage >", ": >", "head -c 20000 ghost.db >"])
async def test_a_backup_that_cannot_be_used_is_not_kept(blog: Cloud, tmp_path: Path, write: str) -> None:
    for file in (blog.wwwroot() / JOB).iterdir():
        file.unlink()
    script = f'cd "$HOME/site/wwwroot/content/data" && {write} backup.db\n'
    (blog.wwwroot() / JOB / "run.sh").write_text(script)
    with pytest.raises(BackupUnusable):
        await back_up(blog.site, tmp_path)
    assert [file for file in tmp_path.rglob("b-*") if file.is_file()] == []


# -- staging ------------------------------------------------------------------------------------


async def test_staging_is_muted_for_good_and_production_is_not(laid_out: Cloud) -> None:
    assert await mute(laid_out.site)
    assert MUTE.items() <= laid_out.settings("staging").items()
    assert laid_out.settings("staging")["url"] == laid_out.address("staging")
    assert not MUTE.items() <= laid_out.settings(PRODUCTION).items()
    assert await laid_out.site.app.sticky_settings() >= {*MUTE, "url", "slot"}
    writes = await laid_out.asked("appsettings", "PUT")
    assert not await mute(laid_out.site)
    assert await laid_out.asked("appsettings", "PUT") == writes


async def test_what_is_deployed_goes_to_a_stopped_slot_and_starts_again(
    staged: Cloud, new: Seeded, tmp_path: Path
) -> None:
    await deploy(staged.site, Deployed(NEW, zipped(tmp_path / "package.zip", "not a site")), silent)
    assert not (await staged.site.app.slot("staging")).running
    await put_database(staged.site, Path(new.database))
    (staged.content("staging") / "data/ghost.db-journal").write_text("left over")
    await put_database(staged.site, Path(new.database))
    assert sorted(file.name for file in (staged.content("staging") / "data").glob("ghost.db*")) == [
        "ghost.db"
    ]
    assert (staged.content("staging") / "data/ghost.db").read_bytes() == Path(new.database).read_bytes()
    await stop_staging(staged.site)
    assert await staged.site.version(PRODUCTION) == OLD


async def test_a_slot_is_warm_when_it_answers_200_and_not_before(staged: Cloud) -> None:
    await stop_staging(staged.site)
    await staged.answers(host="site", slot="blog/staging", path="^/$", status=503, count=2)
    assert await start_and_warm(staged.site, "staging") > 0
    starts = await staged.asked("/start")
    await start_and_warm(staged.site, "staging")
    assert await staged.asked("/start") == starts
    await staged.answers(host="site", slot="blog/staging", status=301, count=999)
    with pytest.raises(SlotDidNotStart, match="a redirect to"):
        await start_and_warm(staged.site_with(start_limit=0.7), "staging")


async def test_exactly_what_was_tested_is_recognised(laid_out: Cloud, tmp_path: Path) -> None:
    kudu = await laid_out.site.kudu("staging")
    package = zipped(tmp_path / "package.zip", "code")
    deployment = await deploy(laid_out.site, Deployed(NEW, package), silent)
    mark = Mark("r-1", "1.2.3", "p", "d", deployment)
    with pytest.raises(NotTheCandidate, match="mark is missing"):
        await recheck(laid_out.site, mark)
    await leave_mark(laid_out.site, mark)
    await recheck(laid_out.site, mark)
    with pytest.raises(NotTheCandidate, match="release r-1"):
        await recheck(laid_out.site, Mark("r-2", "1.2.3", "p", "d", deployment))
    for damaged in (b"[]", b'{"release": 1}', b"\xff"):
        await kudu.write("site/wwwroot/.ghostbot.json", damaged)
        with pytest.raises(NotTheCandidate):
            await recheck(laid_out.site, mark)
    await leave_mark(laid_out.site, mark)
    await kudu.deploy_zip(package, 10, silent)
    with pytest.raises(NotTheCandidate, match="another deployment"):
        await recheck(laid_out.site, mark)


# -- preflight ----------------------------------------------------------------------------------


async def test_a_site_that_is_ready_is_cleared_without_a_warning(laid_out: Cloud) -> None:
    cleared = await preflight_upgrade(laid_out.site, TARGET, ())
    assert (cleared.current, cleared.target, cleared.warnings) == (OLD, NEW, ())
    assert (await preflight_swap(laid_out.site)).target == NEW


async def preview_left_behind(cloud: Cloud) -> None:
    await cloud.site.app.preview()


async def address_not_sticky(cloud: Cloud) -> None:
    cloud.service.cloud.sites["blog"].record.sticky_settings = ["slot"]


async def production_stopped(cloud: Cloud) -> None:
    cloud.service.cloud.sites["blog"].production.record.running = False


async def other_node(cloud: Cloud) -> None:
    cloud.service.cloud.sites["blog"].slots["staging"].record.web["linuxFxVersion"] = "NODE|18-lts"


async def no_node(cloud: Cloud) -> None:
    cloud.service.cloud.sites["blog"].slots["staging"].record.web["linuxFxVersion"] = "DOCKER|blog:1"


@pytest.mark.parametrize(
    ("arrange", "problem"),
    [
        (preview_left_behind, PreviewLeftBehind),
        (address_not_sticky, AddressWouldMove),
        (production_stopped, NotRunning),
        (no_node, NoNodeStack),
    ],
)
async def test_what_is_in_the_way_is_named_before_anything_is_touched(
    laid_out: Cloud, arrange: Callable[[Cloud], Awaitable[None]], problem: type[ReleaseError]
) -> None:
    await arrange(laid_out)
    with pytest.raises(problem):
        await preflight_upgrade(laid_out.site, TARGET, ())


async def test_several_problems_are_named_at_once(laid_out: Cloud) -> None:
    await no_node(laid_out)
    site = laid_out.site_with(backup_webjob="Other")
    with pytest.raises(PreflightFailed) as caught:
        await preflight_upgrade(site, TARGET, ())
    assert "DOCKER|blog:1" in str(caught.value)
    assert "no triggered WebJob Other" in str(caught.value)
    await laid_out.site.app.set_stack("staging", "NODE|24-lts")
    with pytest.raises(NotAnUpgrade):
        await preflight_upgrade(laid_out.site, GhostRelease(Version.parse(OLD), "*"), ())


async def test_the_way_and_its_stops_are_known_before_anything_is_touched(laid_out: Cloud) -> None:
    known = [
        GhostRelease(Version.parse(one), "^16.13.0") for one in ("5.130.6", "5.130.5", OLD, NEW, "6.9.0")
    ]
    cleared = await preflight_upgrade(laid_out.site, TARGET, known)
    assert cleared.stops == (Stop("5.130.6", "^16.13.0"),)
    assert cleared.passes == ("5.130.5", "5.130.6"), (
        "neither where it begins nor where it ends, nor later ones"
    )


@pytest.mark.parametrize(
    ("asks_for", "production", "staging", "needed"),
    [
        ("^22.13.1 || ^24.0.0", "NODE|24-lts", "NODE|22-lts", "NODE|22-lts"),
        ("^22.13.1 || ^24.0.0", "NODE|24-lts", "NODE|14-lts", "NODE|24-lts"),
        ("^22.13.1 || ^24.0.0", "NODE|14-lts", "NODE|14-lts", "NODE|22-lts"),
        ("^16.13.0 || ^18.0.0", "NODE|14-lts", "NODE|14-lts", "NODE|18-lts"),
        ("*", "NODE|14-lts", "NODE|16-lts", "NODE|16-lts"),
    ],
)
async def test_staging_needs_its_own_stack_or_productions_or_a_fitting_one(
    laid_out: Cloud, asks_for: str, production: str, staging: str, needed: str
) -> None:
    slots = laid_out.service.cloud.sites["blog"].slots
    slots[PRODUCTION].record.web["linuxFxVersion"] = production
    slots["staging"].record.web["linuxFxVersion"] = staging
    found = await stacks_for(laid_out.site, GhostRelease(Version.parse(NEW), asks_for))
    assert found == Stacks(production, staging, needed)


async def test_a_ghost_for_no_node_of_app_service_is_refused(laid_out: Cloud) -> None:
    with pytest.raises(WrongNode, match=r"\^9\.1"):
        await preflight_upgrade(laid_out.site, GhostRelease(Version.parse(NEW), "^9.1.0"), ())


async def test_staging_gets_its_stack_once_and_production_by_a_swap_only(laid_out: Cloud) -> None:
    await other_node(laid_out)
    assert await give_stack(laid_out.site, "NODE|24-lts")
    assert not await give_stack(laid_out.site, "NODE|24-lts")
    assert await laid_out.site.app.stack("staging") == "NODE|24-lts"
    assert not (await laid_out.site.app.slot("staging")).running
    assert await laid_out.asked("config/web", "PATCH") == 1
    with pytest.raises(ValueError, match="by a swap"):
        await laid_out.site.app.set_stack(PRODUCTION, "NODE|24-lts")


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("SCM_DO_BUILD_DURING_DEPLOYMENT", "true", "builds what is deployed"),
        ("WEBSITE_RUN_FROM_PACKAGE", "1", "runs from a package"),
    ],
)
async def test_a_slot_that_is_set_up_for_another_way_of_deployment_is_not_deployed_to(
    laid_out: Cloud, setting: str, value: str, told: str
) -> None:
    app = laid_out.site.app
    assert await laid_out.site.shape.deployment.problems(laid_out.site) == ()
    await app.write_settings("staging", {**await app.settings("staging"), setting: value})
    (problem,) = await laid_out.site.shape.deployment.problems(laid_out.site)
    assert told in str(problem)
    assert "ghostbot.toml" in problem.advice
