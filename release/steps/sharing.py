"""A candidate for a site whose slots share a database: rehearsed on a scratch copy, until the question is asked.

The steps before the approval that other releases do not have. Nothing here changes the database that both slots share.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from release.errors import ReleaseError
from release.fitting import any_on_staging
from release.ghost.build import GUARD_FILE, Package, Progress
from release.ghost.database import inspect
from release.ghost.path import path_in_words
from release.journal import telling
from release.model import BackupTaken, Candidate, MigrationDone, Release, Step
from release.mysql.config import MySqlConfig
from release.mysql.connection import Connection, connection_of, scratch_of
from release.mysql.dumped import dump_of
from release.mysql.migrate import Way, migrate_database
from release.mysql.pointing import point_staging_at
from release.mysql.scratch import fill_scratch
from release.preflight import Cleared, preflight_upgrade
from release.silence import carry_silence
from release.site import PRODUCTION, Site
from release.staging import leave_mark, mute
from release.steps.common import mark_of
from release.steps.staging import Staging, way_in_words
from release.version import Version

WHAT_IT_MEANS = (
    "Both slots share one MySQL database. Once this is approved, production refuses writes until the swap is done, and "
    "its database is migrated in place while the old version still shows its pages."
)
WHAT_A_ROLLBACK_MEANS = (
    "A rollback of this release puts the database back from the dump taken right before it is migrated: all that is "
    "written afterwards is left behind, and visitors may see errors while the database is put back."
)
CROSSES_MAJORS = (
    "{0} to {1} is another major version: the old one can most likely not read the migrated database (5.130.6 answers "
    "400 on the database of 6.65.0). Then visitors see errors from the migration until the swap."
)


class CannotRefuseWrites(ReleaseError):
    problem = "Production of {0} cannot refuse writes while its database is migrated: {1}"
    remedy = (
        "Nothing was changed in its database. A version that the bot deployed can. For the first release, say "
        "open_writes = true in [sites.{0}.mysql], and ask people not to write meanwhile: see docs/mysql.md."
    )


class Sharing(Staging):
    """What an upgrade does in its own way where the slots share a database."""

    async def preflight_shared(self, release_id: str) -> Cleared:
        """Everything the upgrade needs is there, or one error names all that is not."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            version = Version.parse(release.version or "")
            target, published = await self._published(site).find(version), await self._ghosts.all()
            cleared = await preflight_upgrade(site, target, published)
            warnings = (WHAT_IT_MEANS, WHAT_A_ROLLBACK_MEANS, *await self._warnings(site, cleared))
            cleared = replace(cleared, warnings=(*cleared.warnings, *warnings))
            words.text = f"{way_in_words(cleared)}, all is ready"
            await self._note_way(release, cleared)
            await self._records.set_versions(release_id, cleared.current, cleared.target)
            await self._records.note(release_id, warnings=cleared.warnings, warm_up=cleared.warm_up)
        return cleared

    async def _warnings(self, site: Site, cleared: Cleared) -> tuple[str, ...]:
        config = config_of(site)
        told = []
        if not await site.holds(PRODUCTION, GUARD_FILE):
            if not config.open_writes:
                raise CannotRefuseWrites(site.name, "the bot did not deploy what runs there.")
            told.append(
                "Production cannot refuse writes yet: what is written during the migration may be lost."
            )
        if Version.parse(cleared.current).first != Version.parse(cleared.target).first:
            also = "" if config.readers_may_see_errors else " This release would be stopped then, and undone."
            told.append(CROSSES_MAJORS.format(cleared.current, cleared.target) + also)
        return tuple(told)

    async def rehearse(self, release_id: str, backup: BackupTaken, package: Package) -> MigrationDone:
        """The scratch database holds the dump, migrated by the new version and inspected."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.MIGRATE) as words:
            real, scratch = await self._databases(site)
            await words.say(f"restoring {backup.id} as {scratch.database}")
            await fill_scratch(real, scratch, await dump_of(self._store, backup), config_of(site))
            way = await self._way(release_id, await self._here(release_id, package), telling(words))
            before = await inspect(await self._store.read(backup))
            work = self._work(release_id) / "rehearsal"
            async with self._turns.turn(words):
                done = await migrate_database(way, scratch, before, work, self._npm, telling(words))
            await self._records.note(release_id, migration=done)
            versions = path_in_words((done.from_version, *done.stops, done.to_version))
            words.text = f"{versions} on {scratch.database} in {done.seconds:.1f} s, {len(done.rows)} tables"
            words.text += ", no row lost"
        return done

    async def point(self, release_id: str) -> None:
        """Staging is stopped, muted, and signs in to the scratch database; production's settings are as they were."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.POINT) as words:
            _, scratch = await self._databases(site)
            cleared = await self._point(release_id, site, scratch)
            told = f"{site.staging} uses {scratch.database}; these settings stay with their slots in a swap"
            words.text = "; ".join(part for part in (told, cleared) if part)

    async def put_together(
        self,
        release_id: str,
        backup: BackupTaken,
        package: Package,
        migration: MigrationDone,
        deployment: str,
    ) -> Candidate:
        """A mark on staging says what it holds, and people can be told."""
        release, site, _ = await self._of(release_id)
        await carry_silence(site)
        candidate = Candidate(
            version=package.version,
            package_digest=(release.facts.package or package).digest,
            database_digest=migration.digest,
            source_version=backup.version,
            staging_url=await site.url(site.staging),
            deployment=deployment,
        )
        await leave_mark(site, mark_of(release_id, candidate))
        await self._records.note(release_id, candidate=candidate)
        return candidate

    async def remember_shared(self, release_id: str) -> None:
        """What staging is before the release changes it is known. It has no database of its own to keep."""
        release, site, _ = await self._of(release_id)
        await self._remember(release, site, with_database=False)

    async def _point(self, release_id: str, site: Site, scratch: Connection) -> str:
        """Staging is stopped, muted, signs in to the scratch database, and whatever version it holds may start.

        Returns, in words, what became of traffic routing.
        """
        # Whoever is routed to staging would meet a stopped slot, and then write to the scratch database.
        cleared = await self._clear_routing(release_id, site)
        await point_staging_at(site, scratch.database)
        await any_on_staging(site)
        await mute(site)
        return cleared

    # -- what the steps after the approval share --------------------------------------------------

    async def _databases(self, site: Site) -> tuple[Connection, Connection]:
        """The real one and the scratch one."""
        real = await connection_of(site)
        return real, scratch_of(site, real)

    async def _way(self, release_id: str, package: Package, told: Progress) -> Way:
        release: Release = await self._records.release(release_id)
        return Way(package, await self._stops(release.facts.stops, told))

    def _picture(self, release_id: str) -> Path:
        return self._work(release_id) / f"look-{datetime.now(UTC):%H%M%S%f}.db"


def config_of(site: Site) -> MySqlConfig:
    return site.config.mysql or MySqlConfig()
