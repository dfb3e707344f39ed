"""A release that is stopped gives staging back what it was, or says why it could not and closes the slot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.render.standing import standing
from demo.stages import TINY_NODE
from demo.tiny import versions as tiny
from demo.tiny.seed import Seeded, seed
from release.ghost.build import Package, package_key
from release.ghost.cache import Mark as CacheMark
from release.ghost.cache import file_digest, host_platform
from release.ghost.npm import carried_node
from release.model import Kind, Release, Stacks, State, Step, StepState, Verdict
from release.records import Records
from release.silence import SILENT
from release.site import PRODUCTION, WWWROOT
from release.staging import Mark, leave_mark, read_mark
from release.unfinished import UnfinishedThere, note_unfinished, refuse_unfinished, unfinished_by
from release.version import Version
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_kudu import silent, zipped
from tests.release.test_releases import DAY, Desk

THIRD = "5.130.6"
DATABASE = "content/data/ghost.db"
MARK = Mark("r-older", OLD, "p" * 64, "d" * 64, "1")


@pytest.fixture
async def desk(
    cloud: Cloud, old: Seeded, new: Seeded, records: Records, tmp_path: Path
) -> AsyncIterator[Desk]:
    """Production runs NEW, which went live; staging holds OLD, its way back, with the bot's mark."""
    await asyncio.gather(cloud.install(new, PRODUCTION), cloud.install(old, "staging"))
    await asyncio.gather(cloud.is_well(), cloud.is_well("staging"))
    await leave_mark(cloud.site, MARK)
    desk = Desk(cloud, records, tmp_path)
    await desk.live()
    yield desk
    records.close()


async def can_be_built(desk: Desk, version: str) -> None:
    """The package of a version is in the bot's cache; its registry answers nothing."""

    async def fill(folder: Path) -> CacheMark:
        await asyncio.to_thread(tiny.install, tiny.find(version), folder)
        program = folder / "node_modules" / ".bin" / "knex-migrator-migrate"
        program.parent.mkdir()
        program.symlink_to("../knex-migrator/bin/knex-migrator-migrate.js")
        return {
            "node": f"{TINY_NODE}.0.0",
            "node_prefix": str(carried_node().prefix),
            "driver": "",
            "warnings": "",
        }

    key = await package_key(Version.parse(version), TINY_NODE)
    await desk.npm.cache.folder_of("sites", key, fill)


async def an_upgrade(desk: Desk, kind: Kind = Kind.UPGRADE, before: str = NEW) -> Release:
    return await desk.records.create(kind, "blog", "ann", "C1", version=THIRD, before=before)


async def deploys(desk: Desk, release: Release, tmp_path: Path) -> None:
    """Staging is remembered, and then something else is deployed over it."""
    for _ in range(2):
        await desk.stages.undoing.remember_staging(release.id)
    archive = zipped(tmp_path / "package.zip", "something else")
    package = Package(
        version=THIRD,
        node=f"{TINY_NODE}.0.0",
        node_prefix="",
        platform=host_platform(),
        path=str(archive),
        folder=str(tmp_path),
        digest=file_digest(archive),
        size=archive.stat().st_size,
        seconds=0,
        from_cache=False,
        driver=None,
        warnings=(),
    )
    await desk.stages.staging.deploy(release.id, package)


async def left(desk: Desk, release: Release) -> tuple[bool, bool, str]:
    found = (await desk.records.release(release.id)).facts.staging_left
    assert found is not None
    return found.undone, found.running, found.words


async def test_what_was_deployed_over_is_put_back_with_its_database_and_mark(
    desk: Desk, tmp_path: Path
) -> None:
    await can_be_built(desk, OLD)
    before = file_digest(desk.cloud.wwwroot("staging") / DATABASE)
    silent = desk.cloud.home("staging") / WWWROOT / SILENT
    silent.write_text('{"between": [[1, 2]]}')
    release = await an_upgrade(desk)
    await deploys(desk, release, tmp_path)
    (desk.cloud.wwwroot("staging") / DATABASE).write_bytes(b"half of another one")
    silent.unlink()
    for _ in range(2):
        await desk.stages.undoing.undo(release.id)
        assert await desk.cloud.site.version("staging") == OLD
        mark = await read_mark(desk.cloud.site, "staging")
        assert mark is not None
        assert (mark.release, mark.database_digest) == ("r-older", before)
        await desk.cloud.is_well("staging")
        assert silent.read_text() == '{"between": [[1, 2]]}'
        undone, running, words = await left(desk, release)
        assert (undone, running) == (True, True)
        assert f"Ghost {OLD} is back on staging with the database it had, running" in words
    assert await desk.cloud.asked("zipdeploy") == 2, "deployed once by the release, and once to undo it"
    told = await desk.records.release(release.id)
    assert told.step(Step.UNDO).state is StepState.DONE
    assert told.facts.staging_before is not None
    assert told.facts.staging_before.way_back == OLD
    kept = told.facts.staging_before.database
    assert kept is not None
    assert (kept.version, kept.slot) == (OLD, "staging")
    assert await desk.cloud.site.version(PRODUCTION) == NEW


async def test_the_old_version_gets_its_node_back_before_it_is_started(desk: Desk, tmp_path: Path) -> None:
    await can_be_built(desk, OLD)
    release = await an_upgrade(desk)
    stacks = Stacks("NODE|24-lts", f"NODE|{TINY_NODE}-lts", "NODE|22-lts")
    await desk.records.note(release.id, stacks=stacks)
    await deploys(desk, release, tmp_path)
    assert await desk.cloud.site.app.stack("staging") == "NODE|22-lts"
    for _ in range(2):
        await desk.stages.undoing.undo(release.id)
        assert await desk.cloud.site.app.stack("staging") == f"NODE|{TINY_NODE}-lts"
        await desk.cloud.is_well("staging")
        assert (await left(desk, release))[:2] == (True, True)
    assert await desk.cloud.site.version("staging") == OLD
    assert await desk.cloud.asked("config/web", "PATCH") == 2, "set once by the release, and once to undo it"


async def test_what_cannot_be_built_again_leaves_a_slot_that_nobody_swaps_by_mistake(
    desk: Desk, tmp_path: Path
) -> None:
    release = await an_upgrade(desk)
    await deploys(desk, release, tmp_path)
    for _ in range(2):
        await desk.stages.undoing.undo(release.id)
    undone, running, words = await left(desk, release)
    assert (undone, running) == (False, False)
    assert "closed to swaps" in words
    assert not (await desk.cloud.site.app.slot("staging")).running
    await desk.stages.ending.end(release.id, State.CANCELLED, "cancelled", "again")
    swap = await desk.releases.swap(None, "ann", "C1")
    with pytest.raises(UnfinishedThere, match=release.id):
        await desk.stages.staging.preflight(swap.id)
    await desk.stages.ending.end(swap.id, State.FAILED, "refused", "again")
    back = await desk.releases.roll_back(None, "ann", "C1")
    with pytest.raises(UnfinishedThere):
        await desk.stages.rolling_back.ready_to_roll_back(back.id)

    kudu = await desk.cloud.site.kudu("staging")
    await kudu.deploy_zip(zipped(tmp_path / "theirs.zip", "of somebody else"), 10, silent)
    assert await unfinished_by(desk.cloud.site) is None
    await refuse_unfinished(desk.cloud.site)


async def test_a_slot_that_held_nothing_is_stopped_and_closed(
    blog: Cloud, records: Records, tmp_path: Path
) -> None:
    desk = Desk(blog, records, tmp_path)
    release = await an_upgrade(desk, before=OLD)
    await deploys(desk, release, tmp_path)
    await desk.stages.undoing.undo(release.id)
    undone, running, words = await left(desk, release)
    assert (undone, running) == (True, False)
    assert "held no Ghost before" in words
    assert await unfinished_by(blog.site) == release.id
    records.close()


async def test_a_slot_that_was_only_started_is_stopped_again(desk: Desk) -> None:
    await desk.cloud.site.app.stop("staging")
    swap = await desk.releases.swap(None, "ann", "C1")
    await desk.stages.staging.preflight(swap.id)
    await desk.stages.staging.start(swap.id)
    assert (await desk.cloud.site.app.slot("staging")).running
    for _ in range(2):
        await desk.stages.undoing.undo(swap.id)
        assert not (await desk.cloud.site.app.slot("staging")).running
    assert (await left(desk, swap))[:2] == (True, False)
    assert await read_mark(desk.cloud.site, "staging") == MARK


async def test_where_nothing_was_begun_nothing_is_undone(desk: Desk) -> None:
    release = await an_upgrade(desk)
    await desk.stages.undoing.remember_staging(release.id)
    await desk.stages.undoing.undo(release.id)
    told = await desk.records.release(release.id)
    assert told.facts.staging_left is None
    assert Step.UNDO not in [record.step for record in told.steps]


async def test_an_undoing_that_fails_is_told_and_hides_nothing(desk: Desk, tmp_path: Path) -> None:
    release = await an_upgrade(desk)
    await deploys(desk, release, tmp_path)
    await desk.cloud.answers(host="arm", path="slots/staging", status=403, count=99)
    await desk.stages.undoing.undo(release.id)
    undone, _, words = await left(desk, release)
    assert not undone
    step = (await desk.records.release(release.id)).step(Step.UNDO)
    assert (step.state, step.detail) == (StepState.FAILED, words)
    await desk.cloud.behaves_again()
    assert await unfinished_by(desk.cloud.site) == release.id


async def swaps_by_hand(cloud: Cloud) -> None:
    """In the portal."""

    async def keep_nothing(_token: str | None) -> None:
        """The portal is not the bot."""

    await cloud.site.app.swap(None, keep_nothing, 20)


async def candidate(desk: Desk, tmp_path: Path) -> Release:
    """THIRD was put on staging, where OLD had been, and runs there: people are asked."""
    await can_be_built(desk, OLD)
    release = await an_upgrade(desk)
    await desk.stages.undoing.remember_staging(release.id)
    third = await asyncio.to_thread(seed, tmp_path / "third" / "wwwroot", THIRD)
    await desk.cloud.install(third, "staging")
    await desk.cloud.is_well("staging")
    await leave_mark(desk.cloud.site, Mark(release.id, THIRD, "p" * 64, "d" * 64, ""))
    await desk.records.step(release.id, Step.DEPLOY, StepState.DONE)
    return release


async def test_after_a_swap_by_hand_what_production_ran_is_not_overwritten_with_all_that_was_written(
    desk: Desk, tmp_path: Path
) -> None:
    written = file_digest(desk.cloud.wwwroot() / DATABASE)
    release = await candidate(desk, tmp_path)
    await swaps_by_hand(desk.cloud)
    for _ in range(2):
        await desk.stages.undoing.undo(release.id)
        assert file_digest(desk.cloud.wwwroot("staging") / DATABASE) == written
        assert await desk.cloud.site.version("staging") == NEW
        assert await desk.cloud.asked("zipdeploy") == 0
        undone, running, words = await left(desk, release)
        assert (undone, running) == (False, True)
        assert f"nothing was changed there, as somebody swapped by hand: production runs {THIRD}" in words
    await desk.stages.ending.end(release.id, State.CANCELLED, "cancelled", "again")
    told = standing(await desk.records.release(release.id))
    assert f"Production runs {THIRD} now: somebody swapped by hand" in told
    assert "untouched" not in told


async def test_what_somebody_deployed_to_staging_by_hand_is_not_overwritten(
    desk: Desk, tmp_path: Path
) -> None:
    release = await candidate(desk, tmp_path)
    kudu = await desk.cloud.site.kudu("staging")
    await kudu.deploy_zip(zipped(tmp_path / "theirs.zip", "of somebody else"), 10, silent)
    await desk.stages.undoing.undo(release.id)
    assert (desk.cloud.wwwroot("staging") / "index.js").read_text() == "of somebody else"
    assert await unfinished_by(desk.cloud.site) is None
    assert await desk.cloud.asked("/stop") == 0
    undone, _, words = await left(desk, release)
    assert not undone
    assert "staging does not hold what this release put there: somebody swapped or deployed by hand" in words
    told = await desk.records.release(release.id)
    assert f"Production is untouched. It still runs {NEW}." in standing(told)


async def test_a_slot_that_was_started_for_a_swap_and_swapped_by_hand_runs_on(desk: Desk) -> None:
    await desk.cloud.site.app.stop("staging")
    swap = await desk.releases.swap(None, "ann", "C1")
    await desk.stages.staging.preflight(swap.id)
    await desk.stages.staging.start(swap.id)
    await swaps_by_hand(desk.cloud)
    await desk.stages.undoing.undo(swap.id)
    assert (await left(desk, swap))[:2] == (False, True)
    assert (await desk.cloud.site.app.slot("staging")).running
    assert "/ghost rollback" not in standing(await desk.records.release(swap.id))


async def test_a_cancel_while_people_decide_holds_the_site_until_all_is_undone(desk: Desk) -> None:
    release = await an_upgrade(desk)
    await desk.stages.undoing.remember_staging(release.id)
    approval = await desk.records.ask(release.id, DAY)
    cancelled = await desk.releases.cancel(None, "ben")
    assert cancelled.state is State.UNDOING
    assert desk.started == [(release.id, State.UNDOING)]
    assert (await desk.releases.cancel(None, "ann")).state is State.UNDOING
    assert not (await desk.releases.decide(approval.id, Verdict.APPROVED, "cleo")).won
    await desk.releases.go_on()  # a bot killed right now
    assert desk.started == [(release.id, State.UNDOING)] * 2
    assert await desk.stages.undoing.end_of(release.id) is State.CANCELLED


async def test_a_rejected_candidate_stays_and_an_old_slot_that_was_woken_sleeps_again(desk: Desk) -> None:
    release = await an_upgrade(desk)
    await desk.stages.undoing.remember_staging(release.id)
    approval = await desk.records.ask(release.id, DAY)
    assert (await desk.releases.decide(approval.id, Verdict.REJECTED, "ben")).release.state is State.REJECTED

    await desk.cloud.site.app.stop("staging")
    back = await desk.releases.roll_back(None, "ann", "C1")
    await desk.stages.rolling_back.ready_to_roll_back(back.id)
    await desk.records.ask(back.id, -DAY)
    await desk.releases.expire_approvals()
    assert desk.started[-1] == (back.id, State.UNDOING)
    await desk.stages.undoing.undo(back.id)
    assert not (await desk.cloud.site.app.slot("staging")).running
    assert await desk.stages.undoing.end_of(back.id) is State.EXPIRED


async def test_a_database_that_cannot_be_read_is_not_kept_and_stops_nothing(desk: Desk) -> None:
    (desk.cloud.wwwroot("staging") / DATABASE).write_bytes(b"no database, but long enough to be looked at")
    release = await an_upgrade(desk)
    await desk.stages.undoing.remember_staging(release.id)
    before = (await desk.records.release(release.id)).facts.staging_before
    assert before is not None
    assert (before.version, before.mark, before.database) == (OLD, "r-older", None)


async def test_a_slot_left_unfinished_is_nothing_to_go_back_to(desk: Desk) -> None:
    await note_unfinished(desk.cloud.site, "r-other")
    release = await an_upgrade(desk)
    await desk.stages.undoing.remember_staging(release.id)
    before = (await desk.records.release(release.id)).facts.staging_before
    assert before is not None
    assert (before.version, before.way_back, before.database) == (None, None, None)
