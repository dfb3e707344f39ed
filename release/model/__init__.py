"""The words of a release as values: frozen, comparable, and the same in every process."""

from release.model.approvals import Approval, Decided, Verdict, Waiting
from release.model.freezes import Freeze
from release.model.kept import BackupTaken, PackageStored, ReadBack
from release.model.kinds import FIRST_STATE, OPEN, Kind, State
from release.model.looks import Looks, PageDiffers, PageSeen, Picture
from release.model.notes import ReleaseNotes, WhatIsNew
from release.model.plan import PLAN, PROMOTE_STEPS, STAGE_STEPS, UNPLANNED, Step, StepRecord, StepState
from release.model.releases import Facts, Release
from release.model.scheduled import Scheduled, ScheduledState
from release.model.seen import PageCompared, ProbeSeen
from release.model.staged import (
    Artefact,
    ArtefactAsked,
    Candidate,
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
from release.model.standing import (
    Reminder,
    SentMessage,
    SiteStatus,
    SiteVersions,
    Skip,
    SlotStatus,
    Versions,
)
from release.model.swapped import (
    LateWrites,
    RoutingCleared,
    Stuck,
    SwapDone,
    TurnedSick,
    WatchDecided,
    WatchEnd,
    Written,
)

__all__ = [
    "FIRST_STATE",
    "OPEN",
    "PLAN",
    "PROMOTE_STEPS",
    "STAGE_STEPS",
    "UNPLANNED",
    "Approval",
    "Artefact",
    "ArtefactAsked",
    "BackupTaken",
    "Candidate",
    "ContentSynced",
    "Decided",
    "Facts",
    "Freeze",
    "Kind",
    "LateWrites",
    "Looks",
    "MigrationDone",
    "PackageBuilt",
    "PackageStored",
    "PageCompared",
    "PageDiffers",
    "PageSeen",
    "Picture",
    "ProbeSeen",
    "ReadBack",
    "Release",
    "ReleaseNotes",
    "Reminder",
    "RoutingCleared",
    "Scheduled",
    "ScheduledState",
    "SchemaMigrated",
    "SentMessage",
    "SiteStatus",
    "SiteVersions",
    "Skip",
    "SlotStatus",
    "Stacks",
    "StagingBefore",
    "StagingLeft",
    "State",
    "Step",
    "StepRecord",
    "StepState",
    "Stop",
    "Stuck",
    "SwapDone",
    "ThemeChecked",
    "TurnedSick",
    "Verdict",
    "Versions",
    "Waiting",
    "WatchDecided",
    "WatchEnd",
    "WhatIsNew",
    "Written",
]
