"""Backups and packages that are kept."""

from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter
from sqlalchemy import (
    Connection,
    RowMapping,
    delete,
    select,
    update,
)

from release.model import (
    BackupTaken,
    PackageStored,
)
from release.records import audit, tables
from release.records.audit import BOT, Deed
from release.records.base import Base
from release.records.rows import now
from release.records.upsert import upsert

_BACKUP = TypeAdapter(BackupTaken)
_PACKAGE = TypeAdapter(PackageStored)


def _backup(row: RowMapping) -> BackupTaken:
    return replace(_BACKUP.validate_json(row["value"]), verified_at=row["verified_at"])


class KeptRecords(Base):
    """Which there are; the files themselves are in the storage."""

    async def keep_backup(self, backup: BackupTaken) -> None:
        values = {
            "site": backup.site,
            "taken_at": backup.taken_at,
            "value": _BACKUP.dump_json(backup).decode(),
        }
        await self._write(lambda c: upsert(c, tables.backups, {"id": backup.id}, values))

    async def backups(self, site: str, limit: int | None = 20) -> tuple[BackupTaken, ...]:
        """The newest first; all of them with `limit` None."""
        query = (
            select(tables.backups)
            .where(tables.backups.c.site == site)
            .order_by(tables.backups.c.taken_at.desc(), tables.backups.c.id.desc())
            .limit(limit)
        )
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(_backup(row) for row in rows)

    async def every_backup(self) -> tuple[BackupTaken, ...]:
        """Those of all sites, also of sites that are not in the settings any more."""
        rows = await self._read(lambda c: c.execute(select(tables.backups)).mappings().all())
        return tuple(_backup(row) for row in rows)

    async def backup(self, backup_id: str) -> BackupTaken | None:
        query = select(tables.backups).where(tables.backups.c.id == backup_id)
        row = await self._read(lambda c: c.execute(query).mappings().first())
        return _backup(row) if row else None

    async def mark_verified(self, backup_id: str) -> None:
        """A Ghost was booted on a copy of this backup just now, and read back what it holds."""
        query = update(tables.backups).where(tables.backups.c.id == backup_id).values(verified_at=now())
        await self._write(lambda c: c.execute(query))

    async def forget_backup(self, backup_id: str) -> None:
        """The backup is no longer known; who forgot it is the bot, which keeps them for as long as it was told."""

        def work(connection: Connection) -> None:
            gone = (
                delete(tables.backups)
                .where(tables.backups.c.id == backup_id)
                .returning(tables.backups.c.site)
            )
            site = connection.execute(gone).scalar()
            if site is not None:
                audit.append(connection, Deed(BOT, "remove backup", backup_id, "removed", site))

        await self._write(work)

    async def keep_package(self, package: PackageStored) -> None:
        values = {"value": _PACKAGE.dump_json(package).decode(), "used_at": now()}
        await self._write(lambda c: upsert(c, tables.packages, {"key": package.key}, values))

    async def use_package(self, key: str) -> None:
        """The package was used just now."""
        query = update(tables.packages).where(tables.packages.c.key == key).values(used_at=now())
        await self._write(lambda c: c.execute(query))

    async def package(self, key: str) -> PackageStored | None:
        query = select(tables.packages.c.value).where(tables.packages.c.key == key)
        value = await self._read(lambda c: c.execute(query).scalar())
        return _PACKAGE.validate_json(value) if value else None

    async def old_packages(self, newest: int, days: float) -> tuple[PackageStored, ...]:
        """Those not among the `newest` last used, and not used for so many days."""
        query = select(tables.packages).order_by(tables.packages.c.used_at.desc())
        oldest = now() - timedelta(days=days)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(_PACKAGE.validate_json(row["value"]) for row in rows[newest:] if row["used_at"] < oldest)

    async def forget_package(self, key: str) -> None:
        query = delete(tables.packages).where(tables.packages.c.key == key)
        await self._write(lambda c: c.execute(query))
