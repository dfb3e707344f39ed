"""Tells the records where a release is: one line of figures a step, in the words people read."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from release.errors import Cancelled, ReleaseError
from release.model import Step, StepState
from release.outputs import Heard, listening, put_together
from release.records import Records

log = logging.getLogger(__name__)


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
        cancelled_by = await self.records.begin_step(self.release, step)
        if cancelled_by is not None:
            raise Cancelled(self.release, cancelled_by)
        words = Words(self, step)
        fields = {"release": self.release, "step": str(step)}
        log.info("step begins", extra=fields)
        try:
            with listening() as heard:
                try:
                    yield words
                finally:
                    await self._keep(step, heard)
        except Cancelled:
            # Of a step that waited: it has not failed.
            await self.records.step(self.release, step, StepState.SKIPPED, "cancelled while it waited")
            raise
        except ReleaseError as error:
            log.warning("step failed", extra={**fields, "problem": str(error)})
            await self.records.step(self.release, step, StepState.FAILED, str(error))
            raise
        except Exception as error:
            # Caught by the workflow, the boundary; but only here is known which step it was that people see fail.
            await self.records.step(self.release, step, StepState.FAILED, type(error).__name__)
            raise
        await self.records.step(self.release, step, StepState.DONE, words.text)
        log.info("step done", extra={**fields, "figures": words.text})

    async def _keep(self, step: Step, heard: list[Heard]) -> None:
        """What the programs of this step said is kept for the thread, also where one of them failed."""
        if not heard:
            return
        text = await asyncio.to_thread(put_together, heard)
        if text:
            await self.records.keep_output(self.release, step, text)


def telling(words: Words) -> Callable[[str], None]:
    """The build tells from ordinary code; what it says is written down in the background."""
    running: set[asyncio.Task[None]] = set()

    def tell(text: str) -> None:
        task = asyncio.get_running_loop().create_task(words.say(text))
        running.add(task)
        task.add_done_callback(running.discard)

    return tell
