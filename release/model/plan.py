"""The steps of each kind of release, in the order people see them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from release.model.kinds import Kind


class Step(StrEnum):
    """The steps people see, in the words of the plan."""

    PREFLIGHT = "preflight"
    BACK_UP = "back_up"
    BUILD = "build"
    TAKE_STOCK = "take_stock"
    CHECK_THEME = "check_theme"
    MIGRATE = "migrate"
    DEPLOY = "deploy"
    SYNC_CONTENT = "sync_content"
    PUT_DATABASE = "put_database"
    START = "start"
    SMOKE_TEST = "smoke_test"
    RECHECK = "recheck"
    CATCH_UP = "catch_up"
    PREVIEW = "preview"
    LAST_LOOK = "last_look"
    SWAP = "swap"
    VERIFY = "verify"
    LATE_WRITES = "late_writes"
    OBSERVE = "observe"
    CHECK_BACKUP = "check_backup"
    BUILD_SAME = "build_same"
    READ_BACK = "read_back"
    PUT_BACKUP = "put_backup"
    KEEP_LEAVING = "keep_leaving"
    MERGE = "merge"
    UNDO = "undo"
    FETCH = "fetch"
    LIST_PENDING = "list_pending"
    MIGRATE_SHARED = "migrate_shared"
    TEST_PRODUCTION = "test_production"
    MIGRATE_DOWN = "migrate_down"
    POINT = "point"
    REHEARSE_BACK = "rehearse_back"
    CLOSE_WRITES = "close_writes"
    DUMP = "dump"
    RESTORE_SHARED = "restore_shared"
    STOP_OLD = "stop_old"
    PUT_BACK = "put_back"


# Of no plan: told of where it happens.
UNPLANNED = (Step.UNDO, Step.PUT_BACK)


STAGE_STEPS = (
    Step.PREFLIGHT,
    Step.BACK_UP,
    Step.BUILD,
    Step.TAKE_STOCK,
    Step.CHECK_THEME,
    Step.MIGRATE,
    Step.DEPLOY,
    Step.SYNC_CONTENT,
    Step.PUT_DATABASE,
    Step.START,
    Step.SMOKE_TEST,
)


PROMOTE_STEPS = (
    Step.RECHECK,
    Step.CATCH_UP,
    Step.PREVIEW,
    Step.LAST_LOOK,
    Step.SWAP,
    Step.VERIFY,
    Step.LATE_WRITES,
    Step.OBSERVE,
)


PLAN: dict[Kind, tuple[Step, ...]] = {
    Kind.UPGRADE: STAGE_STEPS + PROMOTE_STEPS,
    Kind.BACKUP: (Step.BACK_UP,),
    Kind.SWAP: (
        Step.PREFLIGHT,
        Step.START,
        Step.SMOKE_TEST,
        Step.RECHECK,
        Step.PREVIEW,
        Step.SWAP,
        Step.VERIFY,
        Step.OBSERVE,
    ),
    Kind.ROLLBACK: (
        Step.PREFLIGHT,
        Step.START,
        Step.SMOKE_TEST,
        Step.BACK_UP,
        Step.RECHECK,
        Step.KEEP_LEAVING,
        Step.SWAP,
        Step.VERIFY,
        Step.LATE_WRITES,
    ),
    Kind.VERIFY: (Step.BACK_UP, Step.BUILD_SAME, Step.READ_BACK),
    Kind.VERIFY_KEPT: (Step.CHECK_BACKUP, Step.BUILD_SAME, Step.READ_BACK),
    Kind.RESTORE: (
        Step.CHECK_BACKUP,
        Step.PREFLIGHT,
        Step.BACK_UP,
        Step.BUILD_SAME,
        Step.DEPLOY,
        Step.SYNC_CONTENT,
        Step.PUT_BACKUP,
        Step.START,
        Step.SMOKE_TEST,
        Step.RECHECK,
        Step.KEEP_LEAVING,
        Step.PREVIEW,
        Step.SWAP,
        Step.VERIFY,
        Step.LATE_WRITES,
        Step.OBSERVE,
    ),
    Kind.CARRY_OVER: (
        Step.PREFLIGHT,
        Step.BACK_UP,
        Step.BUILD_SAME,
        Step.MERGE,
        Step.DEPLOY,
        Step.SYNC_CONTENT,
        Step.PUT_DATABASE,
        Step.START,
        Step.SMOKE_TEST,
        *PROMOTE_STEPS,
    ),
    Kind.DEPLOY: (
        Step.PREFLIGHT,
        Step.FETCH,
        Step.DEPLOY,
        Step.LIST_PENDING,
        Step.MIGRATE_SHARED,
        Step.TEST_PRODUCTION,
        Step.START,
        Step.SMOKE_TEST,
        Step.RECHECK,
        Step.PREVIEW,
        Step.SWAP,
        Step.VERIFY,
        Step.OBSERVE,
    ),
    Kind.DEPLOY_ASKING_FIRST: (
        Step.PREFLIGHT,
        Step.FETCH,
        Step.DEPLOY,
        Step.LIST_PENDING,
        Step.RECHECK,
        Step.MIGRATE_SHARED,
        Step.TEST_PRODUCTION,
        Step.START,
        Step.SMOKE_TEST,
        Step.PREVIEW,
        Step.SWAP,
        Step.VERIFY,
        Step.OBSERVE,
    ),
    Kind.SWAP_BACK: (
        Step.PREFLIGHT,
        Step.START,
        Step.SMOKE_TEST,
        Step.RECHECK,
        Step.SWAP,
        Step.VERIFY,
    ),
    Kind.MIGRATE_DOWN: (Step.PREFLIGHT, Step.MIGRATE_DOWN, Step.TEST_PRODUCTION),
    Kind.UPGRADE_SHARED: (
        Step.PREFLIGHT,
        Step.BACK_UP,
        Step.BUILD,
        Step.TAKE_STOCK,
        Step.CHECK_THEME,
        Step.MIGRATE,
        Step.POINT,
        Step.DEPLOY,
        Step.SYNC_CONTENT,
        Step.START,
        Step.SMOKE_TEST,
        Step.RECHECK,
        Step.CLOSE_WRITES,
        Step.DUMP,
        Step.MIGRATE_SHARED,
        Step.TEST_PRODUCTION,
        Step.PREVIEW,
        Step.LAST_LOOK,
        Step.SWAP,
        Step.VERIFY,
        Step.STOP_OLD,
    ),
    Kind.ROLLBACK_SHARED: (
        Step.PREFLIGHT,
        Step.REHEARSE_BACK,
        Step.START,
        Step.SMOKE_TEST,
        Step.BACK_UP,
        Step.RECHECK,
        Step.CLOSE_WRITES,
        Step.DUMP,
        Step.RESTORE_SHARED,
        Step.LAST_LOOK,
        Step.SWAP,
        Step.VERIFY,
        Step.STOP_OLD,
    ),
}


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class StepRecord:
    """One step of one release. `detail` is its figures in one line, for the thread."""

    step: Step
    state: StepState
    detail: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()
