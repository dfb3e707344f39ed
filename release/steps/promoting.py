"""The approved candidate into production: the last look, the swap, and what came late."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from release.backup import back_up
from release.content import sync_content
from release.errors import ReleaseError
from release.ghost.build import build
from release.journal import telling
from release.model import Kind, Release, Step, SwapDone
from release.records import Records
from release.site import PRODUCTION
from release.smoke import Expected, smoke_test
from release.staging import leave_mark, put_database, recheck, start_and_warm
from release.steps.common import Steps, mark_of, shipped_themes
from release.swap import SwappedBack, change_of, is_past_the_swap, put_live
from release.version import Version


class Promoting(Steps):
    """From the decision to a verified production."""

    async def recheck(self, release_id: str) -> None:
        """Staging and production are still what they were when people were asked."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.RECHECK) as words:
            if await is_past_the_swap(site, release):
                words.text = "production is swapped already"
                return
            production = await site.version(PRODUCTION)
            if production != release.from_version:
                raise NotTheSame(site.name, production, str(release.from_version))
            if release.facts.candidate is not None:
                await recheck(site, mark_of(release_id, release.facts.candidate))
            words.text = f"still {release.version} on {site.staging}, {production} in production"

    async def catch_up(self, release_id: str) -> None:
        """What production wrote since the backup is on staging too.

        The content of the databases is compared, not their times; files by listing.
        """
        release, site, journal = await self._of(release_id)
        candidate, before, built = release.facts.candidate, release.facts.backup, release.facts.package
        if candidate is None or before is None or built is None:
            raise ReleaseError(f"{release_id} has no candidate that could catch up")
        async with journal.step(Step.CATCH_UP) as words:
            if await is_past_the_swap(site, release):
                words.text = "production is swapped already"
                return
            backup = await back_up(site, self._folders.backups)
            await self._records.keep_backup(backup)
            changed = sorted(
                table
                for table in backup.content_digests.keys() | before.content_digests.keys()
                if backup.content_digests.get(table) != before.content_digests.get(table)
            )
            synced = await sync_content(site, await shipped_themes(built.folder))
            if not changed:
                await self._records.note(release_id, caught_up_at=backup.taken_at)
                words.text = f"nothing written since the backup, {synced.copied} files copied"
                return
            await words.say(f"production changed ({', '.join(changed[:5])}): migrating again")
            await self._store.keep(backup)
            node_major = int(built.node.partition(".")[0])
            package = await build(Version.parse(built.version), node_major, self._npm, telling(words))
            done, after = await self._migrate(release_id, backup, package)
            await put_database(site, Path(done.path))
            candidate = replace(candidate, database_digest=done.digest)
            await leave_mark(site, mark_of(release_id, candidate))
            await self._records.note(
                release_id, candidate=candidate, backup=backup, caught_up_at=backup.taken_at
            )
            await start_and_warm(site, site.staging)
            expected = Expected(candidate.version, after.rows.get("posts"), after.rows.get("members"))
            await smoke_test(site, site.staging, expected)
            words.text = f"caught up with {', '.join(changed[:5])}, {synced.copied} files copied"

    async def put_live(self, release_id: str) -> SwapDone:
        """The candidate is in production, verified, and the old slot keeps its version until the grace ends."""
        release, site, journal = await self._of(release_id)
        if release.facts.swap is not None and release.facts.condemned is None:
            return release.facts.swap  # all of it was done before a restart
        memory = SwapMemory(self._records, release)
        preview = release.kind is not Kind.ROLLBACK
        try:
            done, seen = await put_live(site, change_of(release), memory, journal.step, preview)
        except SwappedBack:
            tried = SwapDone(release.from_version or "", release.version or "", 0, 0, swapped_back=True)
            await self._records.note(release_id, swap=tried)
            raise
        stops_at = datetime.now(UTC) + site.config.grace
        await self._records.note(
            release_id,
            swap=done,
            probe=seen,
            old_slot_stops_at=stops_at,
            write_window_seconds=write_window(await self._records.release(release_id)),
        )
        return done

    async def account_for_late_writes(self, release_id: str) -> None:
        """What reached the old slot after the last look at it is told and kept; production is live whatever comes.

        Also keeps a first backup of the new version: what a later rollback leaves behind is measured from it.
        """
        release, site, journal = await self._of(release_id)
        caught_up = release.facts.backup
        async with journal.step(Step.LATE_WRITES) as words:
            try:
                late = await back_up(site, self._folders.backups, site.staging)
                live = await back_up(site, self._folders.backups)
                for backup in (late, live):
                    await self._records.keep_backup(backup)
                    await self._keep_late(backup)
                await self._records.note(release_id, live_backup=live)
                if caught_up is None:
                    words.text = "nothing to compare with"
                    return
                written = await self._written(caught_up, late)
            except ReleaseError as error:
                # Production is live and well: not being able to look is told, and is no failure of the release.
                words.text = f"could not be looked at: {error}"
                return
            await self._records.note(release_id, left_behind=written)
            words.text = f"{written.words} written between the last look and the swap"


class NotTheSame(ReleaseError):
    problem = "Production of {0} is {1} now; it was {2} when this release was staged."
    remedy = "Nothing was changed. Start the release again."


class SwapMemory:
    """What a swap has to remember through a kill, in the release's facts."""

    def __init__(self, records: Records, release: Release) -> None:
        self._records = records
        self._release = release.id
        self.token = release.facts.swap_token
        self.condemned = release.facts.condemned

    async def keep_token(self, token: str | None) -> None:
        if token is not None:
            await self._records.audit_release(self._release, "swap", "asked of Azure")
        self.token = token
        await self._records.note(self._release, swap_token=token)

    async def condemn(self, reason: str) -> None:
        self.condemned, self.token = reason, None
        await self._records.note(self._release, condemned=reason, swap_token=None)
        await self._records.audit_release(self._release, "swap back", reason)


def write_window(release: Release) -> float | None:
    """Seconds between the last look at production's database and the swap: what is written then comes late."""
    looked, swapped = release.facts.caught_up_at, release.step(Step.SWAP).started_at
    if looked is None or swapped is None:
        return None
    return round((swapped - looked).total_seconds(), 1)
