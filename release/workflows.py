"""The way of a release, as a table of contents. The engine repeats a step that a crash cut off.

Staging ends by asking and promoting is started by the answer, so nobody waits inside a workflow and
an approval lives through any restart or update of the bot.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from dbos import DBOS, DBOSConfiguredInstance
from dbos._error import DBOSWorkflowConflictIDError

from release.errors import Cancelled, ReleaseError, Unexpected
from release.ghost.build import Package
from release.holding import Holders, holding
from release.model import (
    BackupTaken,
    Candidate,
    MigrationDone,
    State,
    SwapDone,
)
from release.preflight import Cleared
from release.steps import Stages

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
Body = Callable[["Workflows", str], Coroutine[Any, Any, State]]
Work = Callable[["Workflows", str], Coroutine[Any, Any, None]]

VALUES = (BackupTaken, Candidate, Cleared, MigrationDone, Package, SwapDone)


async def step(routine: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a routine as a step of the workflow: its result is recorded, so it is not run again after a crash."""
    return await DBOS.run_step_async({"name": routine.__name__}, routine, *args, **kwargs)


async def side_by_side(*steps: Coroutine[Any, Any, Any]) -> list[Any]:  # Any: each step has its own result
    """All steps at once; if any fails, the others end first, and then the first failure is raised."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return list(outcomes)


def of_a_release(body: Body) -> Work:
    """A workflow of the engine: what it returns is the state that the release ends in, or waits in.

    Whoever runs it holds the release, also when it is run again after a crash: so this is no step. One that
    has lost it (`TakenOver`, or a step's result that the engine refuses) leaves without a word.
    """

    @functools.wraps(body)
    async def workflow(self: "Workflows", release_id: str) -> None:
        async with holding(self.holders, release_id):
            await _to_its_end(self.stages, release_id, functools.partial(body, self, release_id))

    return DBOS.workflow(max_recovery_attempts=None)(workflow)


def putting_back(body: Body) -> Body:
    """Whatever stops it before its swap, the shared database is put back, and then the error goes on."""

    @functools.wraps(body)
    async def run(self: "Workflows", release_id: str) -> State:
        try:
            return await body(self, release_id)
        except DBOSWorkflowConflictIDError:
            raise
        except Exception:
            await step(self.stages.sharing.put_back, release_id)
            raise

    return run


async def _to_its_end(stages: Stages, release_id: str, run: Callable[[], Awaitable[State]]) -> None:
    """Run it; whatever happens, the release ends in a state with a reason a person can read."""
    try:
        state = await _run_or_undo(stages, release_id, run)
        if state is State.AWAITING_APPROVAL:
            return
        await step(stages.ending.end, release_id, state, None, None)
    except Cancelled as error:
        await step(stages.ending.end, release_id, State.CANCELLED, str(error), error.advice)
    except ReleaseError as error:
        await step(stages.ending.end, release_id, State.FAILED, str(error), error.advice)
    except DBOSWorkflowConflictIDError:
        raise
    except Exception as error:
        log.exception("a release failed unexpectedly", extra={"release": release_id})
        told = Unexpected(
            "this release", type(error).__name__, release_id, "Check production with /ghost status."
        )
        await step(stages.ending.end, release_id, State.FAILED, str(told), told.advice)


async def _run_or_undo(stages: Stages, release_id: str, run: Callable[[], Awaitable[State]]) -> State:
    """Run it; stopped by somebody, staging is given back what it was, and then Cancelled goes on."""
    try:
        return await run()
    except Cancelled:
        await step(stages.undoing.undo, release_id)
        raise


@DBOS.dbos_class()
class Workflows(DBOSConfiguredInstance):
    """One instance a process; its name is the same in every process, so that another can go on with the work."""

    def __init__(self, stages: Stages, holders: Holders, name: str = "ghostbot") -> None:
        super().__init__(name)
        self.stages = stages
        self.holders = holders

    @of_a_release
    async def back_up(self, release_id: str) -> State:
        """Production's database, copied and checked."""
        await step(self.stages.staging.back_up, release_id)
        return State.BACKED_UP

    @of_a_release
    async def verify(self, release_id: str) -> State:
        """A new backup, read back by a Ghost of its very version."""
        restoring = self.stages.restoring
        backup = await step(self.stages.staging.back_up, release_id)
        major = await step(restoring.node_of_production, release_id, backup)
        package = await step(restoring.build_same, release_id, backup.version, major)
        await step(restoring.read_back, release_id, backup, package)
        return State.BACKED_UP

    @of_a_release
    async def verify_kept(self, release_id: str) -> State:
        """A backup that was taken before, read back by a Ghost of its very version."""
        restoring = self.stages.restoring
        backup = await step(restoring.check_kept, release_id)
        major = await step(restoring.node_of_backup, release_id, backup)
        package = await step(restoring.build_same, release_id, backup.version, major)
        await step(restoring.read_back, release_id, backup, package)
        return State.VERIFIED

    @of_a_release
    async def stage_restore(self, release_id: str) -> State:
        """A backup on staging with the very version it was taken from, tested, and the same question."""
        restoring = self.stages.restoring
        backup = await step(restoring.check_backup, release_id)
        cleared = await step(restoring.preflight, release_id, backup)
        _, package, _ = await side_by_side(
            step(self.stages.staging.back_up, release_id),
            step(restoring.build_same, release_id, cleared.target, cleared.node_major),
            step(self.stages.undoing.remember_staging, release_id),
        )
        deployment = await step(self.stages.staging.deploy, release_id, package)
        await step(self.stages.staging.sync_content, release_id, package)
        await step(restoring.put_backup, release_id, backup, package, cleared, deployment)
        await step(self.stages.staging.start, release_id)
        rows = {table: (count, count) for table, count in backup.rows.items()}
        await step(self.stages.staging.smoke_test, release_id, cleared, rows)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def stage_carry_over(self, release_id: str) -> State:
        """Production's database with the late writes in it on staging, tested, and the same question."""
        carrying = self.stages.carrying
        cleared = await step(carrying.preflight, release_id)
        backup, package, _ = await side_by_side(
            step(self.stages.staging.back_up, release_id),
            step(self.stages.restoring.build_same, release_id, cleared.target, cleared.node_major),
            step(self.stages.undoing.remember_staging, release_id),
        )
        merged = await step(carrying.merge, release_id, backup, package)
        deployment = await step(self.stages.staging.deploy, release_id, package)
        await step(carrying.sync_content, release_id, package)
        await step(self.stages.staging.put_database, release_id, backup, package, merged, deployment)
        await step(self.stages.staging.start, release_id)
        await step(self.stages.staging.smoke_test, release_id, cleared, merged.rows)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def stage(self, release_id: str) -> State:
        """A tested candidate on staging, and the question whether it may go live."""
        cleared = await step(self.stages.staging.preflight, release_id)

        async def made_here() -> tuple[BackupTaken, Package, MigrationDone]:
            backup, package, *_ = await side_by_side(
                step(self.stages.staging.back_up, release_id),
                step(self.stages.staging.build, release_id, cleared),
                step(self.stages.undoing.remember_staging, release_id),
                step(self.stages.staging.read_notes, release_id, cleared),
            )
            await step(self.stages.theming.check_theme, release_id, backup, package)
            return backup, package, await step(self.stages.staging.migrate, release_id, backup, package)

        # Listing the files of a large blog takes longer than its backup, and nothing but staging waits for it.
        _, (backup, package, migration) = await side_by_side(
            step(self.stages.staging.take_stock, release_id), made_here()
        )
        deployment = await step(self.stages.staging.deploy, release_id, package)
        await step(self.stages.staging.sync_content, release_id, package)
        await step(self.stages.staging.put_database, release_id, backup, package, migration, deployment)
        await step(self.stages.staging.start, release_id)
        await step(self.stages.staging.smoke_test, release_id, cleared, migration.rows)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def stage_swap(self, release_id: str) -> State:
        """What is on staging already, tested, and the same question."""
        cleared = await step(self.stages.staging.preflight, release_id)
        await step(self.stages.staging.start, release_id)
        await step(self.stages.staging.smoke_test, release_id, cleared, {})
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def promote(self, release_id: str) -> State:
        """The approved candidate, caught up with production, in production."""
        await step(self.stages.promoting.recheck, release_id)
        await step(self.stages.promoting.catch_up, release_id)
        await step(self.stages.promoting.put_live, release_id)
        await step(self.stages.promoting.account_for_late_writes, release_id)
        return State(await step(self.stages.observing.observe, release_id))

    @of_a_release
    async def promote_swap(self, release_id: str) -> State:
        """What was on staging already, approved, in production."""
        await step(self.stages.promoting.recheck, release_id)
        await step(self.stages.promoting.put_live, release_id)
        return State(await step(self.stages.observing.observe, release_id))

    @of_a_release
    async def promote_restore(self, release_id: str) -> State:
        """The backup, approved, in production. It does not catch up: going back in time is the point."""
        await step(self.stages.restoring.recheck, release_id)
        await step(self.stages.restoring.keep_leaving, release_id)
        await step(self.stages.promoting.put_live, release_id)
        await step(self.stages.restoring.keep_late_writes, release_id)
        return State(await step(self.stages.observing.observe, release_id))

    @of_a_release
    async def promote_carry_over(self, release_id: str) -> State:
        """The late writes, approved, merged into production's newest database, in production."""
        await step(self.stages.restoring.recheck, release_id)
        await step(self.stages.promoting.catch_up, release_id)
        await step(self.stages.promoting.put_live, release_id)
        await step(self.stages.promoting.account_for_late_writes, release_id)
        state = State(await step(self.stages.observing.observe, release_id))
        if state is State.LIVE:
            await step(self.stages.carrying.mark_carried, release_id)
        return state

    @of_a_release
    async def stage_rollback(self, release_id: str) -> State:
        """The old version, tested where it is, what going back to it costs, and the question."""
        await step(self.stages.rolling_back.ready_to_roll_back, release_id)
        await step(self.stages.rolling_back.keep_what_a_rollback_leaves, release_id)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def promote_rollback(self, release_id: str) -> State:
        """The old version, with its own database, in production again."""
        await step(self.stages.rolling_back.recheck, release_id)
        await step(self.stages.rolling_back.keep_last_writes, release_id)
        await step(self.stages.promoting.put_live, release_id)
        await step(self.stages.rolling_back.tell_final_price, release_id)
        return State.ROLLED_BACK

    @of_a_release
    async def stage_deploy(self, release_id: str) -> State:
        """An artefact on staging, the database that both slots share migrated, and the question."""
        deploying = self.stages.deploying
        await step(deploying.preflight, release_id)
        await step(deploying.fetch, release_id)
        await step(deploying.deploy, release_id)
        await step(deploying.list_pending, release_id)
        await step(deploying.migrate, release_id)
        await step(deploying.test_production, release_id)
        await step(deploying.start, release_id)
        await step(deploying.smoke_test, release_id)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def promote_deploy(self, release_id: str) -> State:
        """The artefact, approved, in production."""
        await step(self.stages.promoting.recheck, release_id)
        await step(self.stages.deploying.note_production, release_id)
        await step(self.stages.promoting.put_live, release_id)
        return State(await step(self.stages.observing.observe, release_id))

    @of_a_release
    async def stage_deploy_asking_first(self, release_id: str) -> State:
        """An artefact on staging, what its migration would do, and the question before it does."""
        deploying = self.stages.deploying
        await step(deploying.preflight, release_id)
        await step(deploying.fetch, release_id)
        await step(deploying.deploy, release_id)
        await step(deploying.list_pending, release_id)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def promote_deploy_asking_first(self, release_id: str) -> State:
        """The migration, approved, and then the artefact in production."""
        deploying = self.stages.deploying
        await step(deploying.recheck_deployed, release_id)
        await step(deploying.note_production, release_id)
        await step(deploying.migrate, release_id)
        await step(deploying.test_production, release_id)
        await step(deploying.start, release_id)
        await step(deploying.smoke_test, release_id)
        await step(self.stages.promoting.put_live, release_id)
        return State(await step(self.stages.observing.observe, release_id))

    @of_a_release
    async def stage_swap_back(self, release_id: str) -> State:
        """The old version, tested where it is, on the database that both slots share, and the question."""
        await step(self.stages.swapping_back.ready_to_roll_back, release_id)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    async def promote_swap_back(self, release_id: str) -> State:
        """The old version in production again; the database stays as it is."""
        await step(self.stages.swapping_back.recheck, release_id)
        await step(self.stages.promoting.put_live, release_id)
        return State.ROLLED_BACK

    @of_a_release
    async def migrate_down(self, release_id: str) -> State:
        """A migration undone by the site's own command, under a version that does without it."""
        await step(self.stages.deploying.preflight_down, release_id)
        await step(self.stages.deploying.migrate_down, release_id)
        await step(self.stages.deploying.test_production_down, release_id)
        return State.MIGRATED_DOWN

    @of_a_release
    async def stage_shared(self, release_id: str) -> State:
        """A candidate on staging, with a scratch copy of the database that both slots share, and the question."""
        sharing, staging = self.stages.sharing, self.stages.staging
        cleared = await step(sharing.preflight_shared, release_id)
        backup, package, *_ = await side_by_side(
            step(staging.back_up, release_id),
            step(staging.build, release_id, cleared),
            step(staging.take_stock, release_id),
            step(sharing.remember_shared, release_id),
            step(staging.read_notes, release_id, cleared),
        )
        await step(self.stages.theming.check_theme, release_id, backup, package)
        migration = await step(sharing.rehearse, release_id, backup, package)
        await step(sharing.point, release_id)
        deployment = await step(staging.deploy, release_id, package)
        await step(staging.sync_content, release_id, package)
        await step(sharing.put_together, release_id, backup, package, migration, deployment)
        await step(staging.start, release_id)
        await step(staging.smoke_test, release_id, cleared, migration.rows)
        await step(staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    @putting_back
    async def promote_shared(self, release_id: str) -> State:
        """The shared database migrated in place, and the approved candidate on it in production."""
        sharing = self.stages.sharing
        await step(self.stages.promoting.recheck, release_id)
        await step(sharing.close_writes, release_id)
        await step(sharing.dump, release_id)
        await step(sharing.migrate_shared, release_id)
        await step(sharing.test_production, release_id)
        await step(sharing.put_live, release_id)
        await step(sharing.stop_old, release_id)
        return State.LIVE

    @of_a_release
    async def stage_rollback_shared(self, release_id: str) -> State:
        """The old version tested on the dump from before the upgrade, what going back costs, and the question."""
        sharing = self.stages.sharing
        await step(sharing.ready_to_go_back, release_id)
        await step(sharing.rehearse_back, release_id)
        await step(sharing.test_the_old, release_id)
        await step(sharing.keep_what_it_leaves, release_id)
        await step(self.stages.staging.ask, release_id)
        return State.AWAITING_APPROVAL

    @of_a_release
    @putting_back
    async def promote_rollback_shared(self, release_id: str) -> State:
        """The shared database from the dump of before, and the old version on it in production again."""
        sharing = self.stages.sharing
        await step(sharing.still_ready, release_id)
        await step(sharing.close_writes, release_id)
        await step(sharing.dump_leaving, release_id)
        await step(sharing.restore_shared, release_id)
        await step(sharing.put_live, release_id)
        await step(sharing.stop_old, release_id)
        return State.ROLLED_BACK

    @of_a_release
    async def undo(self, release_id: str) -> State:
        """What a release that waited did to staging, undone; it ends as people, or the time, decided."""
        await step(self.stages.undoing.undo, release_id)
        # From the engine's records it comes back as text.
        return State(await step(self.stages.undoing.end_of, release_id))

    @of_a_release
    async def roll_back(self, release_id: str) -> State:
        """A rollback that a bot which did not ask yet had begun, to its end."""
        await step(self.stages.rolling_back.ready_to_roll_back, release_id)
        await step(self.stages.rolling_back.keep_what_a_rollback_leaves, release_id)
        await step(self.stages.promoting.put_live, release_id)
        return State.ROLLED_BACK
