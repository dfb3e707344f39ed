"""The replicas that share these records: which are there, and that one which is gone writes nothing any more.

A replica that is declared gone while it is only frozen must not go on when it wakes up. So each of its
writes looks here first, in the same transaction: its own row, and the release's holder if it writes for one.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, select, update

from release.holding import Hold, TakenOver
from release.records import audit, tables
from release.records.audit import BOT, Deed
from release.records.upsert import upsert

# Built once: each write, and each act in Azure or Slack, asks them first.
_GONE_AT = (
    select(tables.replicas.c.gone_at)
    .where(tables.replicas.c.id == bindparam("replica"))
    .with_for_update(read=True)
)
_HOLDER = (
    select(tables.releases.c.holder).where(tables.releases.c.id == bindparam("release")).with_for_update()
)


def enlist(connection: Connection, replica: str) -> None:
    """The replica is there, also if it was gone before."""
    values = {"started_at": datetime.now(UTC), "gone_at": None}
    upsert(connection, tables.replicas, {"id": replica}, values)


def fence(connection: Connection, replica: str, hold: Hold | None) -> None:
    """Return if this replica may write and act, for `hold` too; else TakenOver.

    On Postgres the rows are locked until the transaction ends, always in this order: who declares the
    replica gone waits for what it is writing now, and what it wants to write later is refused.
    """
    row = connection.execute(_GONE_AT, {"replica": replica}).first()
    if row is None or row.gone_at is not None:
        raise TakenOver(f"{replica} was declared gone")
    if hold is None:
        return
    holder = connection.execute(_HOLDER, {"release": hold.release}).scalar_one_or_none()
    if holder != hold.replica:
        raise TakenOver(f"{hold.release} is held by {holder}")


def take(connection: Connection, release_id: str, replica: str) -> None:
    """The release is held by this replica, whoever held it before."""
    connection.execute(
        update(tables.releases).where(tables.releases.c.id == release_id).values(holder=replica)
    )


def bury(connection: Connection, replica: str, forget_before: datetime) -> tuple[str, ...]:
    """The replica is gone: it writes nothing any more. Returns the open releases it held, which nobody holds now.

    Rows of replicas gone since before `forget_before` are removed; without a row one is gone as well.
    """
    row = (tables.replicas.c.id == replica) & tables.replicas.c.gone_at.is_(None)
    connection.execute(update(tables.replicas).where(row).values(gone_at=datetime.now(UTC)))
    connection.execute(delete(tables.replicas).where(tables.replicas.c.gone_at < forget_before))
    orphaned = (
        update(tables.releases)
        .where((tables.releases.c.holder == replica) & tables.releases.c.open)
        .values(holder=None)
        .returning(tables.releases.c.id, tables.releases.c.site, tables.releases.c.channel)
    )
    left = connection.execute(orphaned).all()
    for one in left:
        deed = Deed(BOT, "take over", one.id, f"from {replica}, which is gone", one.site, one.id, one.channel)
        audit.append(connection, deed)
    return tuple(one.id for one in left)


def present(connection: Connection) -> tuple[str, ...]:
    """The replicas that nobody has declared gone."""
    query = select(tables.replicas.c.id).where(tables.replicas.c.gone_at.is_(None))
    return tuple(connection.execute(query).scalars().all())


Lost = Callable[[str], None]
"""Called when the database is lost: the process must end at once, since others take its work over."""
