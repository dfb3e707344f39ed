"""The words of a release as values: frozen, comparable, and the same in every process."""

from dataclasses import dataclass, field
from datetime import datetime
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


@dataclass(frozen=True)
class BackupTaken:
    """A checked copy of production's database, as it was found whole when it was taken.

    `path` is relative to the backup folder, `digest` sha256 of the file, `size` its bytes. `rows` counts
    every table. `files` is how many files the content folders held then; they are listed beside the backup, not
    in it, and None where nobody looked. `verified_at` is when a Ghost was last booted on a copy of it and read back.
    `slot` is the one it was taken from where that is not what production held. Of a database on a server the file is
    a picture to compare with, and what is restored is the dump beside it, whose sha256 is `dump_digest`; `size` is
    the dump's then.
    """

    id: str
    site: str
    version: str
    path: str
    digest: str
    size: int
    rows: dict[str, int]
    content_digests: dict[str, str]
    taken_at: datetime
    verified_at: datetime | None = None
    files: int | None = None
    files_digest: str | None = None
    slot: str | None = None
    dump_digest: str | None = None


@dataclass(frozen=True)
class ReadBack:
    """What a Ghost, booted on a copy of a backup, told over HTTP. `version` is major.minor.

    `post` is the address of the post that was opened, None on a blog without published posts; `totals`
    what its Admin API listed, empty where the backup holds no key for it. `seconds` from start to end.
    """

    version: str
    post: str | None
    totals: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class PackageBuilt:
    """What is deployed. `size` in bytes; `digest` is sha256 of the zip; `warnings` are for those who approve."""

    version: str
    node: str
    path: str
    folder: str
    digest: str
    size: int
    seconds: float
    from_cache: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackageStored:
    """A built package in the storage. `digest` is sha256 of the zip, `size` its bytes.

    `links` are its command links, path -> target, which the zip leaves out; `driver` and `warnings` are as in
    the package, "" for none.
    """

    key: str
    digest: str
    size: int
    driver: str
    warnings: str
    links: dict[str, str]


@dataclass(frozen=True)
class Stop:
    """A Ghost that a database stops at on its way; `node` are the Nodes it accepts, in npm's notation."""

    version: str
    node: str


@dataclass(frozen=True)
class Stacks:
    """Stacks of App Service, as "NODE|22-lts": production's, the one that staging had, and the one it needs."""

    production: str
    staging: str
    needed: str

    @property
    def differ(self) -> bool:
        """Whether staging is given another one than it had."""
        return self.staging != self.needed


@dataclass(frozen=True)
class ArtefactAsked:
    """What somebody wants deployed, as they named it: never with a secret. `digest` is the sha256 they told."""

    where: str
    digest: str | None = None


@dataclass(frozen=True)
class Artefact:
    """What was fetched and checked. `fetched` is its sha256 as it came, `digest` that of the site's zip made of it.

    `bundle` is the sha256 of its migrations' zip, empty for none; `size` the site's zip's bytes.
    """

    name: str
    fetched: str
    digest: str
    size: int
    files: int
    bundle: str = ""


@dataclass(frozen=True)
class SchemaMigrated:
    """What was done to the database that both slots share.

    `pending` are the migrations that waited, None where the tool cannot list them; `lock` says who was kept away.
    `ended_at` is None while nobody knows whether it came to its end. `log` is the whole output, in the data folder.
    """

    pending: tuple[str, ...] | None
    began_at: datetime
    log: str
    lock: str = ""
    ended_at: datetime | None = None
    seconds: float = 0
    visitors: "ProbeSeen | None" = None
    undone_by: str | None = None


@dataclass(frozen=True)
class MigrationDone:
    """`rows` is table -> (before, after); `path` the migrated copy on the bot's disk; `stops` were gone through."""

    from_version: str
    to_version: str
    path: str
    digest: str
    rows: dict[str, tuple[int, int]]
    seconds: float
    stops: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThemeChecked:
    """What Ghost's own checker says of a theme: why the new version refuses it, and what it does not like."""

    theme: str
    gscan: str
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContentSynced:
    """Files of the content folders: how many were looked at, and what had to move. `copied_bytes` in bytes.

    `left_out` are paths that Kudu lists and does not give out, so that they could not be copied.
    """

    looked_at: int
    copied: int
    copied_bytes: int
    removed: int
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageCompared:
    """One address asked on staging and on production. `ok` is staging's verdict."""

    path: str
    what: str
    expected: str
    staging: str
    production: str
    milliseconds: int
    ok: bool


@dataclass(frozen=True)
class Candidate:
    """What was tested on staging, so that exactly this is swapped."""

    version: str
    package_digest: str
    database_digest: str
    source_version: str
    staging_url: str
    deployment: str = ""


@dataclass(frozen=True)
class RoutingCleared:
    """Traffic routing that a release cleared: what it was, in words, and the command that sets it again."""

    words: str
    again: str


@dataclass(frozen=True)
class ProbeSeen:
    """What visitors of production got while it was swapped. Times in milliseconds."""

    requests: int
    failed: int
    slowest_ms: float
    median_ms: float
    seconds: float
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class SwapDone:
    """`before` and `after` are production's versions; `swapped_back` when it was not well there.

    `unseen`: why the files could not be looked at afterwards, where only visitors' pages were.
    """

    before: str
    after: str
    seconds: float
    first_response_ms: float
    swapped_back: bool = False
    unseen: str | None = None


@dataclass(frozen=True)
class Written:
    """What people wrote and the swap left on the other slot: in words, by title, and the backup that keeps it."""

    words: str
    names: str
    backup: str

    @property
    def anything(self) -> bool:
        return self.words != "nothing"


class WatchEnd(StrEnum):
    """What became of a release that was watched after it went live."""

    KEPT = "kept"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True)
class WatchDecided:
    """The one decision that ends the watching. `by` is a person's id, None for the bot itself; `why` is the bot's."""

    end: WatchEnd
    at: datetime
    by: str | None = None
    why: str = ""


@dataclass(frozen=True)
class TurnedSick:
    """Production as visitors got it while it was watched: what was wrong, since when, and until when if it passed."""

    why: str
    since: datetime
    well_again_at: datetime | None = None


@dataclass(frozen=True)
class LateWrites:
    """What arrived on the old slot at the last moment, and what of it can be carried into production.

    `base` is the old database as it was caught up with, `late` as the swap left it. `carried`, `left_out` (with the
    reason) and `files` (paths below the content folder) are told by title, and only the first of many. The files'
    copies are kept beside `late`, as a zip with the sha256 `files_digest`, None where there are none.
    """

    base: BackupTaken
    late: BackupTaken
    carried: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    files_digest: str | None = None

    @property
    def anything(self) -> bool:
        return bool(self.carried or self.files)


@dataclass(frozen=True)
class StagingBefore:
    """Staging as a release found it, before its first change there.

    `version` is None where it held no Ghost; `mark` is the release whose mark it bore. `way_back` is the version
    that a rollback could have gone back to, None where there was none. `database` is kept where the release is
    about to replace it and it could be read. `silent` is the file that says what was published already; empty for none.
    `package` is the digest that its mark told.
    """

    running: bool
    version: str | None
    mark: str | None
    way_back: str | None
    database: BackupTaken | None = None
    silent: str = ""
    package: str = ""


@dataclass(frozen=True)
class StagingLeft:
    """Staging as a release left it that was stopped. `undone`: it holds what it held before. `words` say the rest."""

    undone: bool
    running: bool
    version: str | None
    words: str


@dataclass(frozen=True)
class Stuck:
    """A release that made no progress since a moment, for longer than its step may take.

    `step` is None where none ran at all; `doing` is what it said last; `progress` tells whether it goes on since.
    """

    step: Step | None
    since: datetime
    allowed_seconds: float
    doing: str
    progress: str
    goes_on_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """What a release found out so far; every field is filled once by the step that knows it.

    `warm_up` is what is wrong with how Azure will decide that the swap's app is warm.
    `production_mark` is the release whose mark production's files bore before the swap ("" for none), where
    versions alone do not tell the two sides apart. Of a rollback, `live_since` is since when it
    is known what was written on the version that it takes back, and `price_unknown` why that cannot be told.
    Where production refused writes, it did since `writes_closed_at` and for `writes_closed_seconds`; where
    it could not, `writes_stay_open` says why.
    `stops` are the versions that the database goes through on its way, `stacks` those of the slots as they were found.
    Of a deployment, `pending` are the migrations that wait (None: the tool does not list them), `schema` is what was
    done to the shared database, and `production_tested` how the running version took that.
    Where the slots share a database, `way_back` is its dump from right before this release began to change it, which
    it does `changing_since` then and until it is put back, and `put_back` says what became of that database when the
    release did not go through.
    `late` is what this release left on the old slot, `carries` what
    it carries over from there, and `carried_over_by` the release that carried its late writes over.
    """

    backup: BackupTaken | None = None
    package: PackageBuilt | None = None
    restores: BackupTaken | None = None
    read_back: ReadBack | None = None
    migration: MigrationDone | None = None
    content: ContentSynced | None = None
    pages: tuple[PageCompared, ...] = ()
    candidate: Candidate | None = None
    warnings: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()
    stacks: Stacks | None = None
    theme: ThemeChecked | None = None
    warm_up: tuple[str, ...] = ()
    routing_cleared: RoutingCleared | None = None
    caught_up_at: datetime | None = None
    production_mark: str | None = None
    swap_token: str | None = None
    condemned: str | None = None
    swap: SwapDone | None = None
    probe: ProbeSeen | None = None
    write_window_seconds: float | None = None
    writes_closed_at: datetime | None = None
    writes_closed_seconds: float | None = None
    writes_stay_open: str | None = None
    live_backup: BackupTaken | None = None
    left_behind: Written | None = None
    live_since: datetime | None = None
    price_unknown: str | None = None
    late: LateWrites | None = None
    carries: LateWrites | None = None
    carried_over_by: str | None = None
    staging_before: StagingBefore | None = None
    staging_left: StagingLeft | None = None
    old_slot_stops_at: datetime | None = None
    old_slot_stopped_at: datetime | None = None
    watched_until: datetime | None = None
    sick: TurnedSick | None = None
    watch: WatchDecided | None = None
    left_on_new: Written | None = None
    way_back: BackupTaken | None = None
    changing_since: datetime | None = None
    put_back: str | None = None
    stuck: tuple[Stuck, ...] = ()
    artefact_asked: ArtefactAsked | None = None
    artefact: Artefact | None = None
    pending: tuple[str, ...] | None = None
    schema: SchemaMigrated | None = None
    production_tested: str = ""


@dataclass(frozen=True)
class Release:
    """One run. `asked_by` and `cancelled_by` are people's ids as the audience knows them.

    `channel` is where the release is told; `revision` grows with every change. `undoes` is the
    release a rollback takes back, and `undone_by` the rollback that took this one back. `backup` is the
    id of the backup that a restore puts back, that is verified, or whose late writes are carried over. `holder` is
    the replica of the bot that works on it, or did last.
    """

    id: str
    kind: Kind
    site: str
    state: State
    asked_by: str
    channel: str
    asked_at: datetime
    updated_at: datetime
    version: str | None = None
    from_version: str | None = None
    reason: str | None = None
    remedy: str | None = None
    cancel_asked_by: str | None = None
    undoes: str | None = None
    undone_by: str | None = None
    backup: str | None = None
    holder: str | None = None
    ended_at: datetime | None = None
    revision: int = 0
    facts: Facts = field(default_factory=Facts)
    steps: tuple[StepRecord, ...] = ()

    @property
    def is_watched(self) -> bool:
        """Live, and watched until its time is over or somebody decides."""
        facts = self.facts
        is_over = facts.watch is not None or facts.condemned is not None
        return self.state is State.PROMOTING and facts.watched_until is not None and not is_over

    def step(self, step: Step) -> StepRecord:
        return next(
            (record for record in self.steps if record.step is step), StepRecord(step, StepState.PENDING)
        )


class Verdict(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Approval:
    """The question asked between smoke test and swap. Its id is all a button carries."""

    id: str
    release: str
    verdict: Verdict
    asked_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Decided:
    """What became of a decision: `won` is False for everyone who came second."""

    won: bool
    approval: Approval
    release: Release


@dataclass(frozen=True)
class SiteVersions:
    """How far behind one site is: `behind` counts the published versions newer than `current`."""

    site: str
    current: str | None
    newest: str
    behind: int
    trouble: str | None = None


@dataclass(frozen=True)
class Versions:
    """`newest` lists the newest published versions, newest first; `skipped` those nobody wants to hear of."""

    newest: tuple[str, ...]
    sites: tuple[SiteVersions, ...]
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class SentMessage:
    """A message the audience has: where it is and the digest of what it shows.

    `ts` is empty while it is being posted: after a crash it may be there or not.
    """

    owner: str
    part: str
    channel: str
    ts: str
    digest: str


@dataclass(frozen=True)
class SlotStatus:
    """A slot as it is now. `version` is exact; None where it could not be read, and `trouble` says why.

    `empty` is a slot on which nothing was ever deployed, as a new staging slot is. `product` comes before the version.
    """

    name: str
    state: str
    version: str | None
    url: str
    healthy: bool
    trouble: str | None = None
    empty: bool = False
    product: str = "Ghost "


@dataclass(frozen=True)
class SiteStatus:
    site: str
    production: SlotStatus
    staging: SlotStatus
    open_release: Release | None
    last_release: Release | None
    last_backup: BackupTaken | None
    backed_up: bool = True
