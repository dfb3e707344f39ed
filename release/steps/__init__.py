"""What each step of a release does with its site: the routines, told of in the journal.

Every method may run twice. None knows the engine; `workflows.py` says in which order they come.
"""

from release.steps.carrying import Carrying
from release.steps.common import Folders, Parts
from release.steps.ending import Ending
from release.steps.migrating import Migrating
from release.steps.observing import Observing
from release.steps.promoting import Promoting
from release.steps.restoring import Restoring
from release.steps.rolling_back import RollingBack, SwappingBack
from release.steps.sharing_back import SharingBack
from release.steps.staging import Staging
from release.steps.theming import Theming
from release.steps.undoing import Undoing


class Stages:
    """The steps of every release, by the stage they belong to."""

    def __init__(self, parts: Parts) -> None:
        self.staging = Staging(parts)
        self.theming = Theming(parts)
        self.promoting = Promoting(parts)
        self.restoring = Restoring(parts)
        self.observing = Observing(parts)
        self.carrying = Carrying(parts)
        self.rolling_back = RollingBack(parts)
        self.swapping_back = SwappingBack(parts)
        self.deploying = Migrating(parts)
        self.sharing = SharingBack(parts)
        self.undoing = Undoing(parts)
        self.ending = Ending(parts)


__all__ = ["Folders", "Parts", "Stages"]
