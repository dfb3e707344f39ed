"""Every release ends here."""

import asyncio
import logging
import shutil
from datetime import UTC, datetime

from release.carry import carried_from
from release.errors import ReleaseError
from release.model import (
    Kind,
    Release,
    State,
    Step,
    StepState,
)
from release.site import Site
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
            await self._offer_late_writes_again(release.undoes)
        await self._records.move(release_id, state, reason=reason, remedy=remedy)
        if state is State.LIVE:
            await self._supersede(release)
        elif release.step(Step.DEPLOY).state is not StepState.PENDING:
            await self._look_for_the_way_back(site)
        await asyncio.to_thread(shutil.rmtree, self._folders.work / release_id, ignore_errors=True)

    async def _supersede(self, release: Release) -> None:
        """Releases that were live before can no longer be taken back by a click: their buttons go."""
        for before in await self._records.not_superseded(release.site):
            if before.id != release.id:
                await self._records.note(before.id, superseded_by=release.id)

    async def _look_for_the_way_back(self, site: Site) -> None:
        """What was deployed and did not go live may have taken the place of the version that a rollback goes to."""
        for live in await self._records.not_superseded(site.name):
            if live.facts.old_version_gone_at is not None:
                continue
            try:
                gone = await site.version(site.staging) != live.from_version
            except ReleaseError as error:
                log.warning("staging not looked at", extra={"release": live.id, "problem": str(error)})
                return
            if gone:
                now = datetime.now(UTC)
                await self._records.note(live.id, old_version_gone_at=now, old_slot_stops_at=None)

    async def _offer_late_writes_again(self, undone_id: str) -> None:
        """What a release carried over is no longer in production once it is taken back."""
        undone = await self._records.release(undone_id)
        if undone.kind is Kind.CARRY_OVER:
            source = await carried_from(self._records, undone.site, undone.backup)
            if source is not None:
                await self._records.note(source.id, carried_over_by=None)
