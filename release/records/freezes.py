"""Freezes that somebody typed."""

import secrets
from datetime import datetime

from sqlalchemy import RowMapping, and_, or_, select, update

from release.model import Freeze
from release.records import audit, tables
from release.records.audit import Deed
from release.records.base import Base
from release.records.rows import now


class FreezeRecords(Base):
    """One that has ended, by its time or by somebody, stays written down."""

    async def freeze(self, site: str | None, by: str, until: datetime | None, reason: str) -> Freeze:
        """The site, or every site, is frozen from now on."""
        freeze = Freeze("f-" + secrets.token_hex(4), site, by, now(), until, reason)
        values = {
            "id": freeze.id,
            "site": site,
            "by": by,
            "since": freeze.since,
            "until": until,
            "reason": reason,
        }
        await self._write(lambda c: c.execute(tables.freezes.insert().values(values)))
        return freeze

    async def freezes(self, moment: datetime | None = None) -> tuple[Freeze, ...]:
        """Those that stand at that moment (now), oldest first."""
        at = moment or now()
        table = tables.freezes
        stands = and_(
            table.c.since <= at,
            or_(table.c.until.is_(None), table.c.until > at),
            table.c.lifted_at.is_(None),
        )
        query = select(table).where(stands).order_by(table.c.since)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(_freeze(row) for row in rows)

    async def lift(self, site: str | None, by: str) -> tuple[Freeze, ...]:
        """End the freezes of exactly this site (None: those of all sites); returns those that stood."""
        standing = tuple(one for one in await self.freezes() if one.site == site)
        ids = [one.id for one in standing]
        query = update(tables.freezes).where(tables.freezes.c.id.in_(ids))
        await self._write(lambda c: c.execute(query.values(lifted_at=now(), lifted_by=by)))
        return standing

    async def audit_freeze(self, freeze: Freeze, by: str, what: str) -> None:
        deed = Deed(by, what, freeze.id, freeze.in_words, freeze.site or "")
        await self._write(lambda c: audit.append(c, deed))


def _freeze(row: RowMapping) -> Freeze:
    return Freeze(row["id"], row["site"], row["by"], row["since"], row["until"], row["reason"])
