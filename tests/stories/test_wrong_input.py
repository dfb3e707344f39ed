"""What goes wrong ends in one clear message with what to do, and production is as it was."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from demo.tiny import versions as tiny
from release.model import Release, State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]

SITES = (
    "words", "nojob", "locked", "garbage", "noslot", "full", "scmoff", "badkey",
    "failing", "losing", "sick", "lying", "othernode", "preview", "condemned",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path_factory.mktemp("wrong"), cache, SITES) as team:
        yield team


async def fails(team: Team, site: str, version: str = NEWEST) -> Release:
    """ann asks for an upgrade, which fails; production is as it was, the site is free, the thread says why."""
    before = await team.world.version(site)
    await team.types("ann", f"/ghost upgrade {version} {site}")
    release = await team.reaches(site, State.FAILED)
    assert await team.world.version(site) == before
    assert await team.page(site, "/") == 200
    assert await team.world.swaps(site) == 0
    assert await team.records.open_release(site) is None
    told = await team.sees("ann", f"*What happened*\n{release.reason}"[:60])
    assert release.reason
    assert release.remedy
    assert release.remedy.split(". ")[0][:40] in told["plain"].replace("\n", " ")
    assert "Traceback" not in told["plain"]
    return release


async def test_a_version_nobody_published_is_refused_with_near_ones(team: Team) -> None:
    await team.has_site("words")
    await team.types("ann", "/ghost upgrade 6.4.9 words")
    told = await team.sees("ann", "6.4.9")
    assert "6.4.0" in told["plain"]
    assert not await team.records.history("words")


async def test_a_version_older_than_production_is_refused(team: Team) -> None:
    await team.types("ann", "/ghost upgrade 5.100.1 words")
    told = await team.sees("ann", "is not newer")
    assert "/ghost rollback" in told["plain"]
    assert not await team.records.history("words")


async def test_a_missing_webjob_is_named_with_where_to_get_one(team: Team) -> None:
    await team.has_site("nojob")
    shutil.rmtree(await team.world.wwwroot("nojob") / "App_Data")
    release = await fails(team, "nojob")
    assert "no triggered WebJob BackupDb-Manual" in (release.reason or "")
    assert "docs/webjob" in (release.remedy or "")


async def test_a_database_with_a_locked_migration_is_not_migrated(team: Team) -> None:
    await team.has_site("locked")
    database = await team.world.wwwroot("locked") / "content/data/ghost.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE migrations_lock SET locked = 1")
    release = await fails(team, "locked")
    assert "lock" in (release.reason or "").lower()


async def test_a_backup_that_is_no_database_is_not_used(team: Team) -> None:
    await team.has_site("garbage")
    job = await team.world.wwwroot("garbage") / "App_Data/jobs/triggered/BackupDb-Manual"
    for file in job.iterdir():
        file.unlink()
    (job / "run.sh").write_text('printf garbage > "$HOME/site/wwwroot/content/data/backup.db"\n')
    release = await fails(team, "garbage")
    assert "backup" in (release.reason or "").lower()


async def test_a_site_without_a_staging_slot_is_told_how_to_make_one(team: Team) -> None:
    await team.has_site("noslot", slots=())
    release = await fails(team, "noslot")
    assert "az webapp deployment slot create" in (release.remedy or "")


async def test_a_full_disk_of_the_slot_is_told_as_that(team: Team) -> None:
    await team.has_site("full")
    await team.azure_answers(
        host="scm", slot="full/staging", method="POST", path="zipdeploy", status=500, count=1,
        body='{"Message": "There is not enough space on the disk."}',
    )  # fmt: skip
    release = await fails(team, "full")
    assert "disk" in (release.reason or "")


async def test_an_scm_site_that_stays_away_ends_the_release(team: Team) -> None:
    await team.has_site("scmoff")
    await team.azure_answers(host="scm", slot="scmoff/staging", status=503, count=100_000)
    release = await fails(team, "scmoff")
    assert "SCM" in (release.reason or "")


async def test_credentials_that_azure_refuses_are_named(team: Team) -> None:
    await team.has_site("badkey")
    await team.azure_answers(host="arm", path="/sites/badkey", status=403, count=100_000)
    await team.types("ann", f"/ghost upgrade {NEWEST} badkey")
    told = await team.sees("ann", "Website Contributor")
    assert "Traceback" not in told["plain"]
    assert await team.world.swaps("badkey") == 0


@pytest.mark.parametrize(
    ("site", "version", "word"),
    [
        ("failing", tiny.FAILING_MIGRATION, "5.131.0 failed"),
        ("losing", tiny.LOSING_MIGRATION, "posts"),
        ("sick", tiny.SICK_FRONT_PAGE, "HTTP 500"),
        ("lying", tiny.WRONG_VERSION, tiny.WRONG_VERSION),
        ("othernode", tiny.OTHER_NODE, "Node"),
    ],
)
async def test_a_version_that_is_not_well_never_reaches_production(
    team: Team, site: str, version: str, word: str
) -> None:
    await team.has_site(site)
    release = await fails(team, site, version)
    assert word in (release.reason or "")


async def test_a_preview_that_somebody_left_behind_is_not_swapped_over(team: Team) -> None:
    await team.has_site("preview")
    await team.arm("POST", "preview/slots/staging/applySlotConfig", {"targetSlot": "production"})
    release = await fails(team, "preview")
    assert "preview" in (release.reason or "")


async def test_a_version_that_turns_sick_in_production_is_swapped_back_at_once(team: Team) -> None:
    key = await team.has_site("condemned")
    card = await team.ask_for_approval("condemned")
    # The swap back is slow to be accepted: the new version stays in production long enough to be written on.
    await team.azure_answers(host="arm", method="POST", path="slotsswap", skip=1, hang=4)
    await team.clicks("ben", card, "Approve")
    await team.is_at("condemned", "swap")
    await team.azure_answers(host="site", slot="condemned", path="^/sitemap.xml", status=500, count=2)
    async with asyncio.timeout(60):
        while (await team.last("condemned")).facts.condemned is None:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
    await team.writes_a_post("condemned", key, "Written on the new one")
    release = await team.reaches("condemned", State.FAILED)
    assert "swapped back" in (release.reason or "")
    assert await team.world.version("condemned") == OLDER
    assert await team.world.swaps("condemned") == 2
    told = await team.sees("ann", f"Upgrade condemned from {OLDER} to {NEWEST} failed")
    assert "swapped back" in told["plain"]
    left = release.facts.left_on_new
    assert left is not None
    assert f"Kept as backup {left.backup}" in told["plain"]
    kept = await team.records.backup(left.backup)
    assert kept is not None
    with closing(sqlite3.connect(team.world.data_folder / "backups" / kept.path)) as database:
        titles = {title for (title,) in database.execute("SELECT title FROM posts")}
    assert "Written on the new one" in titles
