"""What production wrote is on staging before it is swapped; what somebody did there by hand is not overwritten."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.render.result import production_stands
from demo.stages import TINY_NODE
from release.backup import back_up
from release.backups import BackupStore
from release.ghost.build import build
from release.ghost.cache import file_digest
from release.model import BackupTaken, Candidate, Kind, Release, State
from release.records import Records
from release.scheduled import ScheduledMeanwhile
from release.site import PRODUCTION
from release.staging import NotTheCandidate, leave_mark, read_mark
from release.steps import Stages
from release.steps.common import NotTheSame, kept_of, mark_of, quietly
from release.unfinished import unfinished_by
from release.version import Version
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_kudu import silent, zipped
from tests.release.test_releases import Desk
from tests.release.test_undoing import can_be_built, swaps_by_hand

DATABASE = "content/data/ghost.db"
BY_NOW_WAITED, MIGRATING = 1, 2
"""Of the looks into a backup: whether something in it comes due, and to migrate a copy of it."""


class Meanwhile(BackupStore):
    """While a backup is looked into for the `look`th time, something happens."""

    def __init__(self, folder: Path, look: int, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(folder)
        self._look = look
        self._happens = happens
        self.looks = 0

    async def read(self, backup: BackupTaken) -> Path:
        self.looks += 1
        if self.looks == self._look:
            await self._happens()
        return await super().read(backup)


@pytest.fixture
async def desk(staged: Cloud, records: Records, tmp_path: Path) -> AsyncIterator[Desk]:
    """Production runs OLD, and staging NEW."""
    desk = Desk(staged, records, tmp_path)
    await can_be_built(desk, NEW)
    yield desk
    records.close()


def writes(wwwroot: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(wwwroot / DATABASE)) as database, database:
        database.execute(statement, values)


async def approved(desk: Desk) -> Release:
    """What is on staging is the candidate of a release from OLD to NEW; production was written to since."""
    site = desk.cloud.site
    release = await desk.records.create(Kind.UPGRADE, "blog", "ann", "C1", version=NEW, before=OLD)
    package = await build(Version.parse(NEW), TINY_NODE, desk.npm, quietly, site.shape.recipe)
    candidate = Candidate(NEW, package.digest, "d" * 64, OLD, desk.cloud.address("staging"))
    await leave_mark(site, mark_of(release.id, candidate))
    backup = await back_up(site, desk.folder / "backups")
    await desk.records.keep_backup(backup)
    await desk.records.note(release.id, backup=backup, package=kept_of(package), candidate=candidate)
    await desk.records.move(release.id, State.PROMOTING)
    writes(desk.cloud.wwwroot(), "UPDATE posts SET title = 'Written meanwhile' WHERE slug = 'post-1'")
    return await desk.records.release(release.id)


def stages(desk: Desk, look: int, happens: Callable[[], Awaitable[None]]) -> Stages:
    return Stages(replace(desk.parts, store=Meanwhile(desk.folder / "backups", look, happens)))


async def test_what_production_wrote_is_on_staging_with_the_mark(desk: Desk) -> None:
    release = await approved(desk)
    await desk.stages.promoting.catch_up(release.id)
    with closing(sqlite3.connect(desk.cloud.wwwroot("staging") / DATABASE)) as database:
        assert database.execute("SELECT 1 FROM posts WHERE title = 'Written meanwhile'").fetchone()
    mark = await read_mark(desk.cloud.site, "staging")
    assert mark is not None
    assert mark.release == release.id


@pytest.mark.parametrize("look", [BY_NOW_WAITED, MIGRATING])
async def test_swapped_by_hand_while_it_catches_up_the_old_production_keeps_what_was_written(
    desk: Desk, look: int
) -> None:
    release = await approved(desk)
    written = file_digest(desk.cloud.wwwroot() / DATABASE)

    async def somebody_swaps() -> None:
        await swaps_by_hand(desk.cloud)
        (desk.cloud.content("staging") / "images" / "late.png").write_bytes(b"uploaded at the last moment")

    with pytest.raises(NotTheSame, match=NEW) as caught:
        await stages(desk, look, somebody_swaps).promoting.catch_up(release.id)
    assert file_digest(desk.cloud.wwwroot("staging") / DATABASE) == written
    assert (desk.cloud.content("staging") / "images" / "late.png").exists()
    assert await unfinished_by(desk.cloud.site) is None
    await desk.stages.ending.end(release.id, State.FAILED, str(caught.value), caught.value.advice)
    told = production_stands(await desk.records.release(release.id))
    assert told.startswith(f"Production runs {NEW} now: somebody swapped by hand")


async def test_deployed_over_by_hand_while_it_catches_up_nothing_is_put_there(
    desk: Desk, tmp_path: Path
) -> None:
    release = await approved(desk)
    before = file_digest(desk.cloud.wwwroot("staging") / DATABASE)

    async def somebody_deploys() -> None:
        kudu = await desk.cloud.site.kudu("staging")
        await kudu.deploy_zip(zipped(tmp_path / "theirs.zip", "of somebody else"), 10, silent)

    with pytest.raises(NotTheCandidate, match="another deployment"):
        await stages(desk, MIGRATING, somebody_deploys).promoting.catch_up(release.id)
    assert file_digest(desk.cloud.wwwroot("staging") / DATABASE) == before
    assert await desk.cloud.site.version(PRODUCTION) == OLD


async def test_swapped_by_hand_before_staging_is_made_the_old_production_is_left_alone_there(
    desk: Desk,
) -> None:
    site, staging = desk.cloud.site, desk.stages.staging
    release = await desk.records.create(Kind.UPGRADE, "blog", "ann", "C1", version=NEW, before=OLD)
    package = await build(Version.parse(NEW), TINY_NODE, desk.npm, quietly, site.shape.recipe)
    backup = await back_up(site, desk.folder / "backups")
    await desk.records.keep_backup(backup)
    await desk.records.note(release.id, backup=backup, package=kept_of(package))
    migration = await staging.migrate(release.id, backup, package)
    written = file_digest(desk.cloud.wwwroot() / DATABASE)
    await swaps_by_hand(desk.cloud)
    with pytest.raises(NotTheSame, match=NEW):
        await staging.deploy(release.id, package)
    with pytest.raises(NotTheSame, match=NEW):
        await staging.put_database(release.id, backup, package, migration, "a deployment")
    assert file_digest(desk.cloud.wwwroot("staging") / DATABASE) == written
    assert (await site.app.slot("staging")).running
    assert await unfinished_by(site) is None


async def test_what_comes_due_while_the_last_look_makes_staging_again_puts_the_swap_off(desk: Desk) -> None:
    release = await approved(desk)
    at = datetime.now(UTC) + timedelta(hours=1)
    writes(
        desk.cloud.wwwroot(),
        "UPDATE posts SET status = 'scheduled', published_at = ? WHERE status = 'draft'",
        f"{at:%Y-%m-%d %H:%M:%S}",
    )

    async def it_comes_near() -> None:
        """As if it took that long: what counts is how far away the post is, and how far away it may be."""
        desk.cloud.site.config = replace(desk.cloud.site.config, scheduled_margin=timedelta(hours=2))

    with pytest.raises(ScheduledMeanwhile, match="Draft"):
        await stages(desk, MIGRATING, it_comes_near).promoting.last_look(release.id)
    mark = await read_mark(desk.cloud.site, "staging")
    assert mark is not None, "it is whole, and can catch up again"
    assert mark.release == release.id
