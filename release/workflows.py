"""The way of a release, as a table of contents. The engine repeats a step that a crash cut off.

Staging ends by asking and promoting is started by the answer, so nobody waits inside a workflow and
an approval lives through any restart or update of the bot.
"""

import asyncio
import hashlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from dbos import DBOS, DBOSConfig, DBOSConfiguredInstance, Queue, SetEnqueueOptions, SetWorkflowID
from dbos._error import DBOSWorkflowConflictIDError, DBOSWorkflowIDInUseError

from release.errors import Cancelled, ReleaseError, Unexpected
from release.ghost.build import Package
from release.holding import Holders, holding
from release.model import (
    BackupTaken,
    Candidate,
    Kind,
    MigrationDone,
    Release,
    State,
    SwapDone,
)
from release.preflight import Cleared
from release.records.opening import IDLE_IN_TRANSACTION_SECONDS
from release.safe_json import SafeJson, refuse_pickle
from release.steps import Stages

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

QUEUE = "releases"
_VALUES = (BackupTaken, Candidate, Cleared, MigrationDone, Package, SwapDone)


@DBOS.dbos_class()
class Workflows(DBOSConfiguredInstance):
    """One instance a process; its name is the same in every process, so that another can go on with the work."""

    def __init__(self, stages: Stages, holders: Holders, name: str = "ghostbot") -> None:
        super().__init__(name)
        self.stages = stages
        self._holders = holders

    @DBOS.workflow(max_recovery_attempts=None)
    async def back_up(self, release_id: str) -> None:
        """Production's database, copied and checked."""

        async def run() -> State:
            await step(self.stages.staging.back_up, release_id)
            return State.BACKED_UP

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def verify(self, release_id: str) -> None:
        """A new backup, read back by a Ghost of its very version."""

        async def run() -> State:
            restoring = self.stages.restoring
            backup = await step(self.stages.staging.back_up, release_id)
            major = await step(restoring.node_of_production, release_id, backup)
            package = await step(restoring.build_same, release_id, backup.version, major)
            await step(restoring.read_back, release_id, backup, package)
            return State.BACKED_UP

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def verify_kept(self, release_id: str) -> None:
        """A backup that was taken before, read back by a Ghost of its very version."""

        async def run() -> State:
            restoring = self.stages.restoring
            backup = await step(restoring.check_kept, release_id)
            major = await step(restoring.node_of_backup, release_id, backup)
            package = await step(restoring.build_same, release_id, backup.version, major)
            await step(restoring.read_back, release_id, backup, package)
            return State.VERIFIED

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_restore(self, release_id: str) -> None:
        """A backup on staging with the very version it was taken from, tested, and the same question."""

        async def run() -> State:
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

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_carry_over(self, release_id: str) -> None:
        """Production's database with the late writes in it on staging, tested, and the same question."""

        async def run() -> State:
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

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage(self, release_id: str) -> None:
        """A tested candidate on staging, and the question whether it may go live."""

        async def run() -> State:
            cleared = await step(self.stages.staging.preflight, release_id)
            backup, package, _, _ = await side_by_side(
                step(self.stages.staging.back_up, release_id),
                step(self.stages.staging.build, release_id, cleared),
                step(self.stages.staging.take_stock, release_id),
                step(self.stages.undoing.remember_staging, release_id),
            )
            await step(self.stages.theming.check_theme, release_id, backup, package)
            migration = await step(self.stages.staging.migrate, release_id, backup, package)
            deployment = await step(self.stages.staging.deploy, release_id, package)
            await step(self.stages.staging.sync_content, release_id, package)
            await step(self.stages.staging.put_database, release_id, backup, package, migration, deployment)
            await step(self.stages.staging.start, release_id)
            await step(self.stages.staging.smoke_test, release_id, cleared, migration.rows)
            await step(self.stages.staging.ask, release_id)
            return State.AWAITING_APPROVAL

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_swap(self, release_id: str) -> None:
        """What is on staging already, tested, and the same question."""

        async def run() -> State:
            cleared = await step(self.stages.staging.preflight, release_id)
            await step(self.stages.staging.start, release_id)
            await step(self.stages.staging.smoke_test, release_id, cleared, {})
            await step(self.stages.staging.ask, release_id)
            return State.AWAITING_APPROVAL

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote(self, release_id: str) -> None:
        """The approved candidate, caught up with production, in production."""

        async def run() -> State:
            await step(self.stages.promoting.recheck, release_id)
            await step(self.stages.promoting.catch_up, release_id)
            await step(self.stages.promoting.put_live, release_id)
            await step(self.stages.promoting.account_for_late_writes, release_id)
            return State(await step(self.stages.observing.observe, release_id))

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_swap(self, release_id: str) -> None:
        """What was on staging already, approved, in production."""

        async def run() -> State:
            await step(self.stages.promoting.recheck, release_id)
            await step(self.stages.promoting.put_live, release_id)
            return State(await step(self.stages.observing.observe, release_id))

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_restore(self, release_id: str) -> None:
        """The backup, approved, in production. It does not catch up: going back in time is the point."""

        async def run() -> State:
            await step(self.stages.restoring.recheck, release_id)
            await step(self.stages.restoring.keep_leaving, release_id)
            await step(self.stages.promoting.put_live, release_id)
            await step(self.stages.restoring.keep_late_writes, release_id)
            return State(await step(self.stages.observing.observe, release_id))

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_carry_over(self, release_id: str) -> None:
        """The late writes, approved, merged into production's newest database, in production."""

        async def run() -> State:
            await step(self.stages.restoring.recheck, release_id)
            await step(self.stages.promoting.catch_up, release_id)
            await step(self.stages.promoting.put_live, release_id)
            await step(self.stages.promoting.account_for_late_writes, release_id)
            state = State(await step(self.stages.observing.observe, release_id))
            if state is State.LIVE:
                await step(self.stages.carrying.mark_carried, release_id)
            return state

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_rollback(self, release_id: str) -> None:
        """The old version, tested where it is, what going back to it costs, and the question."""

        async def run() -> State:
            await step(self.stages.rolling_back.ready_to_roll_back, release_id)
            await step(self.stages.rolling_back.keep_what_a_rollback_leaves, release_id)
            await step(self.stages.staging.ask, release_id)
            return State.AWAITING_APPROVAL

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_rollback(self, release_id: str) -> None:
        """The old version, with its own database, in production again."""

        async def run() -> State:
            await step(self.stages.rolling_back.recheck, release_id)
            await step(self.stages.rolling_back.keep_last_writes, release_id)
            await step(self.stages.promoting.put_live, release_id)
            await step(self.stages.rolling_back.tell_final_price, release_id)
            return State.ROLLED_BACK

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_deploy(self, release_id: str) -> None:
        """An artefact on staging, the database that both slots share migrated, and the question."""

        async def run() -> State:
            deploying = self.stages.deploying
            await step(deploying.preflight, release_id)
            await step(deploying.fetch, release_id)
            await step(deploying.deploy, release_id)
            await step(deploying.list_pending, release_id)
            await step(deploying.migrate, release_id)
            await step(deploying.test_production, release_id)
            await step(self.stages.staging.start, release_id)
            await step(deploying.smoke_test, release_id)
            await step(self.stages.staging.ask, release_id)
            return State.AWAITING_APPROVAL

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_deploy(self, release_id: str) -> None:
        """The artefact, approved, in production."""

        async def run() -> State:
            await step(self.stages.promoting.recheck, release_id)
            await step(self.stages.deploying.note_production, release_id)
            await step(self.stages.promoting.put_live, release_id)
            return State(await step(self.stages.observing.observe, release_id))

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_deploy_asking_first(self, release_id: str) -> None:
        """An artefact on staging, what its migration would do, and the question before it does."""

        async def run() -> State:
            deploying = self.stages.deploying
            await step(deploying.preflight, release_id)
            await step(deploying.fetch, release_id)
            await step(deploying.deploy, release_id)
            await step(deploying.list_pending, release_id)
            await step(self.stages.staging.ask, release_id)
            return State.AWAITING_APPROVAL

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_deploy_asking_first(self, release_id: str) -> None:
        """The migration, approved, and then the artefact in production."""

        async def run() -> State:
            deploying = self.stages.deploying
            await step(deploying.recheck_deployed, release_id)
            await step(deploying.note_production, release_id)
            await step(deploying.migrate, release_id)
            await step(deploying.test_production, release_id)
            await step(self.stages.staging.start, release_id)
            await step(deploying.smoke_test, release_id)
            await step(self.stages.promoting.put_live, release_id)
            return State(await step(self.stages.observing.observe, release_id))

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_swap_back(self, release_id: str) -> None:
        """The old version, tested where it is, on the database that both slots share, and the question."""

        async def run() -> State:
            await step(self.stages.swapping_back.ready_to_roll_back, release_id)
            await step(self.stages.staging.ask, release_id)
            return State.AWAITING_APPROVAL

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_swap_back(self, release_id: str) -> None:
        """The old version in production again; the database stays as it is."""

        async def run() -> State:
            await step(self.stages.swapping_back.recheck, release_id)
            await step(self.stages.promoting.put_live, release_id)
            return State.ROLLED_BACK

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def migrate_down(self, release_id: str) -> None:
        """A migration undone by the site's own command, under a version that does without it."""

        async def run() -> State:
            await step(self.stages.deploying.preflight_down, release_id)
            await step(self.stages.deploying.migrate_down, release_id)
            await step(self.stages.deploying.test_production_down, release_id)
            return State.MIGRATED_DOWN

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_shared(self, release_id: str) -> None:
        """A candidate on staging, with a scratch copy of the database that both slots share, and the question."""

        async def run() -> State:
            sharing, staging = self.stages.sharing, self.stages.staging
            cleared = await step(sharing.preflight_shared, release_id)
            backup, package, _, _ = await side_by_side(
                step(staging.back_up, release_id),
                step(staging.build, release_id, cleared),
                step(staging.take_stock, release_id),
                step(sharing.remember_shared, release_id),
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

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_shared(self, release_id: str) -> None:
        """The shared database migrated in place, and the approved candidate on it in production."""

        async def run() -> State:
            sharing = self.stages.sharing
            await step(self.stages.promoting.recheck, release_id)
            await step(sharing.close_writes, release_id)
            await step(sharing.dump, release_id)
            await step(sharing.migrate_shared, release_id)
            await step(sharing.test_production, release_id)
            await step(sharing.put_live, release_id)
            await step(sharing.stop_old, release_id)
            return State.LIVE

        await self._to_its_end(release_id, lambda: self._or_put_back(release_id, run))

    @DBOS.workflow(max_recovery_attempts=None)
    async def stage_rollback_shared(self, release_id: str) -> None:
        """The old version tested on the dump from before the upgrade, what going back costs, and the question."""

        async def run() -> State:
            sharing = self.stages.sharing
            await step(sharing.ready_to_go_back, release_id)
            await step(sharing.rehearse_back, release_id)
            await step(sharing.test_the_old, release_id)
            await step(sharing.keep_what_it_leaves, release_id)
            await step(self.stages.staging.ask, release_id)
            return State.AWAITING_APPROVAL

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def promote_rollback_shared(self, release_id: str) -> None:
        """The shared database from the dump of before, and the old version on it in production again."""

        async def run() -> State:
            sharing = self.stages.sharing
            await step(sharing.still_ready, release_id)
            await step(sharing.close_writes, release_id)
            await step(sharing.dump_leaving, release_id)
            await step(sharing.restore_shared, release_id)
            await step(sharing.put_live, release_id)
            await step(sharing.stop_old, release_id)
            return State.ROLLED_BACK

        await self._to_its_end(release_id, lambda: self._or_put_back(release_id, run))

    @DBOS.workflow(max_recovery_attempts=None)
    async def undo(self, release_id: str) -> None:
        """What a release that waited did to staging, undone; it ends as people, or the time, decided."""

        async def run() -> State:
            await step(self.stages.undoing.undo, release_id)
            # From the engine's records it comes back as text.
            return State(await step(self.stages.undoing.end_of, release_id))

        await self._to_its_end(release_id, run)

    @DBOS.workflow(max_recovery_attempts=None)
    async def roll_back(self, release_id: str) -> None:
        """A rollback that a bot which did not ask yet had begun, to its end."""

        async def run() -> State:
            await step(self.stages.rolling_back.ready_to_roll_back, release_id)
            await step(self.stages.rolling_back.keep_what_a_rollback_leaves, release_id)
            await step(self.stages.promoting.put_live, release_id)
            return State.ROLLED_BACK

        await self._to_its_end(release_id, run)

    async def _to_its_end(self, release_id: str, run: Callable[[], Awaitable[State]]) -> None:
        """Run it; whatever happens, the release ends in a state with a reason a person can read.

        Whoever runs it holds the release, also when it is run again after a crash: so this is no step. One that
        has lost it (`TakenOver`, or a step's result that the engine refuses) leaves without a word.
        """
        async with holding(self._holders, release_id):
            await self._with_an_end(release_id, run)

    async def _with_an_end(self, release_id: str, run: Callable[[], Awaitable[State]]) -> None:
        try:
            state = await self._run_or_undo(release_id, run)
            if state is State.AWAITING_APPROVAL:
                return
            await step(self.stages.ending.end, release_id, state, None, None)
        except Cancelled as error:
            await step(self.stages.ending.end, release_id, State.CANCELLED, str(error), error.advice)
        except ReleaseError as error:
            await step(self.stages.ending.end, release_id, State.FAILED, str(error), error.advice)
        except DBOSWorkflowConflictIDError:
            raise
        except Exception as error:
            log.exception("a release failed unexpectedly", extra={"release": release_id})
            told = Unexpected(
                "this release", type(error).__name__, release_id, "Check production with /ghost status."
            )
            await step(self.stages.ending.end, release_id, State.FAILED, str(told), told.advice)

    async def _or_put_back(self, release_id: str, run: Callable[[], Awaitable[State]]) -> State:
        """Run it; whatever stops it before its swap, the shared database is put back, and then the error goes on."""
        try:
            return await run()
        except DBOSWorkflowConflictIDError:
            raise
        except Exception:
            await step(self.stages.sharing.put_back, release_id)
            raise

    async def _run_or_undo(self, release_id: str, run: Callable[[], Awaitable[State]]) -> State:
        """Run it; stopped by somebody, staging is given back what it was, and then Cancelled goes on."""
        try:
            return await run()
        except Cancelled:
            await step(self.stages.undoing.undo, release_id)
            raise


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


def application_version() -> str:
    """Which code this is, as far as work that was begun depends on it: the workflows, and what their steps hand on.

    The engine replays what a bot of the same version had begun. What another one had begun begins anew.
    """
    sources = {Path(inspect.getfile(kind)) for kind in (Workflows, *_VALUES)}
    digest = hashlib.sha256()
    for source in sorted(sources, key=lambda source: source.name):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


async def give_up_work_of_other_versions(executor_id: str) -> None:
    """What that process, which is gone, had begun with other code is never gone on with by the engine.

    Its steps may be others now, so they cannot be replayed. The releases themselves stay open: `Engine.start`
    begins their work anew, and every step may run twice.
    """
    left = await DBOS.list_workflows_async(
        status=["PENDING", "ENQUEUED"], load_input=False, load_output=False
    )
    for work in left:
        if work.executor_id in (executor_id, None, "") and work.app_version != DBOS.application_version:
            log.warning(
                "work that another version of the bot had begun begins anew",
                extra={"work": work.workflow_id, "version": work.app_version},
            )
            await DBOS.cancel_workflow_async(work.workflow_id)


class Engine:
    """The durable engine under the workflows: starts each release's work exactly once."""

    def __init__(self, workflows: Workflows, queue: Queue) -> None:
        self._workflows = workflows
        self._queue = queue

    async def start(self, release: Release) -> None:
        """Start the work that the release's state asks for; started before, nothing happens."""
        work = {
            (Kind.UPGRADE, State.STAGING): self._workflows.stage,
            (Kind.SWAP, State.STAGING): self._workflows.stage_swap,
            (Kind.BACKUP, State.BACKING_UP): self._workflows.back_up,
            (Kind.ROLLBACK, State.STAGING): self._workflows.stage_rollback,
            (Kind.ROLLBACK, State.PROMOTING): self._workflows.promote_rollback,
            (Kind.ROLLBACK, State.ROLLING_BACK): self._workflows.roll_back,
            (Kind.VERIFY, State.BACKING_UP): self._workflows.verify,
            (Kind.VERIFY_KEPT, State.VERIFYING): self._workflows.verify_kept,
            (Kind.RESTORE, State.STAGING): self._workflows.stage_restore,
            (Kind.RESTORE, State.PROMOTING): self._workflows.promote_restore,
            (Kind.CARRY_OVER, State.STAGING): self._workflows.stage_carry_over,
            (Kind.CARRY_OVER, State.PROMOTING): self._workflows.promote_carry_over,
            (Kind.DEPLOY, State.STAGING): self._workflows.stage_deploy,
            (Kind.DEPLOY, State.PROMOTING): self._workflows.promote_deploy,
            (Kind.DEPLOY_ASKING_FIRST, State.STAGING): self._workflows.stage_deploy_asking_first,
            (Kind.DEPLOY_ASKING_FIRST, State.PROMOTING): self._workflows.promote_deploy_asking_first,
            (Kind.SWAP_BACK, State.STAGING): self._workflows.stage_swap_back,
            (Kind.SWAP_BACK, State.PROMOTING): self._workflows.promote_swap_back,
            (Kind.MIGRATE_DOWN, State.MIGRATING): self._workflows.migrate_down,
            (Kind.UPGRADE, State.PROMOTING): self._workflows.promote,
            (Kind.UPGRADE_SHARED, State.STAGING): self._workflows.stage_shared,
            (Kind.UPGRADE_SHARED, State.PROMOTING): self._workflows.promote_shared,
            (Kind.ROLLBACK_SHARED, State.STAGING): self._workflows.stage_rollback_shared,
            (Kind.ROLLBACK_SHARED, State.PROMOTING): self._workflows.promote_rollback_shared,
            (Kind.SWAP, State.PROMOTING): self._workflows.promote_swap,
        }.get((release.kind, release.state))
        if release.state is State.UNDOING:
            work = self._workflows.undo
        if work is None:
            return
        key = f"{release.id}-{release.state}"
        given_up = await DBOS.list_workflows_async(
            workflow_id_prefix=key, status="CANCELLED", load_input=False, load_output=False
        )
        if given_up:
            # Counted, and not named by the version: who goes back to the bot of before starts a third time.
            key = f"{key}-{len(given_up)}"
        try:
            with (
                SetWorkflowID(key, workflow_id_reuse_policy="reject"),
                SetEnqueueOptions(queue_partition_key=release.site),
            ):
                await self._queue.enqueue_async(work, release.id)
        except (DBOSWorkflowIDInUseError, DBOSWorkflowConflictIDError):
            log.info("already started", extra={"release": release.id})

    def stop(self, seconds: float) -> None:
        """Let running steps end for at most `seconds`; what is cut off goes on at the next start."""
        DBOS.destroy(workflow_completion_timeout_sec=int(seconds))


async def start_engine(stages: Stages, holders: Holders, database_url: str, executor_id: str) -> Engine:
    """The engine on its database, already going on with whatever an earlier process left unfinished."""
    refuse_pickle()
    config: DBOSConfig = {
        "name": "ghostbot",
        "system_database_url": database_url,
        "executor_id": executor_id,
        "application_version": application_version(),
        "serializer": SafeJson(_VALUES),
        "log_level": "WARNING",
        "max_executor_threads": 8,
        "sys_db_pool_size": 8,
        "notification_listener_polling_interval_sec": 1.0,
        "sys_db_idle_transaction_timeout_sec": IDLE_IN_TRANSACTION_SECONDS,
    }
    DBOS(config=config)
    workflows = Workflows(stages, holders)
    DBOS.launch()
    await give_up_work_of_other_versions(executor_id)
    queue = await DBOS.register_queue_async(QUEUE, partition_concurrency=1, polling_interval_sec=0.2)
    return Engine(workflows, queue)
