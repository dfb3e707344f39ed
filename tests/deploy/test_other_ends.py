"""The other ends of a deployment: refused, cancelled, undone, cut off, and what each leaves behind."""

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dbos import DBOS

from bot.render.replies import site_lines
from bot.render.schema import schema_stands
from release.artefacts.errors import ArtefactGone
from release.checking import check_site
from release.errors import NotForThisSite
from release.migrations.config import HandOver
from release.migrations.errors import DownCutOff, NoDownMigration, SchemaInUse
from release.model import ArtefactAsked, Kind, State, Step, StepState, Verdict, WatchEnd
from release.unfinished import UnfinishedThere, refuse_unfinished
from sandbox.appservice.records import ConnectionString
from tests.deploy.bench import (
    BAD,
    MIGRATION,
    ONE,
    PASSWORD,
    TWO,
    Bench,
    Build,
    zipped,
)
from tests.sandbox.appservice_fixtures import eventually as in_time

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]


async def test_asked_first_and_refused_staging_is_what_it_was_and_nothing_was_migrated(bench: Bench) -> None:
    bench.configure(asks_first=True)
    await bench.opens(ONE)
    await bench.deploys(TWO)
    kept = await bench.site.version("staging")
    asked = await bench.asks(BAD)
    refused = await bench.decided(asked, Verdict.REJECTED)
    assert refused.state is State.REJECTED
    assert bench.schema() == ["001", "002"]
    assert refused.facts.staging_left is not None
    # What was there before the first release was put there by somebody else: the bot has it no longer.
    assert "not kept by the bot" in refused.facts.staging_left.words
    assert kept.startswith("unmarked")
    assert not await bench.running()


async def test_rejected_after_its_migration_it_waits_on_staging_and_can_still_go_live(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    rejected = await bench.decided(await bench.asks(TWO), Verdict.REJECTED)
    assert rejected.state is State.REJECTED
    assert bench.schema() == ["001", "002"]
    assert await bench.answer() == (200, "1")
    swap = await bench.stands(await bench.releases.swap("shop", "ann", "C1"), State.AWAITING_APPROVAL)
    live = await bench.decided(swap)
    assert live.state is State.LIVE, live.reason
    assert await bench.answer() == (200, "2")


async def test_an_expired_question_leaves_production_and_says_that_the_schema_stays(bench: Bench) -> None:
    bench.configure(approval_lasts=timedelta(seconds=-1))
    await bench.opens(ONE)
    asked = await bench.asks(TWO)
    await bench.releases.expire_approvals()
    expired = await bench.stands(asked)
    assert expired.state is State.EXPIRED
    assert await bench.answer() == (200, "1")
    assert "stays on the schema of" in schema_stands(expired)


async def test_cancelled_before_the_migration_nothing_was_touched(bench: Bench) -> None:
    bench.configure(migration=replace(MIGRATION, pending=("sh", "-c", "sleep 1; ./pending.sh")))
    await bench.opens(ONE)
    release = await bench.releases.deploy("shop", bench.built(TWO), None, "ann", "C1")
    await bench.at(release, Step.LIST_PENDING)
    await bench.releases.cancel("shop", "ann")
    cancelled = await bench.stands(release)
    assert cancelled.state is State.CANCELLED
    assert bench.schema() == ["001"]
    assert cancelled.facts.schema is None
    assert not await bench.running()
    with pytest.raises(UnfinishedThere):
        await refuse_unfinished(bench.site)
    assert schema_stands(cancelled) == ""


async def test_cancelled_after_the_migration_staging_gets_its_artefact_back_and_the_schema_stays(
    bench: Bench,
) -> None:
    bench.configure()
    await bench.opens(ONE)
    await bench.deploys(TWO)
    third = Build("2.1", needs=("001", "002"), steps=TWO.steps)
    await bench.deploys(third)
    assert await bench.answer("staging") == (200, "2")
    fourth = Build("2.2", steps={**TWO.steps, "003": ":"})
    asked = await bench.asks(fourth)
    await bench.releases.cancel("shop", "ann")
    cancelled = await bench.stands(asked)
    assert cancelled.state is State.CANCELLED
    await bench.answers("2", "staging")
    assert await bench.answer() == (200, "2.1")
    assert bench.schema() == ["001", "002", "003"]
    back = await bench.releases.roll_back("shop", "ann", "C1")
    back = await bench.decided(await bench.stands(back, State.AWAITING_APPROVAL))
    assert back.state is State.ROLLED_BACK, back.reason
    assert await bench.answer() == (200, "2"), "the way back is there again"


async def test_a_release_whose_site_was_taken_out_of_the_settings_goes_on_once_it_is_back(
    bench: Bench,
) -> None:
    bench.configure(migration=replace(MIGRATION, pending=("sh", "-c", "sleep 1; ./pending.sh")))
    await bench.opens(ONE)
    release = await bench.releases.deploy("shop", bench.built(TWO), None, "ann", "C1")
    await bench.at(release, Step.LIST_PENDING)
    site = bench.sites.pop("shop")

    async def cannot_even_end() -> bool:
        return bool(await DBOS.list_workflows_async(workflow_id_prefix=release.id, status="ERROR"))

    await in_time(cannot_even_end, "its work is over", 30)
    assert (await bench.records.release(release.id)).state is State.STAGING
    bench.sites["shop"] = site
    for _ in range(2):  # twice is the same as once
        await bench.releases.go_on()
    live = await bench.decided(await bench.stands(release, State.AWAITING_APPROVAL))
    assert live.state is State.LIVE, live.reason
    assert await bench.answer() == (200, "2")


async def test_without_a_down_migration_the_databases_own_backup_is_named(bench: Bench) -> None:
    bench.configure(migration=replace(MIGRATION, down=()))
    await bench.opens(replace(ONE, refuses=("666",)))
    failed = await bench.asks(BAD)
    assert failed.state is State.FAILED
    assert "point-in-time restore" in str(failed.remedy)
    with pytest.raises(NoDownMigration):
        await bench.releases.undo_migration("shop", "ben", "C1")


async def test_a_live_versions_schema_is_not_taken_from_under_it(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    await bench.deploys(TWO)
    with pytest.raises(SchemaInUse, match="shop-2@"):
        await bench.releases.undo_migration("shop", "ben", "C1")
    assert bench.schema() == ["001", "002"]


async def test_undone_after_a_rejection_the_code_of_the_newer_schema_cannot_be_swapped_in(
    bench: Bench,
) -> None:
    bench.configure()
    await bench.opens(ONE)
    await bench.decided(await bench.asks(TWO), Verdict.REJECTED)
    undone = await bench.stands(await bench.releases.undo_migration("shop", "ben", "C1"))
    assert undone.state is State.MIGRATED_DOWN, undone.reason
    assert not await bench.running()
    refused = await bench.stands(await bench.releases.swap("shop", "ann", "C1"))
    assert refused.state is State.FAILED
    assert "unfinished" in str(refused.reason)


async def test_a_migration_that_never_ends_is_ended_with_all_it_has_started(bench: Bench) -> None:
    bench.configure(migration=replace(MIGRATION, seconds=2))
    await bench.opens(ONE)
    failed = await bench.asks(Build("5", steps={"001": ":", "002": "sleep 4711 & sleep 4712"}))
    assert failed.state is State.FAILED
    assert "had not ended after 2 s" in str(failed.reason)
    assert not running_with("sleep\x004711", "sleep\x004712")
    assert await bench.answer() == (200, "1")


async def test_cut_off_in_the_middle_it_is_run_again_and_ends_once(bench: Bench) -> None:
    """A bot that is killed ends its command; the next one begins the step anew."""
    bench.configure()
    await bench.opens(ONE)
    slow = Build("6", steps={"001": ":", "002": "[ -e ../was-here ] || sleep 4713", "003": ":"})
    release = await bench.records.create(
        Kind.DEPLOY, "shop", "ann", "C1", facts={"artefact_asked": ArtefactAsked(bench.built(slow))}
    )
    steps = bench.stages.deploying
    for act in (steps.preflight, steps.fetch, steps.deploy, steps.list_pending):
        await act(release.id)
    cut = asyncio.create_task(steps.migrate(release.id))
    await eventually(lambda: running_with("sleep\x004713"), "the migration runs")
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    assert not running_with("sleep\x004713")
    assert bench.schema() == ["001"]
    bench.built(
        Build("6", steps={"001": ":", "002": ":", "003": ":"})
    )  # what lies there now is of no account
    bench.configure(
        migration=replace(MIGRATION, command=("sh", "-c", "touch ../was-here; exec ./migrate.sh"))
    )
    await steps.migrate(release.id)
    assert bench.schema() == ["001", "002", "003"]
    await steps.migrate(release.id)
    assert bench.schema() == ["001", "002", "003"]
    known = await bench.records.release(release.id)
    assert known.facts.schema is not None
    assert known.facts.schema.ended_at is not None
    await bench.records.move(release.id, State.CANCELLED)


async def test_an_undoing_that_was_cut_off_undoes_nothing_of_earlier_releases(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    steps = bench.stages.deploying
    for did in ("all of it", "half of it"):
        bench.database.write_text("001\n")
        asked = await bench.asks(replace(TWO, steps={**TWO.steps, "003": ":"}))
        await bench.decided(asked, Verdict.REJECTED)
        assert bench.schema() == ["001", "002", "003"]
        down = await bench.records.create(Kind.MIGRATE_DOWN, "shop", "ann", "C1", undoes=asked.id)
        # The command did so much, and then the bot died before it could note that.
        bench.database.write_text("001\n" if did == "all of it" else "001\n002\n")
        for _ in range(2):
            await steps.migrate_down(down.id)
            assert bench.schema() == ["001"], did
        await bench.records.move(down.id, State.MIGRATED_DOWN)


async def test_where_nobody_can_count_an_undoing_that_was_cut_off_is_for_people(bench: Bench) -> None:
    bench.configure(
        migration=replace(MIGRATION, pending=(), down=("sh", "-c", "./down.sh {count}; sleep 4714"))
    )
    await bench.opens(ONE)
    asked = await bench.asks(TWO)
    await bench.decided(asked, Verdict.REJECTED)
    down = await bench.records.create(Kind.MIGRATE_DOWN, "shop", "ann", "C1", undoes=asked.id)
    steps = bench.stages.deploying
    cut = asyncio.create_task(steps.migrate_down(down.id))
    await eventually(lambda: running_with("sleep\x004714"), "it has undone it")
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    for _ in range(2):
        with pytest.raises(DownCutOff) as caught:
            await steps.migrate_down(down.id)
        assert bench.schema() == ["001"]
    assert "undo older migrations" in caught.value.advice
    await bench.records.move(down.id, State.FAILED)
    bench.configure(migration=replace(MIGRATION, pending=(), down=("./down.sh", "0")))
    once_more = await bench.stands(await bench.releases.undo_migration("shop", "ann", "C1"))
    assert once_more.state is State.MIGRATED_DOWN, once_more.reason


async def test_another_machine_goes_on_with_the_same_artefact_or_not_at_all(bench: Bench) -> None:
    """As with replicas: what the first one fetched is not on the second one's disk."""
    bench.configure()
    await bench.opens(ONE)
    steps = bench.stages.deploying
    for is_still_there in (True, False):
        asked = {"artefact_asked": ArtefactAsked(bench.built(TWO))}
        release = await bench.records.create(Kind.DEPLOY, "shop", "ann", "C1", facts=asked)
        await steps.preflight(release.id)
        await steps.fetch(release.id)
        shutil.rmtree(bench.folders.artefacts)
        shutil.rmtree(bench.folders.work)
        if is_still_there:
            await steps.deploy(release.id)
            await steps.migrate(release.id)
            assert bench.schema() == ["001", "002"]
        else:
            bench.built(BAD, "shop-2.zip")
            with pytest.raises(ArtefactGone):
                await steps.deploy(release.id)
            with pytest.raises(ArtefactGone):
                await steps.fetch(release.id)
        await bench.records.move(release.id, State.CANCELLED)


async def test_a_check_of_the_site_tells_where_its_database_is_found(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    told = str((await check_site(bench.site)).findings)
    assert "Shop, other" in told
    assert "WebJob" not in told
    assert PASSWORD not in told
    bench.configure(migration=replace(MIGRATION, connection_string="Elsewhere"))
    told = str((await check_site(bench.site)).findings)
    assert "has no connection string or app setting Elsewhere" in told


async def test_the_same_artefact_can_go_live_once_more(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    await bench.deploys(TWO)
    again = await bench.deploys(TWO)
    assert again.state is State.LIVE, again.reason
    assert again.from_version == again.version
    assert bench.asked_of_azure().count("POST slotsswap") == 2


async def test_somebody_who_deploys_over_it_is_noticed_before_the_migration_and_before_the_swap(
    bench: Bench, tmp_path: Path
) -> None:
    for asks_first in (True, False):
        bench.configure(asks_first=asks_first)
        await bench.opens(ONE)
        asked = await bench.asks(TWO)
        kudu = await bench.site.kudu("staging")
        await kudu.deploy_zip(zipped(tmp_path / "theirs.zip", BAD.site_files()), 20, quietly)
        failed = await bench.decided(asked)
        assert failed.state is State.FAILED
        assert "no longer what was tested" in str(failed.reason)
        assert "POST slotsswap" not in bench.asked_of_azure()
        assert bench.schema() == (["001"] if asks_first else ["001", "002"])


async def test_a_site_without_migrations_is_deployed_as_well(bench: Bench) -> None:
    bench.configure(migration=None)
    await bench.opens(ONE)
    name = "plain.zip"
    zipped(bench.artefacts / name, replace(TWO, needs=()).site_files())
    release = await bench.releases.deploy("shop", name, None, "ann", "C1")
    live = await bench.decided(await bench.stands(release, State.AWAITING_APPROVAL))
    assert live.state is State.LIVE, live.reason
    assert live.step(Step.MIGRATE_SHARED).state is StepState.SKIPPED
    assert live.facts.schema is None
    assert bench.schema() == ["001"]


async def test_one_that_turns_sick_while_it_is_watched_is_swapped_back_and_the_database_stays(
    bench: Bench,
) -> None:
    bench.configure(observe=timedelta(seconds=40))
    await bench.opens(ONE)
    asked = await bench.asks(replace(TWO, refuses=("bomb",)))
    approval = await bench.records.approval_of(asked.id)
    assert approval is not None
    await bench.releases.decide(approval.id, Verdict.APPROVED, "ben")
    await bench.at(asked, Step.OBSERVE)
    with bench.database.open("a") as database:
        database.write("bomb\n")
    ended = await bench.stands(asked)
    assert ended.state is State.FAILED
    assert "swapped back by itself" in str(ended.reason)
    assert await bench.answer() == (200, "1")
    assert bench.schema() == ["001", "002", "bomb"]
    assert ended.facts.left_on_new is None, "nothing that was written is on another database"


async def test_updated_while_it_is_watched_what_asked_first_begins_anew_and_stays_live(bench: Bench) -> None:
    bench.configure(asks_first=True, observe=timedelta(seconds=40))
    await bench.opens(ONE)
    asked = await bench.asks(TWO)
    approval = await bench.records.approval_of(asked.id)
    assert approval is not None
    await bench.releases.decide(approval.id, Verdict.APPROVED, "ben")
    await bench.at(asked, Step.OBSERVE)
    # As a newer bot does when it starts: it gives up what the older one had begun, and begins it anew.
    await DBOS.cancel_workflow_async(f"{asked.id}-{State.PROMOTING}")
    await bench.releases.go_on()

    async def is_past_the_tests() -> bool:
        release = await bench.records.release(asked.id)
        return not release.state.is_open or "swapped already" in release.step(Step.SMOKE_TEST).detail

    await in_time(is_past_the_tests, "the work has begun anew", 30)
    await bench.releases.end_watch(asked.id, WatchEnd.KEPT, "ben")
    live = await bench.stands(asked)
    assert live.state is State.LIVE, live.reason
    assert await bench.answer() == (200, "2")
    assert bench.asked_of_azure().count("POST slotsswap") == 1


async def test_the_old_slot_is_stopped_after_its_grace_and_a_rollback_wakes_it(bench: Bench) -> None:
    bench.configure(grace=timedelta())
    await bench.opens(ONE)
    await bench.deploys(TWO)
    await bench.chores.stop_old_slots()
    assert not await bench.running()
    back = await bench.releases.roll_back("shop", "ann", "C1")
    back = await bench.decided(await bench.stands(back, State.AWAITING_APPROVAL))
    assert back.state is State.ROLLED_BACK, back.reason
    assert await bench.answer() == (200, "1")


async def test_two_databases_and_a_string_in_the_arguments_are_warned_of(bench: Bench) -> None:
    shown = replace(
        MIGRATION,
        hand_over=HandOver.ARGUMENT,
        pending=(),
        command=("sh", "-c", 'DATABASE_URL="$1" exec ./migrate.sh', "sh", "{connection_string}"),
    )
    bench.configure(migration=shown)
    await bench.opens(ONE)
    other = ConnectionString("shopdb://shop:other@127.0.0.1/elsewhere", "Custom")
    bench.runtime.slots["production"].record.connection_strings = {"Shop": other}
    asked = await bench.asks(TWO)
    assert any("list of processes" in warning for warning in asked.facts.warnings)
    assert any("another database in production" in warning for warning in asked.facts.warnings)
    assert asked.facts.schema is not None
    assert asked.facts.schema.pending is None
    await bench.decided(asked, Verdict.REJECTED)


async def test_what_a_web_app_cannot_do_is_refused_and_its_status_has_no_word_of_ghost(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    await bench.deploys(TWO)
    for refused in (
        bench.releases.back_up("shop", "ann", "C1"),
        bench.releases.backups("shop"),
        bench.releases.versions("shop"),
    ):
        with pytest.raises(NotForThisSite):
            await refused
    told = site_lines((await bench.releases.status("shop"))[0])
    assert "shop-2@" in told
    assert "Ghost" not in told
    assert "ackup" not in told


def running_with(*words: str) -> bool:
    """Whether a process of the machine has one of these in its command line."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text()
        except OSError:
            continue
        if any(word in line for word in words) and "pytest" not in line:
            return True
    return False


async def eventually(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def quietly(_text: str) -> None:
    """Progress nobody reads here."""
