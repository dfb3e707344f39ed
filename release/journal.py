"""Tells the records where a release is: one line of figures a step, in the words people read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from release.errors import Cancelled, ReleaseError
from release.model import Step, StepState
from release.records import Records


class Words:
    """The figures of a step, told when it ends, or while it lasts with `say`."""

    def __init__(self, journal: "Journal", step: Step) -> None:
        self.text = ""
        self._journal = journal
        self._step = step

    async def say(self, text: str) -> None:
        """Tell how far the step is."""
        self.text = text
        await self._journal.records.say(self._journal.release, self._step, text)


class Journal:
    """The steps of one release. A person's wish to cancel is looked at here, between two steps."""

    def __init__(self, records: Records, release: str) -> None:
        self.records = records
        self.release = release

    @asynccontextmanager
    async def step(self, step: Step) -> AsyncIterator[Words]:
        """Write down that `step` runs, and how it ended. Raises Cancelled instead of starting one."""
        if step not in (Step.SWAP, Step.VERIFY):  # from the swap on there is only forward or back
            release = await self.records.release(self.release)
            if release.cancel_asked_by is not None:
                raise Cancelled(self.release, release.cancel_asked_by)
        words = Words(self, step)
        await self.records.step(self.release, step, StepState.RUNNING, "")
        try:
            yield words
        except ReleaseError as error:
            await self.records.step(self.release, step, StepState.FAILED, str(error))
            raise
        except Exception as error:
            await self.records.step(self.release, step, StepState.FAILED, type(error).__name__)
            raise
        await self.records.step(self.release, step, StepState.DONE, words.text)
