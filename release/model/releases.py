"""One run, and what it found out so far."""

from dataclasses import dataclass, field
from datetime import datetime

from release.model.freezes import Freeze
from release.model.kept import BackupTaken, ReadBack
from release.model.kinds import Kind, State
from release.model.looks import Looks
from release.model.notes import WhatIsNew
from release.model.plan import Step, StepRecord, StepState
from release.model.seen import PageCompared, ProbeSeen
from release.model.staged import (
    Artefact,
    ArtefactAsked,
    Candidate,
    ContentLacking,
    ContentSynced,
    MigrationDone,
    PackageBuilt,
    SchemaMigrated,
    Stacks,
    StagingBefore,
    StagingLeft,
    Stop,
    ThemeChecked,
)
from release.model.swapped import (
    LateWrites,
    RoutingCleared,
    Stuck,
    SwapDone,
    TurnedSick,
    WatchDecided,
    Written,
)


@dataclass(frozen=True)
class Facts:
    """What a release found out so far; every field is filled once by the step that knows it.

    `warm_up` is what is wrong with how Azure will decide that the swap's app is warm.
    `production_mark` is the release whose mark production's files bore before the swap ("" for none), where
    versions alone do not tell the two sides apart. Of a rollback, `live_since` is since when it
    is known what was written on the version that it takes back, and `price_unknown` why that cannot be told.
    Where production refused writes, it did since `writes_closed_at`, at least until `writes_closed_until`, and for
    `writes_closed_seconds` up to the end of the swap; where it could not, `writes_stay_open` says why.
    `lacking` is the content that staging had not, `brought` what of it came while the package was deployed, `content`
    all that came until staging was tested.
    `stops` are the versions that the database goes through on its way, `stacks` those of the slots as they were found,
    `passes` the published versions that it leaps over, `new` what the notes of all these say, where they could be had.
    Of a deployment, `pending` are the migrations that wait (None: the tool does not list them), `schema` is what was
    done to the shared database, and `production_tested` how the running version took that.
    Where the slots share a database, `way_back` is its dump from right before this release began to change it, which
    it does `changing_since` then and until it is put back, and `put_back` says what became of that database when the
    release did not go through.
    After a swap back, `left_on_new` is what was written on the newer version, and `left_unkept` why that is not kept.
    `superseded_by` is the release that went live after this one. Since `old_version_gone_at` staging is known to hold
    something else than the version of before: no swap brings it back.
    `production_now` is what production was found to hold where somebody swapped or deployed by hand meanwhile.
    `reminded_at` is when the approvers were asked again, `pictured` how many pictures were taken for them.
    `late` is what this release left on the old slot, `carries` what
    it carries over from there, and `carried_over_by` the release that carried its late writes over.
    """

    backup: BackupTaken | None = None
    package: PackageBuilt | None = None
    restores: BackupTaken | None = None
    read_back: ReadBack | None = None
    migration: MigrationDone | None = None
    lacking: ContentLacking | None = None
    brought: ContentSynced | None = None
    content: ContentSynced | None = None
    pages: tuple[PageCompared, ...] = ()
    candidate: Candidate | None = None
    warnings: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()
    stacks: Stacks | None = None
    passes: tuple[str, ...] = ()
    new: WhatIsNew | None = None
    theme: ThemeChecked | None = None
    warm_up: tuple[str, ...] = ()
    routing_cleared: RoutingCleared | None = None
    caught_up_at: datetime | None = None
    reminded_at: datetime | None = None
    frozen: Freeze | None = None
    looks: Looks | None = None
    pictured: int | None = None
    production_mark: str | None = None
    swap_token: str | None = None
    condemned: str | None = None
    swap: SwapDone | None = None
    probe: ProbeSeen | None = None
    write_window_seconds: float | None = None
    writes_closed_at: datetime | None = None
    writes_closed_until: datetime | None = None
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
    superseded_by: str | None = None
    old_slot_stops_at: datetime | None = None
    old_slot_stopped_at: datetime | None = None
    old_version_gone_at: datetime | None = None
    production_now: str | None = None
    watched_until: datetime | None = None
    sick: TurnedSick | None = None
    watch: WatchDecided | None = None
    left_on_new: Written | None = None
    left_unkept: str | None = None
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
