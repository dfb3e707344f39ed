"""Only one migration of a database at a time, whoever starts it: a lock of the server's, held on a connection of ours.

When the bot dies, so does the connection, and the server gives the lock back.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pymysql

from release.errors import ReleaseError
from release.mysql.connection import Connection, opened, speaking

WAIT_SECONDS = 30
SIGN_OF_LIFE_SECONDS = 10.0


class MigratedByAnother(ReleaseError):
    problem = "Another migration of {0} is going on, and did not end within {1} seconds."
    remedy = "Production is untouched by this release. See who migrates that database, wait for it, then start again."


@asynccontextmanager
async def alone(
    connection: Connection, told: Callable[[str], Awaitable[None]], patience: int = WAIT_SECONDS
) -> AsyncIterator[None]:
    """No other bot, and no other site of this one, migrates the database inside the block. Raises MigratedByAnother."""
    # The lock is the whole server's, so its name tells the database.
    name = f"ghostbot migrates {hashlib.sha256(connection.database.encode()).hexdigest()[:32]}"
    holding = await speaking(connection, "opening a session", lambda: opened(connection))

    def ask(statement: str) -> object:
        with holding.cursor() as cursor:
            cursor.execute(statement, (name,))
            found = cursor.fetchone()
        return found[0] if found else None

    async def stay() -> None:
        while True:
            await asyncio.sleep(SIGN_OF_LIFE_SECONDS)
            await asyncio.to_thread(ask, "SELECT IS_USED_LOCK(%s)")

    try:
        if await speaking(connection, "taking the lock", lambda: ask("SELECT GET_LOCK(%s, 0)")) != 1:
            await told("waits for another migration of this database")
            wait = f"SELECT GET_LOCK(%s, {patience})"
            if await speaking(connection, "taking the lock", lambda: ask(wait)) != 1:
                raise MigratedByAnother(connection.address, str(patience))
        staying = asyncio.create_task(stay())
        try:
            yield
        finally:
            staying.cancel()
            await asyncio.gather(staying, return_exceptions=True)
    finally:
        await asyncio.shield(asyncio.to_thread(_close, holding))


def _close(holding: "pymysql.Connection[pymysql.cursors.Cursor]") -> None:
    if holding.open:
        holding.close()
