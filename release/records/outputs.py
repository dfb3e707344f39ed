"""What programs said in the steps of a release, until its thread has it."""

from collections.abc import Collection

from sqlalchemy import delete, select

from release.model import Step
from release.records import tables
from release.records.base import Base
from release.records.upsert import upsert


class OutputRecords(Base):
    """One text a step. Kept here, since the process that tells may be on another machine than the one that works."""

    async def keep_output(self, release_id: str, step: Step, text: str) -> None:
        key = {"release": release_id, "step": step}
        await self._write(lambda c: upsert(c, tables.outputs, key, {"text": text}))

    async def outputs(self, release_id: str) -> dict[Step, str]:
        """Those that the thread does not have yet, in the order of the steps."""
        query = select(tables.outputs).where(tables.outputs.c.release == release_id)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        found = {Step(row["step"]): str(row["text"]) for row in rows}
        return {step: found[step] for step in Step if step in found}

    async def forget_outputs(self, release_id: str, steps: Collection[Step]) -> None:
        """The thread has them, or cannot have them."""
        table = tables.outputs
        query = delete(table).where(table.c.release == release_id, table.c.step.in_(list(steps)))
        await self._write(lambda c: c.execute(query))
