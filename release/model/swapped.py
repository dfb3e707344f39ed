"""What a release sees when it is swapped, and afterwards."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from release.model.kept import BackupTaken
from release.model.plan import Step


@dataclass(frozen=True)
class RoutingCleared:
    """Traffic routing that a release cleared: what it was, in words, and the command that sets it again."""

    words: str
    again: str


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
