"""Every release ends here."""

import asyncio
import logging
import shutil

from release.errors import ReleaseError
from release.model import (
    State,
    Step,
    StepState,
)
from release.steps.common import Steps

log = logging.getLogger(__name__)


class Ending(Steps):
    """The last step, whatever happened before."""

    async def end(self, release_id: str, state: State, reason: str | None, remedy: str | None) -> None:
        """The release is in its last state and its work folder is gone."""
        release, site, _ = await self._of(release_id)
        # Only a preview of its own: one that somebody left behind is theirs to end.
        previewed = release.step(Step.PREVIEW).state is not StepState.PENDING
        if state in (State.CANCELLED, State.FAILED) and previewed:
            try:
                await site.app.reset_preview()
            except ReleaseError as error:
                log.warning("preview not reset", extra={"release": release_id, "problem": str(error)})
        if state is State.ROLLED_BACK and release.undoes:
            await self._records.set_undone(release.undoes, release_id)
        await self._records.move(release_id, state, reason=reason, remedy=remedy)
        await asyncio.to_thread(shutil.rmtree, self._folders.work / release_id, ignore_errors=True)
