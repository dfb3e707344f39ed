"""Who may act for a release: the replica that the release's own record names as its holder, and nobody else.

Whoever runs a release's work writes itself into the record first (`holding`). From then on everything done
inside the block is fenced: what is written to the records, in the same transaction (`Records`), and what is
asked of Azure, right before it goes out (`Fence`). So no step has to think of it, and none can forget it.

A process that was frozen and wakes up finds another's name there. `TakenOver` ends what it was doing, without
a word to anybody: the new holder tells the truth.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

GOOD_FOR = 2.0
"""Seconds after which an answer of the records is too old to act on: a frozen process may have read it."""

BeforeActing = Callable[[], Awaitable[None]]


class TakenOver(BaseException):
    """Another replica has this work now, so this one may neither act nor write.

    No Exception, as asyncio's CancelledError is none: no step may take it for a failure and tell of it,
    and the engine must not record it as a result.
    """


@dataclass(frozen=True)
class Hold:
    """A release and the replica that holds it."""

    release: str
    replica: str


# What a task acts for goes where the task goes: into the tasks and threads it starts, and nowhere else.
_held: ContextVar[Hold | None] = ContextVar("held", default=None)


def held() -> Hold | None:
    """The release that the running task acts for; None outside a release's work."""
    return _held.get()


class Holders(Protocol):
    """The records, as far as they say who holds what."""

    async def hold(self, release_id: str) -> Hold:
        """The release is this replica's."""

    async def may_act(self) -> None:
        """Raises TakenOver when what the running task acts for is another's."""


@asynccontextmanager
async def holding(records: Holders, release_id: str) -> AsyncIterator[None]:
    """The release is this replica's, and what is done inside the block is done for it. Raises TakenOver."""
    token = _held.set(await records.hold(release_id))
    try:
        yield
    finally:
        _held.reset(token)


class Fence:
    """Asked right before every act: returns while this replica may do it, else raises TakenOver."""

    def __init__(self, records: Holders, clock: Callable[[], float] | None = None) -> None:
        self._records = records
        self._clock = clock or elapsed

    async def __call__(self) -> None:
        while True:
            asked = self._clock()
            await self._records.may_act()
            # Frozen between question and answer, the answer is of another time: ask again.
            if self._clock() - asked < GOOD_FOR:
                return


async def no_fence() -> None:
    """For programs that act for nobody, such as `ghostbot check`."""


def elapsed() -> float:
    """Seconds on a clock that also runs while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
