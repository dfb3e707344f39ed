"""Several things at once, with the one error that a person can act on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Joined(Generic[T]):
    """A look that many ask for at once is taken once: who comes while it is under way gets what it finds."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, ...], asyncio.Task[T]] = {}

    async def look(self, of: tuple[str, ...], take: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `take` finds of this; one who is cancelled does not take it from the others."""
        task = self._running.get(of)
        if task is None:
            task = self._running[of] = asyncio.create_task(take())
            task.add_done_callback(lambda _: self._running.pop(of, None))
        return await asyncio.shield(task)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """`work` goes on during the block. One that is still going on when the block is left is stopped, and has ended."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_of(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results, in order. At the first failure the others are stopped, have ended, and then it is raised.

    Not a TaskGroup: its ExceptionGroup would hide our error from the one who reads it.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
