"""Several bots on one PostgreSQL: each shows that it lives by a lock, and takes over the work of those that do not.

Every process has a name of its own and holds a session advisory lock on it, on a connection that does nothing
else. PostgreSQL lets go of the lock when the process dies (its connection closes), when its machine is cut off, and
when it is frozen: a session that says nothing for `FROZEN_SECONDS` is ended. So a lock that can be taken means that
its owner is gone, or has to be: one that wakes up finds its connection closed and ends at once.

Not through a pooler in transaction mode,
which gives each transaction another session.
"""

import asyncio
import hashlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from dbos import DBOS
from sqlalchemy import Connection, Select, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from release.engine import give_up_what_a_replica_left
from release.errors import ReleaseError
from release.records import Records
from release.records.opening import driven, unreachable
from release.records.replicas import Lost

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often each replica says that it lives, and looks for others that do not."""
FROZEN_SECONDS = 10
"""A replica that says nothing for so long is taken for gone, also if its machine still answers for it."""
TELLER = "teller"
"""The lock of the one replica that talks to Slack on its own account and does the chores."""


class DatabaseTooOld(ReleaseError):
    problem = "The database at {0} is not one that replicas can share: {1}"
    remedy = (
        "Replicas need PostgreSQL 14 or newer, reached directly and not through a pooler in transaction mode."
    )


class SessionLost(ReleaseError):
    problem = "The connection to the database was lost."
    remedy = "Other replicas have taken over what this one did; start it again."


class Replica:
    """This process, among those that share its database."""

    def __init__(self, session: Connection, name: str, lost: Lost) -> None:
        self.name = name
        self.teller = asyncio.Event()
        self._session = session
        self._lost = lost
        self._one_at_a_time = threading.Lock()
        self._left = threading.Event()
        self._pulse = threading.Thread(target=self._live, name="replica", daemon=True)

    # -- showing that it lives --------------------------------------------------------------------

    def begin(self) -> None:
        """Hold the lock on the own name, and say every second that it lives."""
        if not self.take(self.name):
            raise SessionLost
        self._pulse.start()

    def leave(self) -> None:
        """Let go of every lock. Others take over at once."""
        self._left.set()
        if self._pulse.is_alive():
            self._pulse.join(timeout=5)
        with suppress(SQLAlchemyError):
            self._session.close()

    def _live(self) -> None:
        # A thread, not a task: a loop that is busy for some seconds is not dead.
        while not self._left.wait(LOOK_SECONDS):
            with suppress(SessionLost):
                self._ask(select(text("1")))

    def take(self, what: str) -> bool:
        """Take a lock that nobody holds; False when somebody does."""
        return bool(self._ask(select(func.pg_try_advisory_lock(_number(what)))))

    def let_go(self, what: str) -> None:
        self._ask(select(func.pg_advisory_unlock(_number(what))))

    def _ask(self, query: Select[Any]) -> object:  # Any: of any row
        try:
            with self._one_at_a_time:
                return self._session.execute(query).scalar()
        except SQLAlchemyError as error:
            if not self._left.is_set():
                self._lost(type(error).__name__)
            raise SessionLost from error

    # -- looking after the others -----------------------------------------------------------------

    async def look_around(self, records: Records) -> bool:
        """Take over the work of replicas that are gone; whether there were any."""
        # Those with pending work too: one declared gone may have begun something while it woke up.
        working = {
            str(status.executor_id)
            for status in await asyncio.to_thread(
                DBOS.list_workflows, status="PENDING", load_input=False, load_output=False
            )
        }
        others = (working | set(await records.replicas_present())) - {self.name}
        return any([await self._bury(records, other) for other in sorted(others)])

    async def take_turn(self, records: Records) -> bool:
        """Be the teller unless another is; whether there were more that are gone."""
        if self.teller.is_set() or not await asyncio.to_thread(self.take, TELLER):
            return False
        # Once more: who told before must be declared gone before anything is told here.
        gone = await self.look_around(records)
        log.info("this replica talks to Slack from now on", extra={"replica": self.name})
        self.teller.set()
        return gone

    async def _bury(self, records: Records, other: str) -> bool:
        if not await asyncio.to_thread(self.take, other):
            return False
        try:
            # First the records, so that it cannot write or act any more, then its work.
            left = await records.bury(other)
            await give_up_what_a_replica_left(other, await records.replicas_present())
            await asyncio.to_thread(DBOS._recover_pending_workflows, [other])
        finally:
            await asyncio.to_thread(self.let_go, other)
        log.warning(
            "a replica is gone, its work is taken over",
            extra={"replica": self.name, "gone": other, "releases": ", ".join(left)},
        )
        return True


@asynccontextmanager
async def open_replica(url: str, records: Records, lost: Lost) -> AsyncIterator[Replica]:
    """This process as a replica inside the block. To be opened before the engine starts.

    `lost` is called, from any thread, when its connection is lost: then the process has to end at once, since
    others may have taken over. Raises DatabaseUnreachable or DatabaseTooOld.
    """
    replica = await asyncio.to_thread(_enter, url, lost)
    try:
        await records.enlist(replica.name, lost)
        yield replica
    finally:
        # Here and not in a thread: by now the engine has ended those of the loop.
        replica.leave()


def _enter(url: str, lost: Lost) -> Replica:
    patience = {
        "connect_timeout": 10,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": FROZEN_SECONDS * 1000,
    }
    engine = create_engine(
        driven(url), poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=patience
    )
    try:
        session = engine.connect()
    except DBAPIError as error:
        raise unreachable(url, error) from error
    try:
        session.execute(text(f"SET idle_session_timeout = '{FROZEN_SECONDS}s'"))
    except DBAPIError as error:
        session.close()
        raise DatabaseTooOld(*unreachable(url, error).args) from error
    host = socket.gethostname()[:40]
    # A name no process had before, not even one of the same number on the same machine.
    replica = Replica(session, f"{host}-{os.getpid()}-{secrets.token_hex(4)}", lost)
    replica.begin()
    return replica


def _number(what: str) -> int:
    """The lock's number: PostgreSQL's are signed and have 64 bits."""
    digest = hashlib.sha256(f"ghostbot:{what}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
