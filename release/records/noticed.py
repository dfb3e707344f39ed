"""New versions: what they bring, who skipped one, and who wants to be reminded of one."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from release.model import ReleaseNotes, Reminder, Skip
from release.records import audit, tables
from release.records.audit import BOT, Deed
from release.records.base import Base
from release.records.rows import now
from release.records.upsert import upsert

_NOTES = TypeAdapter(ReleaseNotes)


class NoticeRecords(Base):
    """Of any number of replicas that want to tell a reminder, one does."""

    async def skip_version(self, version: str, by: str, site: str | None = None) -> None:
        """Nobody is asked about the version any more, for this site or (None) for any."""
        values = {"skipped_by": by, "skipped_at": now()}

        def work(connection: Connection) -> None:
            if site is None:
                upsert(connection, tables.skipped_versions, {"version": version}, values)
            else:
                upsert(connection, tables.skipped_for_sites, {"version": version, "site": site}, values)
            audit.append(connection, Deed(by, "skip", version, "skipped", site or ""))

        await self._write(work)

    async def unskip_version(
        self, version: str, by: str, site: str | None = None, others: Sequence[str] = ()
    ) -> bool:
        """Whether it was skipped, for the site or (None) for any; it is not from now on.

        Where it was skipped for all, it stays skipped for the `others`.
        """
        for_all, for_sites = tables.skipped_versions, tables.skipped_for_sites

        def work(connection: Connection) -> bool:
            everywhere = connection.execute(select(for_all).where(for_all.c.version == version)).first()
            connection.execute(delete(for_all).where(for_all.c.version == version))
            this = for_sites.c.version == version
            if site is not None:
                this = and_(this, for_sites.c.site == site)
            ended = connection.execute(delete(for_sites).where(this)).rowcount
            if everywhere is not None and site is not None:
                values = {"skipped_by": everywhere.skipped_by, "skipped_at": everywhere.skipped_at}
                for other in others:
                    upsert(connection, for_sites, {"version": version, "site": other}, values)
            if everywhere is None and not ended:
                return False
            audit.append(connection, Deed(by, "unskip", version, "not skipped any more", site or ""))
            return True

        return await self._write(work)

    async def skips(self) -> tuple[Skip, ...]:
        """Every skip there is."""

        def work(connection: Connection) -> tuple[Skip, ...]:
            everywhere = connection.execute(select(tables.skipped_versions)).all()
            somewhere = connection.execute(select(tables.skipped_for_sites)).all()
            return (
                *(Skip(row.version, None, row.skipped_by, row.skipped_at) for row in everywhere),
                *(Skip(row.version, row.site, row.skipped_by, row.skipped_at) for row in somewhere),
            )

        return await self._read(work)

    async def remind(self, version: str, by: str, at: datetime) -> Reminder:
        """They hear of the version again then; what they had asked for before is forgotten."""
        values = {"at": at, "claimed_at": None}
        await self._write(lambda c: upsert(c, tables.reminders, {"version": version, "by": by}, values))
        return Reminder(version, by, at)

    async def reminders(self) -> tuple[Reminder, ...]:
        """All that nobody was told yet, the next one first."""
        query = select(tables.reminders).order_by(tables.reminders.c.at)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(Reminder(**row) for row in rows)

    async def claim_reminder(self, one: Reminder, after: timedelta) -> bool:
        """Whether it is the caller who tells it. One that was claimed so long ago, and not told, is free again."""
        table = tables.reminders
        free = table.c.claimed_at.is_(None) | (table.c.claimed_at < now() - after)
        query = update(table).where(_is(one), free).values(claimed_at=now())
        return await self._write(lambda c: c.execute(query).rowcount) == 1

    async def end_reminder(self, one: Reminder, outcome: str, by: str = BOT) -> bool:
        """It is over, unless it was already. Written down in the audit."""

        def work(connection: Connection) -> bool:
            ended = connection.execute(delete(tables.reminders).where(_is(one))).rowcount == 1
            if ended:
                audit.append(connection, Deed(by, "reminder", one.version, f"{outcome} ({one.by})"))
            return ended

        return await self._write(work)

    async def keep_release_notes(self, notes: ReleaseNotes) -> None:
        """They are not asked for again, by any replica."""
        values = {"value": _NOTES.dump_json(notes).decode()}
        await self._write(lambda c: upsert(c, tables.release_notes, {"version": notes.version}, values))

    async def release_notes(self, versions: Collection[str]) -> dict[str, ReleaseNotes]:
        """Those that are known, by version."""
        table = tables.release_notes
        query = select(table.c.value).where(table.c.version.in_(versions))
        values = await self._read(lambda c: c.execute(query).scalars().all())
        return {notes.version: notes for notes in map(_NOTES.validate_json, values)}


def _is(one: Reminder) -> ColumnElement[bool]:
    table = tables.reminders
    return and_(table.c.version == one.version, table.c.by == one.by, table.c.at == one.at)
