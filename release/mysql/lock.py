"""The lock that keeps every other migration of a database away, on a session of a Ghost's own connection."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from release.migrations.lock import Lock, MysqlLock, taken
from release.mysql.connection import Connection, opened, speaking

WAIT_SECONDS = 30.0


@asynccontextmanager
async def alone(
    connection: Connection, told: Callable[[str], Awaitable[None]], patience: float = WAIT_SECONDS
) -> AsyncIterator[Lock]:
    """No other bot, and no other site of this one, migrates the database inside the block. Raises MigrationGoingOn."""
    session = await speaking(connection, "opening a session", lambda: opened(connection))
    async with taken(MysqlLock(session, connection.database), connection.address, patience, told) as lock:
        yield lock
