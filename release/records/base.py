"""Reads and writes, each in a transaction of its own.

SQLAlchemy's plain connections in a thread: the statements are short, and SQLite has one writer anyway. The threads are
the records' own: those of `asyncio.to_thread` pack, copy and digest for minutes, and there are few of them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import (
    Connection,
    Engine,
)
from sqlalchemy.exc import DBAPIError, OperationalError

from release.holding import held
from release.records import replicas, tables
from release.records.rows import touch

T = TypeVar("T")

THREADS = 8
"""On PostgreSQL. On SQLite it is one: several hold up each other and the engine, which wants the file too."""


class Changes:
    """Tells in this process which releases changed; what was missed is found by their revisions."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._event = asyncio.Event()

    def tell(self, release: str) -> None:
        self._ids.add(release)
        self._event.set()

    async def wait(self, timeout: float) -> set[str]:  # noqa: ASYNC109 - a wait that ends without news is no error
        """The releases changed since the last call, after at most `timeout` seconds (then maybe none)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        self._event.clear()
        changed, self._ids = self._ids, set()
        return changed


def writing(engine: Engine) -> Engine:
    return engine.execution_options(writes=True)


def _away(error: DBAPIError) -> bool:
    """Whether PostgreSQL could not be reached, or said that it is going down; else the fault is the statement's."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return isinstance(error, OperationalError) and (not state or state.startswith(("08", "57P")))


class Base:
    """The engine, and one transaction a read or write. Safe to share between tasks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writing(engine)
        threads = 1 if engine.dialect.name == "sqlite" else THREADS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="records")
        self._replica: str | None = None
        self._lost: replicas.Lost | None = None
        self.changed = Changes()

    def close(self) -> None:
        self._engine.dispose()  # the threads go with the last who refers to these records

    async def _write(self, work: Callable[[Connection], T]) -> T:
        hold, replica = held(), self._replica

        def run() -> T:
            with self._watched(), self._writer.begin() as connection:
                if replica is not None:
                    replicas.fence(connection, replica, hold)
                return work(connection)

        return await self._in_thread(run)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._watched(), self._engine.connect() as connection:
                return work(connection)

        return await self._in_thread(run)

    async def _in_thread(self, run: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """A replica that loses its database ends as if it were killed: half a step's records are not written."""
        try:
            yield
        except DBAPIError as error:
            if self._lost is not None and (error.connection_invalidated or _away(error)):
                self._lost(type(error.orig).__name__)
            raise

    async def _touch(self, release_id: str, values: Mapping[str, object]) -> None:
        await self._write(lambda c: touch(c, tables.releases.c.id == release_id, values))
        self.changed.tell(release_id)
