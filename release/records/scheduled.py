"""What is asked for now and begun later: each is begun once, whoever looks for it."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, and_, or_, select, update

from release.model import Scheduled, ScheduledState
from release.records import audit, tables
from release.records.audit import BOT, Deed
from release.records.base import Base
from release.records.rows import now

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


class ScheduledRecords(Base):
    """Of any number of replicas that want to start one, or of people who cancel it, one wins."""

    async def schedule(self, site: str, order: str, by: str, channel: str, at: datetime | None) -> Scheduled:
        """The order waits from now on."""
        one = Scheduled(
            "s-" + "".join(secrets.choice(_LETTERS) for _ in range(5)), site, order, by, channel, now(), at
        )
        values = {
            "id": one.id,
            "site": site,
            "order": order,
            "by": by,
            "channel": channel,
            "asked_at": one.asked_at,
            "at": at,
            "state": one.state,
        }
        await self._write(lambda c: c.execute(tables.scheduled.insert().values(values)))
        return one

    async def scheduled(self, site: str | None = None) -> tuple[Scheduled, ...]:
        """What waits, the next one first; what waits for a free site comes before what waits for a time."""
        table = tables.scheduled
        waiting = table.c.state == ScheduledState.WAITING
        where = waiting if site is None else and_(waiting, table.c.site == site)
        query = select(table).where(where).order_by(table.c.at.is_not(None), table.c.at, table.c.asked_at)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(_scheduled(row) for row in rows)

    async def scheduled_of(self, scheduled_id: str) -> Scheduled | None:
        query = select(tables.scheduled).where(tables.scheduled.c.id == scheduled_id)
        row = await self._read(lambda c: c.execute(query).mappings().first())
        return _scheduled(row) if row else None

    async def claim(self, one: Scheduled) -> bool:
        """Whether it is the caller who starts it."""
        return await self._moved(one, ScheduledState.WAITING, state=ScheduledState.STARTING, claimed_at=now())

    async def unclaim(self, one: Scheduled) -> None:
        """It waits as before it was claimed, when it was read; the next look finds it again."""
        values = {"state": ScheduledState.WAITING, "claimed_at": one.claimed_at}
        await self._moved(one, ScheduledState.STARTING, **values)

    async def wait_again(self, one: Scheduled, at: datetime | None = None) -> None:
        """It could not be started yet: it waits for that time, or for its site to be free."""
        await self._moved(one, ScheduledState.STARTING, state=ScheduledState.WAITING, at=at)

    async def end_scheduled(
        self, one: Scheduled, state: ScheduledState, by: str | None = None, why: str = ""
    ) -> bool:
        """It is over, unless it was already. Written down in the audit."""
        ended = await self._moved(one, ScheduledState.WAITING, ScheduledState.STARTING, state=state)
        if ended:
            outcome = f"{state}: {one.order}" + (f" ({why})" if why else "")
            deed = Deed(by or BOT, "scheduled", one.id, outcome, one.site, "", one.channel)
            await self._write(lambda c: audit.append(c, deed))
        return ended

    async def cut_off_in_starting(self, after: timedelta) -> tuple[Scheduled, ...]:
        """Those that somebody began to start so long ago, and was killed."""
        table = tables.scheduled
        old = and_(table.c.state == ScheduledState.STARTING, table.c.claimed_at < now() - after)
        rows = await self._read(lambda c: c.execute(select(table).where(old)).mappings().all())
        return tuple(_scheduled(row) for row in rows)

    async def _moved(self, one: Scheduled, *allowed_from: ScheduledState, **values: object) -> bool:
        table = tables.scheduled
        allowed = or_(*(table.c.state == state for state in allowed_from))
        query = update(table).where(and_(table.c.id == one.id, allowed)).values(values)
        return await self._write(lambda c: c.execute(query).rowcount) == 1


def _scheduled(row: RowMapping) -> Scheduled:
    return Scheduled(**{**row, "state": ScheduledState(row["state"])})
