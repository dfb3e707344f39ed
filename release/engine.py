"""The durable engine under the workflows: what was begun goes on after a crash, and is begun once."""

import asyncio
import hashlib
import inspect
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dbos import (
    DBOS,
    DBOSConfig,
    Queue,
    SetEnqueueOptions,
    SetWorkflowID,
    WorkflowStatus,
    _workflow_commands,
)
from dbos._error import DBOSWorkflowConflictIDError, DBOSWorkflowIDInUseError
from dbos._sys_db import SystemDatabase

from release.holding import Holders
from release.model import Kind, Release, State
from release.records.opening import IDLE_IN_TRANSACTION_SECONDS
from release.safe_json import SafeJson, refuse_pickle
from release.steps import Stages
from release.workflows import VALUES, Workflows

log = logging.getLogger(__name__)

QUEUE = "releases"
POLL_SECONDS = 0.8
"""How often replicas look for work that was asked for: each look costs 4 ms of a processor, all day long."""

REST_SECONDS = 30.0
"""How often the engine looks for what only its other users have: delayed work, deadlines, a queue of its own."""

RECOVERY_SECONDS, RECOVERY_POLL_SECONDS = 15.0, 0.3
"""For so long after a start it looks often: what an earlier process left goes on through that queue."""

TAKEN_AT_ONCE = 2
"""Of much work at once, how much one replica takes in one look; the others look within the same `POLL_SECONDS`."""


def application_version() -> str:
    """Which code this is, as far as work that was begun depends on it: the workflows, and what their steps hand on.

    The engine replays what a bot of the same version had begun. What another one had begun begins anew.
    """
    sources = {Path(inspect.getfile(kind)) for kind in (Workflows, *VALUES)}
    digest = hashlib.sha256()
    for source in sorted(sources, key=lambda source: source.name):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


async def give_up_work_of_other_versions(executor_id: str, shared: bool) -> None:
    """What that process, which is gone, had begun with other code is never gone on with by the engine.

    Its steps may be others now, so they cannot be replayed. The releases themselves stay open: `Engine.start`
    begins their work anew, and every step may run twice. So it is with what waits in the queue of a bot that was not
    alone then: one that is has no queue.
    """
    for work in await _not_ended():
        if work.executor_id in (executor_id, None, "") and (
            _is_others(work) or (not shared and work.queue_name == QUEUE)
        ):
            await _give_up(work)


async def give_up_what_a_replica_left(gone: str, present: Collection[str]) -> None:
    """As above, for another replica that is gone: each has a name of its own, so that none finds its own work again.

    So it is with what waits in the queue since replicas were there that are not `present` any more: only one of
    their version would take it.
    """
    for work in await _not_ended():
        waits = work.status == "ENQUEUED" and work.executor_id not in present
        if _is_others(work) and (waits or work.executor_id == gone):
            await _give_up(work)


async def _not_ended() -> list[WorkflowStatus]:
    return await DBOS.list_workflows_async(
        status=["PENDING", "ENQUEUED"], load_input=False, load_output=False
    )


def _is_others(work: WorkflowStatus) -> bool:
    return work.app_version != DBOS.application_version


async def _give_up(work: WorkflowStatus) -> None:
    log.warning(
        "work that another version of the bot had begun begins anew",
        extra={"work": work.workflow_id, "version": work.app_version},
    )
    await DBOS.cancel_workflow_async(work.workflow_id)


class Engine:
    """The durable engine under the workflows: starts each release's work exactly once.

    Replicas share it through `queue`, and look into it now and then; a bot that is alone begins it at once.
    """

    def __init__(self, workflows: Workflows, queue: Queue | None) -> None:
        self._workflows = workflows
        self._queue = queue

    async def start(self, release: Release) -> None:
        """Start the work that the release's state asks for; started before, nothing happens.

        Unless it was given up, or not even the release's end could be written: no other work does it then, so it is
        begun anew, and every step may run twice.
        """
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
            workflow_id_prefix=key, status=["CANCELLED", "ERROR"], load_input=False, load_output=False
        )
        if given_up:
            # Counted, and not named by the version: who goes back to the bot of before starts a third time.
            key = f"{key}-{len(given_up)}"
        try:
            with SetWorkflowID(key, workflow_id_reuse_policy="reject"):
                if self._queue is None:
                    await DBOS.start_workflow_async(work, release.id)
                else:
                    with SetEnqueueOptions(queue_partition_key=release.site):
                        await self._queue.enqueue_async(work, release.id)
        except (DBOSWorkflowIDInUseError, DBOSWorkflowConflictIDError):
            log.info("already started", extra={"release": release.id})

    def stop(self, seconds: float) -> None:
        """Let running steps end for at most `seconds`; what is cut off goes on at the next start."""
        DBOS.destroy(workflow_completion_timeout_sec=int(seconds))


def leave_some_to_others(database: SystemDatabase) -> None:
    """Whoever looks first takes a share of what waits, and not all of it. Nothing limits how much one has in the end.

    The engine's own limits are of what one replica has at a time: a swap would wait for others that only watch.
    """
    take = database.start_queued_partitioned_workflows

    def take_some(
        queue: Queue, executor_id: str, version: str, most: int = TAKEN_AT_ONCE, **more: Any
    ) -> list[str]:  # Any: the engine's
        return take(queue, executor_id, version, min(most, TAKEN_AT_ONCE), **more)

    database.start_queued_partitioned_workflows = take_some  # type: ignore[assignment,method-assign]  # no switch for it


def look_seldom(engine: DBOS, shared: bool) -> None:
    """Looking once a second for what is never there takes 0.3 % of a processor each. No setting for it yet.

    Through its own queue the engine also goes on with what an earlier process left: at a start, and where there are
    other replicas at any time.
    """
    _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = REST_SECONDS
    if not shared:
        own = engine._registry.get_internal_queue()
        own._polling_interval_sec = RECOVERY_POLL_SECONDS
        asyncio.get_running_loop().call_later(
            RECOVERY_SECONDS, setattr, own, "_polling_interval_sec", REST_SECONDS
        )


async def start_engine(
    stages: Stages, holders: Holders, database_url: str, executor_id: str, shared: bool = False
) -> Engine:
    """The engine on its database, already going on with whatever an earlier process left unfinished.

    `shared`: other replicas work on the same database.
    """
    refuse_pickle()
    config: DBOSConfig = {
        "name": "ghostbot",
        "system_database_url": database_url,
        "executor_id": executor_id,
        "application_version": application_version(),
        "serializer": SafeJson(VALUES),
        "log_level": "WARNING",
        "max_executor_threads": 8,
        "sys_db_pool_size": 8,
        "notification_listener_polling_interval_sec": 1.0,
        "sys_db_idle_transaction_timeout_sec": IDLE_IN_TRANSACTION_SECONDS,
    }
    engine = DBOS(config=config)
    workflows = Workflows(stages, holders)
    look_seldom(engine, shared)
    DBOS.launch()
    if shared:
        leave_some_to_others(engine._sys_db)
    await give_up_work_of_other_versions(executor_id, shared)
    if not shared:
        return Engine(workflows, None)
    queue = await DBOS.register_queue_async(QUEUE, partition_concurrency=1, polling_interval_sec=POLL_SECONDS)
    return Engine(workflows, queue)
