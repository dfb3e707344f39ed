"""What staging was before a release changed it: for those who stop the release and want it back."""

import logging
import secrets
from dataclasses import replace
from datetime import UTC, datetime

from release.errors import ReleaseError
from release.live import last_live
from release.model import BackupTaken, Release, StagingBefore
from release.silence import SILENT
from release.site import NothingThere, Site
from release.slot_database import read_database
from release.staging import read_mark
from release.steps.common import Steps
from release.unfinished import unfinished_by

log = logging.getLogger(__name__)


class Remembering(Steps):
    """For the stages that change staging."""

    async def _remember(self, release: Release, site: Site, with_database: bool) -> None:
        """What staging is before the release's first change there is a fact, also after a restart."""
        if release.facts.staging_before is not None:
            return
        slot = await site.app.slot(site.staging)
        try:
            version: str | None = await site.version(site.staging)
        except NothingThere:
            version = None
        mark = await read_mark(site, site.staging)
        whole = version is not None and await unfinished_by(site) is None
        live = await last_live(site, self._records)
        before = StagingBefore(
            running=slot.running,
            version=version if whole else None,
            mark=mark.release if mark and mark.version == version else None,
            way_back=version if whole and live is not None and live.from_version == version else None,
            database=await self._keep_stagings(site, version)
            if whole and version and with_database
            else None,
        )
        before = replace(before, package=mark.package_digest if mark and before.mark else "")
        silent = await (await site.kudu(site.staging)).read(site.note(SILENT)) or b""
        before = replace(before, silent=silent.decode(errors="replace"))
        await self._records.note(release.id, staging_before=before)

    async def _keep_stagings(self, site: Site, version: str) -> BackupTaken | None:
        """Staging's database as a backup; None, and a line in the log, where it cannot be read."""
        taken_at = datetime.now(UTC)
        backup_id = f"b-{taken_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        path = self._store.place(site.name, backup_id)
        try:
            found = await read_database(site, site.staging, path)
        except ReleaseError as error:
            path.unlink(missing_ok=True)
            log.warning("staging's database is not kept", extra={"site": site.name, "problem": str(error)})
            return None
        backup = BackupTaken(
            id=backup_id,
            site=site.name,
            version=version,
            path=str(path.relative_to(self._folders.backups)),
            digest=found.digest,
            size=found.size,
            rows=dict(found.rows),
            content_digests=dict(found.digests),
            taken_at=taken_at,
            slot=site.staging,
        )
        await self._records.keep_backup(backup)
        await self._keep_late(backup)
        return backup
