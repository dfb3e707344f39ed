"""What kinds of release there are, and where one stands."""

from enum import StrEnum


class Kind(StrEnum):
    UPGRADE = "upgrade"
    BACKUP = "backup"
    SWAP = "swap"
    ROLLBACK = "rollback"
    VERIFY = "verify"
    VERIFY_KEPT = "verify_kept"
    RESTORE = "restore"
    CARRY_OVER = "carry_over"
    DEPLOY = "deploy"
    DEPLOY_ASKING_FIRST = "deploy_asking_first"
    SWAP_BACK = "swap_back"
    MIGRATE_DOWN = "migrate_down"
    UPGRADE_SHARED = "upgrade_shared"
    ROLLBACK_SHARED = "rollback_shared"

    @property
    def upgrades(self) -> bool:
        """Whether it puts a newer version live."""
        return self in (Kind.UPGRADE, Kind.UPGRADE_SHARED)

    @property
    def goes_back(self) -> bool:
        """Whether it takes a release back that is live: a rollback, whatever becomes of the database."""
        return self in (Kind.ROLLBACK, Kind.SWAP_BACK, Kind.ROLLBACK_SHARED)

    @property
    def rehearses(self) -> bool:
        """Whether staging is pointed at a scratch copy of the database that both slots share, until people decide."""
        return self in (Kind.UPGRADE_SHARED, Kind.ROLLBACK_SHARED)

    @property
    def deploys(self) -> bool:
        """Whether it puts an artefact live, and migrates a database that both slots share."""
        return self in (Kind.DEPLOY, Kind.DEPLOY_ASKING_FIRST)


class State(StrEnum):
    """Where a release stands. `OPEN` ones hold their site's lock.

    `ROLLING_BACK` is of rollbacks begun by a bot that did not ask yet; others prepare, wait and promote.
    """

    BACKING_UP = "backing_up"
    VERIFYING = "verifying"
    STAGING = "staging"
    AWAITING_APPROVAL = "awaiting_approval"
    PROMOTING = "promoting"
    ROLLING_BACK = "rolling_back"
    UNDOING = "undoing"
    MIGRATING = "migrating"
    BACKED_UP = "backed_up"
    VERIFIED = "verified"
    LIVE = "live"
    ROLLED_BACK = "rolled_back"
    MIGRATED_DOWN = "migrated_down"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        return self in OPEN


OPEN = frozenset(
    {
        State.BACKING_UP,
        State.VERIFYING,
        State.STAGING,
        State.AWAITING_APPROVAL,
        State.PROMOTING,
        State.ROLLING_BACK,
        State.UNDOING,
        State.MIGRATING,
    }
)

FIRST_TOLD = frozenset({State.AWAITING_APPROVAL, State.PROMOTING, State.ROLLING_BACK, State.FAILED})
"""Where somebody is waited for or should look: told before what only goes on, since a channel takes a post a second."""

FIRST_STATE = {
    Kind.UPGRADE: State.STAGING,
    Kind.BACKUP: State.BACKING_UP,
    Kind.SWAP: State.STAGING,
    Kind.ROLLBACK: State.STAGING,
    Kind.VERIFY: State.BACKING_UP,
    Kind.VERIFY_KEPT: State.VERIFYING,
    Kind.RESTORE: State.STAGING,
    Kind.CARRY_OVER: State.STAGING,
    Kind.DEPLOY: State.STAGING,
    Kind.DEPLOY_ASKING_FIRST: State.STAGING,
    Kind.SWAP_BACK: State.STAGING,
    Kind.MIGRATE_DOWN: State.MIGRATING,
    Kind.UPGRADE_SHARED: State.STAGING,
    Kind.ROLLBACK_SHARED: State.STAGING,
}
