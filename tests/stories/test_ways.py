"""Whole releases of sites whose packages get on their slots in other ways than whole."""

import json
import shutil
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.tiny.versions import find, install
from demo.webjob import SOURCE as WEBJOB
from release.ghost.build import start_files
from release.model import Release, State
from tests.forks import a_fork
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]

OUTSIDE = {
    "content": "data/ghost",
    "database": "data/ghost/data/ghost.db",
    "backup_file": "data/ghost/data/backup.db",
}
NEWER = "6.0.0"  # than what is in production after a rollback, and another than what is on staging
SLOTS = ("production", "staging")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    options: dict[str, dict[str, object]] = {
        "served": {"package": "built on the server"},
        "unbuilt": {"package": "built on the server"},
        "packed": {
            "package": "run from package",
            "close_writes": True,
            "backup_command": "node /home/data/backup/run.js",
            **OUTSIDE,
        },
        "windowed": {"system": "windows"},
        "windowed-served": {"system": "windows", "package": "built on the server"},
        "boxed": {
            "package": "image",
            "image": "registry.example.com/blog:{version}",
            "close_writes": True,
        },
    }
    repository = a_fork(tmp_path_factory.mktemp("git") / "fork", (OLDER, NEWEST))
    options["forked"] = {
        "source": {"repository": repository, "server": "server.js", "migrate": ["node", "db.js"]}
    }
    async with a_team(tmp_path_factory.mktemp("ways"), cache, tuple(options), options_of=options) as team:
        yield team


async def goes_live_and_back(team: Team, site: str, key: str) -> Release:
    """An upgrade is approved, keeps what was written meanwhile, and is rolled back; the release that was live."""
    card = await team.ask_for_approval(site)
    assert "No content lost" in card["plain"]
    slug = await team.writes_a_post(site, key, "Written while people decide")
    await team.clicks("ben", card, "Approve")
    await team.sees("ann", f"{site} is live on {NEWEST}", button="Rollback", seconds=60)
    release = await team.reaches(site, State.LIVE)
    assert await team.page(site, f"/{slug}/") == 200
    assert release.facts.probe is not None
    assert release.facts.probe.failed == 0
    await team.rolls_back(site)
    await team.sees("ann", f"{site} is back on {OLDER}", seconds=60)
    assert await team.world.swaps(site) == 2
    return release


async def is_undone_when_cancelled(team: Team, site: str) -> None:
    """A cancelled release leaves staging with the version, the content and the database of before."""
    before = await team.last(site)
    await team.types("ann", f"/ghost upgrade {NEWER} {site}")
    await team.reaches(site, State.AWAITING_APPROVAL, after=before)
    await team.types("ann", f"/ghost cancel {site}")
    release = await team.reaches(site, State.CANCELLED, after=before, seconds=120)
    left = release.facts.staging_left
    assert left is not None
    assert (left.undone, left.version) == (True, NEWEST), left.words
    assert await team.page(site, "/") == 200


async def builds_on_the_server(team: Team, site: str, registry: str) -> None:
    settings = {
        "SCM_DO_BUILD_DURING_DEPLOYMENT": "true",
        "npm_config_registry": registry,
        "npm_config_fetch_retries": "0",
    }
    for slot in SLOTS:
        await team.has_settings(site, slot, **settings)


async def test_a_package_is_built_on_the_server(team: Team) -> None:
    key = await team.has_site("served")
    await builds_on_the_server(team, "served", team.opening.registry or "")
    await goes_live_and_back(team, "served", key)
    wwwroot = await team.world.wwwroot("served", "staging")
    assert (wwwroot / "node_modules" / "knex-migrator" / "package.json").is_file()
    assert (wwwroot / "npm-shrinkwrap.json").is_file()


async def test_a_build_that_fails_on_the_server_is_told_with_the_reason_and_touches_nothing(
    team: Team,
) -> None:
    await team.has_site("unbuilt")
    await builds_on_the_server(team, "unbuilt", "http://127.0.0.1:9/")
    await team.types("ann", f"/ghost upgrade {NEWEST} unbuilt")
    release = await team.reaches("unbuilt", State.FAILED)
    assert "could not install what the package needs" in str(release.reason)
    assert "npm" in str(release.reason)
    assert await team.world.version("unbuilt") == OLDER
    assert await team.page("unbuilt", "/") == 200
    assert await team.world.swaps("unbuilt") == 0


def pack(wwwroot: Path) -> None:
    """The app becomes a package that is run, and its content is where it can be written to."""
    home = wwwroot.parents[1]
    (home / "data" / "SitePackages").mkdir(parents=True)
    shutil.copytree(wwwroot / "content", home / "data" / "ghost")
    shutil.rmtree(wwwroot / "content" / "data")
    with zipfile.ZipFile(home / "data" / "SitePackages" / "first.zip", "w") as package:
        for path in wwwroot.rglob("*"):
            if path.is_file():
                package.write(path, path.relative_to(wwwroot))
    (home / "data" / "SitePackages" / "packagename.txt").write_text("first.zip")


async def test_a_site_runs_from_its_package(team: Team) -> None:
    key = await team.has_site("packed")
    pack(await team.world.wwwroot("packed"))
    for slot in SLOTS:
        home = (await team.world.wwwroot("packed", slot)).parents[1]
        (home / "data" / "backup").mkdir(parents=True)
        shutil.copy(WEBJOB / "run.js", home / "data" / "backup" / "run.js")
        await team.has_settings(
            "packed",
            slot,
            WEBSITE_RUN_FROM_PACKAGE="1",
            paths__contentPath="/home/data/ghost",
            database__connection__filename="/home/data/ghost/data/ghost.db",
        )
    live = await goes_live_and_back(team, "packed", key)
    assert live.facts.writes_closed_at is not None, live.facts.writes_stay_open
    await is_undone_when_cancelled(team, "packed")
    assert await team.world.version("packed", "staging") == NEWEST
    assert not (await team.world.wwwroot("packed", "staging") / "content" / "data").exists()
    newest = (await team.world.wwwroot("packed", "staging")).parents[1] / "data"
    name = (newest / "SitePackages" / "packagename.txt").read_text()
    with zipfile.ZipFile(newest / "SitePackages" / name) as package:
        assert json.loads(package.read("package.json"))["version"] == NEWEST


async def is_pushed(team: Team, version: str, folder: Path) -> str:
    """An image of this version, as somebody builds it who knows nothing of the bot; returns its reference."""
    install(find(version), folder)
    for ours in start_files():
        (folder / ours).unlink()
    reference = f"registry.example.com/blog:{version}"
    image = {
        "reference": reference,
        "folder": str(folder),
        "command": "server__host=0.0.0.0 node index.js",
        "node": team.opening.node_major,
        "port": 2368,
    }
    answer = await team.world.http.put(f"{team.world.azure['control']}/images", json=image)
    assert answer.status_code < 400, answer.text
    return reference


async def image_of(team: Team, site: str, slot: str) -> str:
    stack: str = (await team.world.site(site))["slots"][slot]["stack"]
    return stack.removeprefix("DOCKER|")


async def test_a_containers_image_is_the_package(team: Team, tmp_path: Path) -> None:
    key = await team.has_site("boxed")
    old, _, new = [await is_pushed(team, version, tmp_path / version) for version in (OLDER, NEWER, NEWEST)]
    wwwroot = await team.world.wwwroot("boxed")
    for path in wwwroot.iterdir():
        if path.name not in ("content", "App_Data"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    await team.world.put_site("boxed", image=old)
    for slot in SLOTS:
        await team.has_settings(
            "boxed",
            slot,
            WEBSITES_ENABLE_APP_SERVICE_STORAGE="true",
            paths__contentPath="/home/site/wwwroot/content",
            database__connection__filename="/home/site/wwwroot/content/data/ghost.db",
        )
    live = await goes_live_and_back(team, "boxed", key)
    assert live.facts.writes_closed_at is None
    await is_undone_when_cancelled(team, "boxed")
    assert [await image_of(team, "boxed", slot) for slot in SLOTS] == [old, new]
    wwwroot = await team.world.wwwroot("boxed", "staging")
    assert sorted(path.name for path in wwwroot.iterdir() if path.is_dir()) == ["App_Data", "content"]
    assert (wwwroot / "content" / "themes" / "casper" / "package.json").is_file()


async def test_a_fork_from_git_is_released_with_its_own_migration_script(team: Team) -> None:
    key = await team.has_site("forked")
    await goes_live_and_back(team, "forked", key)
    staging = await team.world.wwwroot("forked", "staging")
    assert (staging / "web.config").is_file()
    await team.types("ann", "/ghost versions forked")
    await team.sees("ann", f"1 version behind {NEWEST}")


async def test_a_windows_site_is_started_by_iisnode_with_the_bots_web_config(team: Team) -> None:
    key = await team.has_windows_site("windowed")
    await goes_live_and_back(team, "windowed", key)
    staging = await team.world.wwwroot("windowed", "staging")
    assert 'path="app-service.js"' in (staging / "web.config").read_text()
    assert (staging / "node_modules" / "knex-migrator").is_dir()


async def test_a_windows_site_builds_on_the_server_too(team: Team) -> None:
    site = "windowed-served"
    key = await team.has_windows_site(site)
    await builds_on_the_server(team, site, team.opening.registry or "")
    card = await team.ask_for_approval(site)
    await team.clicks("ben", card, "Approve")
    await team.reaches(site, State.LIVE)
    assert await team.page(site, f"/{await team.writes_a_post(site, key, 'Over a pipe')}/") == 200
    assert (await team.world.wwwroot(site) / "web.config").is_file()
