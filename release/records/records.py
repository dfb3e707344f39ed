"""Everything that the bot remembers. What a restarted bot needs is here."""

from datetime import timedelta

from sqlalchemy import (
    Connection,
)

from release.holding import Hold, held
from release.records import audit, replicas
from release.records.approvals import ApprovalRecords
from release.records.audit import BOT, Chain, Deed, Entry
from release.records.freezes import FreezeRecords
from release.records.kept import KeptRecords
from release.records.noticed import NoticeRecords
from release.records.outputs import OutputRecords
from release.records.pictures import PictureRecords
from release.records.rows import audit_release, now
from release.records.scheduled import ScheduledRecords
from release.records.steps import StepRecords
from release.records.told import ToldRecords

REPLICAS_KEPT = timedelta(days=30)


class Records(
    StepRecords,
    ApprovalRecords,
    KeptRecords,
    ToldRecords,
    FreezeRecords,
    ScheduledRecords,
    OutputRecords,
    PictureRecords,
    NoticeRecords,
):
    """All records, through one engine. Safe to share between tasks."""

    async def enlist(self, replica: str, lost: replicas.Lost | None = None) -> None:
        """What is written from now on is written by `replica`: refused (TakenOver) once it was declared gone.

        `lost` is called, from any thread, when the database is lost.
        """
        await self._write(lambda c: replicas.enlist(c, replica))
        self._replica, self._lost = replica, lost

    async def hold(self, release_id: str) -> Hold:
        """The release is this replica's; raises TakenOver if the replica was declared gone."""
        replica = self._replica or ""
        await self._write(lambda c: replicas.take(c, release_id, replica))
        return Hold(release_id, replica)

    async def may_act(self) -> None:
        """Raises TakenOver if this replica was declared gone, or what the running task acts for is another's."""
        hold, replica = held(), self._replica
        if replica is not None:
            await self._read(lambda c: replicas.fence(c, replica, hold))

    async def replicas_present(self) -> tuple[str, ...]:
        """Every replica that nobody has declared gone."""
        return await self._read(replicas.present)

    async def bury(self, replica: str) -> tuple[str, ...]:
        """Declare a replica gone; returns the open releases it held, which nobody holds now."""
        return await self._write(lambda c: replicas.bury(c, replica, now() - REPLICAS_KEPT))

    async def audit(self, deed: Deed) -> Entry:
        """Write down who asked for what, and what came of it; refusals too."""
        return await self._write(lambda c: audit.append(c, deed))

    async def audit_release(self, release_id: str, what: str, outcome: str) -> None:
        """Write down what the bot did of its own accord in a release; the same thing once, however often it runs."""

        def work(connection: Connection) -> None:
            if not audit.holds(connection, release_id, what, outcome):
                audit_release(connection, release_id, BOT, what, outcome)

        await self._write(work)

    async def audited(self, site: str | None = None, limit: int = 100) -> tuple[Entry, ...]:
        """The newest entries first; of one site where it is named."""
        return await self._read(lambda c: audit.newest(c, site, limit))

    async def verify_audit(self) -> Chain:
        """Whether every entry is as it was written, and none is missing."""
        return await self._read(audit.verify)
