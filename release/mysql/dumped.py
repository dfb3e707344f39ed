"""Copies of a database on a server: a dump to restore, and a picture beside it to compare with."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from release.backup import BackupUnusable
from release.backups import BackupDamaged, BackupStore, Beside
from release.errors import ReleaseError
from release.ghost.build import Package
from release.ghost.database import Inspection
from release.ghost.npm import Npm
from release.ghost.read_back import Disarmed, read_back_at
from release.model import BackupTaken, ReadBack
from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection, connection_of, scratch_of, session, speaking
from release.mysql.migrate import looked_at
from release.mysql.programs import CLIENT, DUMP, dump, program
from release.mysql.scratch import drop_scratch, fill_scratch, try_scratch
from release.site import PRODUCTION, Site

TO_VERIFY = "_verify"


class Dumped:
    """MySQL and MariaDB: dumped by their own program, of one moment, while it is written to."""

    def told(self, site: Site) -> str:  # noqa: ARG002 - as the protocol has it
        return "a dump of the MySQL database"

    async def ready(self, site: Site) -> str | None:
        config = site.config.mysql or MySqlConfig()
        found = [program(config, names) for names in (DUMP, CLIENT)]
        real = await connection_of(site)
        for purpose in ("", TO_VERIFY):
            await try_scratch(real, scratch_of(site, real, purpose))
        return f"{real.address}, with {' and '.join(Path(one).name for one in found)}"

    async def take(self, site: Site, store: BackupStore) -> BackupTaken:
        return await dump_database(site, await connection_of(site), store)

    async def read_back(
        self, site: Site, package: Package, backup: BackupTaken, store: BackupStore, work: Path, npm: Npm
    ) -> ReadBack:
        real = await connection_of(site)
        scratch = scratch_of(site, real, TO_VERIFY)

        async def where(disarmed: Disarmed) -> Mapping[str, str]:
            await fill_scratch(
                real, scratch, await dump_of(store, backup), site.config.mysql or MySqlConfig()
            )
            await speaking(scratch, "disarming the copy", lambda: _disarm(scratch, disarmed))
            return scratch.as_ghosts

        try:
            return await read_back_at(package, await store.read(backup), where, work, npm)
        finally:
            await asyncio.shield(drop_scratch(scratch))


async def dump_database(site: Site, real: Connection, store: BackupStore) -> BackupTaken:
    """A dump of the database and a picture of it, seconds apart, in the store's folder; both are checked."""
    taken_at = datetime.now(UTC)
    backup_id = f"b-{taken_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    picture = store.place(site.name, backup_id)
    dumping = picture.with_suffix(".dumping")
    try:
        await dump(real, dumping, site.config.mysql or MySqlConfig())
        found = await looked_at(real, picture)
        size = await asyncio.to_thread(lambda: dumping.stat().st_size)
        backup = BackupTaken(
            id=backup_id,
            site=site.name,
            version=await site.version(PRODUCTION),
            path=str(picture.relative_to(store.folder)),
            digest=found.digest,
            size=size,
            rows=dict(found.rows),
            content_digests=dict(found.digests),
            taken_at=taken_at,
        )
        return replace(backup, dump_digest=await store.keep_beside(backup, Beside.DUMP, dumping))
    except ReleaseError as error:
        await asyncio.to_thread(picture.unlink, missing_ok=True)
        raise BackupUnusable(site.name, str(error), error.advice) from error
    finally:
        await asyncio.to_thread(dumping.unlink, missing_ok=True)


async def dump_of(store: BackupStore, backup: BackupTaken) -> Path:
    """The dump of a backup, byte for byte as it was written; else BackupDamaged."""
    if backup.dump_digest is None:
        raise BackupDamaged(backup.id, "it holds no dump", backup.site)
    return await store.read_beside(backup, Beside.DUMP, backup.dump_digest)


def unlike(found: Inspection, backup: BackupTaken) -> list[str]:
    """The tables whose content is not what the backup's was; sessions, counters and the like are left out."""
    names = found.digests.keys() | backup.content_digests.keys()
    return sorted(name for name in names if found.digests.get(name) != backup.content_digests.get(name))


def _disarm(scratch: Connection, disarmed: Disarmed) -> None:
    with session(scratch) as asking, asking.cursor() as cursor:
        for statement, values in disarmed.statements:
            # The driver's own sign for a value is another one, and a percent sign is doubled for it.
            cursor.execute(
                statement.replace("%", "%%").replace("?", "%s") if values else statement, values or None
            )
