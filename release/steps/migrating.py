"""The database that both slots share: what waits is listed, it is migrated under the running version, and undone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from release.errors import ReleaseError
from release.journal import Words
from release.migrations.command import Bench
from release.migrations.config import DatabaseKind, MigrationConfig
from release.migrations.errors import (
    DownCutOff,
    LockLost,
    MigrationCommandFailed,
    MigrationTooSlow,
    NoDownMigration,
    NothingToUndo,
    ProductionUnwell,
    SchemaInUse,
)
from release.migrations.lock import Lock, one_at_a_time, while_held
from release.migrations.target import target_of
from release.model import Release, SchemaMigrated, Step, StepState
from release.probe import Probe
from release.shape import Expected
from release.site import PRODUCTION, Site
from release.smoke import SmokeTestFailed, smoke_test
from release.staging import leave_mark, read_mark, stop_staging
from release.steps.common import mark_of
from release.steps.deploying import Deploying, NothingAsked
from release.swap import Held, change_of, held_by_production, is_past_the_swap
from release.unfinished import note_unfinished

NOT_CONFIGURED = "no migration is configured for this site"
LOCKS = {
    DatabaseKind.POSTGRESQL: "an advisory lock in the database",
    DatabaseKind.MYSQL: "a named lock of the database's server",
}
ONLY_OURS = (
    "no lock of its kind of database is known to the bot: only its own releases of this site take turns"
)
TEST_AGAIN_SECONDS = 2.0
MORE_SECONDS = 60.0
"""Patience with another's migration, beyond the time that our own gets: it also looks around before and after."""


class Migrating(Deploying):
    """What happens to the shared database."""

    async def list_pending(self, release_id: str) -> None:
        """The migrations that wait are known, where the tool can tell."""
        release, site, journal = await self._of(release_id)
        migration = site.config.migration
        if migration is None or not migration.pending:
            why = NOT_CONFIGURED if migration is None else "its tool is not asked what waits (pending)"
            await self._records.step(release_id, Step.LIST_PENDING, StepState.SKIPPED, why)
            return
        async with journal.step(Step.LIST_PENDING) as words:
            async with self._bench(release, site, migration) as bench:
                pending = await bench.pending(words.say)
            await self._records.note(release_id, pending=pending)
            words.text = in_words(pending)

    async def migrate(self, release_id: str) -> None:
        """The database has the schema that the new version needs, and staging's files may be swapped in.

        A tool that was cut off by a kill is run again: it knows what it has done. Nothing pending, nothing is run.
        """
        release, site, journal = await self._of(release_id)
        migration = site.config.migration
        if migration is None:
            await self._records.step(release_id, Step.MIGRATE_SHARED, StepState.SKIPPED, NOT_CONFIGURED)
        else:
            async with journal.step(Step.MIGRATE_SHARED) as words:
                try:
                    words.text = await self._migrate_shared(release, site, migration, words)
                except (MigrationCommandFailed, MigrationTooSlow, LockLost) as error:
                    await self._still_well_after(error, release, site)
                    raise
        await self._mark(release_id, site)

    async def _migrate_shared(
        self, release: Release, site: Site, migration: MigrationConfig, words: Words
    ) -> str:
        if release.facts.schema is not None and release.facts.schema.ended_at is not None:
            return "done before a restart"
        async with (
            self._bench(release, site, migration) as bench,
            self._turn(bench, site, release, words) as lock,
        ):
            # Somebody else may have migrated while this waited for the lock.
            pending = await bench.pending(words.say)
            kept = LOCKS.get(bench.target.kind, ONLY_OURS)
            schema = release.facts.schema or SchemaMigrated(pending, datetime.now(UTC), bench.called, kept)
            await self._records.note(release.id, schema=schema, pending=pending)
            if pending == ():
                await self._ended(release.id, schema, 0)
                return "nothing was pending"
            await self._records.audit_release(release.id, "migrate the shared database", in_words(pending))
            began = datetime.now(UTC)
            url = await site.url(PRODUCTION)
            async with Probe(site.visitor, url, site.shape.pages.probed, site.config.probe_rate) as probe:
                await while_held(lock, bench.migrate(words.say))
            seconds = (datetime.now(UTC) - began).total_seconds()
            seen = probe.seen()
            await self._ended(release.id, replace(schema, visitors=seen), seconds)
        failed = "none failed" if not seen.failed else f"{seen.failed} FAILED"
        waiting = f"{len(schema.pending)} migrations, " if schema.pending is not None else ""
        return f"{waiting}{seconds:.1f} s; {seen.requests} requests of visitors meanwhile, {failed}"

    async def _still_well_after(self, error: ReleaseError, release: Release, site: Site) -> None:
        """What a migration did before it failed may have harmed production: then that is what people hear first."""
        current = release.from_version or ""
        wrong = await self._wrong_in_production(site, current)
        if wrong is not None and not self._was_sick(release):
            half = f"{release.version or ''}, of which the migration failed: {error}"
            raise ProductionUnwell(wrong, current, half, way_out(site)) from error

    async def _ended(self, release_id: str, schema: SchemaMigrated, seconds: float) -> None:
        ended = replace(schema, ended_at=datetime.now(UTC), seconds=round(seconds, 1))
        await self._records.note(release_id, schema=ended)

    async def _mark(self, release_id: str, site: Site) -> None:
        """What is on staging and the database belong together from here on."""
        release = await self._records.release(release_id)
        if release.facts.candidate is None:
            raise NothingAsked(release_id)
        if not await is_past_the_swap(site, release):
            await leave_mark(site, mark_of(release_id, release.facts.candidate))

    async def test_production(self, release_id: str) -> None:
        """Production, which runs the old version, is well on the new schema. Raises ProductionUnwell."""
        release, site, journal = await self._of(release_id)
        if site.config.migration is None or await is_past_the_swap(site, release):
            await self._records.step(release_id, Step.TEST_PRODUCTION, StepState.SKIPPED, NOT_CONFIGURED)
            return
        async with journal.step(Step.TEST_PRODUCTION) as words:
            current = release.from_version or ""
            wrong = await self._wrong_in_production(site, current)
            if wrong is not None and not self._was_sick(release):
                raise ProductionUnwell(wrong, current, release.version or "", way_out(site))
            told = "well" if wrong is None else f"as unwell as before the migration ({wrong})"
            await self._records.note(release_id, production_tested=told)
            words.text = f"{current} on the new schema: {told}"

    def _was_sick(self, release: Release) -> bool:
        return any(warning.startswith("production is not well before") for warning in release.facts.warnings)

    async def _wrong_in_production(self, site: Site, version: str) -> str | None:
        """One unlucky answer is no sickness: asked twice."""
        for pause in (TEST_AGAIN_SECONDS, 0.0):
            try:
                await smoke_test(site, PRODUCTION, Expected(version))
            except SmokeTestFailed as error:
                wrong = str(error.args[1])
                await asyncio.sleep(pause)
            else:
                return None
        return wrong

    # -- the way back -----------------------------------------------------------------------------

    async def preflight_down(self, release_id: str) -> None:
        """There is a migration to undo, and production does not need it."""
        release, site, journal = await self._of(release_id)
        async with journal.step(Step.PREFLIGHT) as words:
            if site.config.migration is None or not site.config.migration.down:
                raise NoDownMigration(site.name)
            undone = await self._to_undo(release, site)
            await self._records.set_versions(release_id, undone.version, undone.from_version)
            words.text = f"what {undone.id} did for {undone.version}"

    async def _to_undo(self, release: Release, site: Site) -> Release:
        if release.undoes is None:
            raise NothingAsked(release.id)
        undone = await self._records.release(release.undoes)
        if undone.facts.schema is None:
            raise NothingToUndo(site.name, f"{undone.id} has migrated nothing")
        if (await held_by_production(site, change_of(undone)))[0] is Held.AFTER:
            raise SchemaInUse(site.name, undone.version or "the new version")
        return undone

    async def migrate_down(self, release_id: str) -> None:
        """The down migration has run, and what needs the new schema cannot be swapped in any more."""
        release, site, journal = await self._of(release_id)
        migration = site.config.migration
        async with journal.step(Step.MIGRATE_DOWN) as words:
            if migration is None:
                raise NoDownMigration(site.name)
            undone = await self._to_undo(release, site)
            schema = undone.facts.schema
            if schema is None or schema.undone_by == release_id:
                words.text = "done before a restart"
                return
            mark = await read_mark(site, site.staging)
            if mark is not None and mark.release == undone.id:
                await stop_staging(site)
                await note_unfinished(site, release_id, await site.shape.deployment.latest(site))
            async with (
                self._bench(undone, site, migration, release_id) as bench,
                self._turn(bench, site, release, words) as lock,
            ):
                count = await self._left_to_undo(bench, undone, schema, release, words)
                if count != 0:
                    await self._records.audit_release(release_id, "undo a migration", undone.id)
                    await while_held(lock, bench.migrate_down(count, words.say))
            await self._records.note(undone.id, schema=replace(schema, undone_by=release_id))
            words.text = f"the migration of {undone.version} is undone"

    async def _left_to_undo(
        self, bench: Bench, undone: Release, schema: SchemaMigrated, release: Release, words: Words
    ) -> int | None:
        """How many of the migrations that waited then are done and not undone; None where nobody can count them.

        A tool undoes the newest ones, whosesoever they are: what was cut off must not count the same ones again.
        Raises DownCutOff where the tool cannot tell and had been begun before.
        """
        waits = await bench.pending(words.say)
        if waits is not None and schema.pending is not None:
            return len(set(schema.pending) - set(waits))
        if schema.down_by == release.id:
            raise DownCutOff(release.site, bench.called, undone.version or undone.id)
        await self._records.note(undone.id, schema=replace(schema, down_by=release.id))
        return None if schema.pending is None else len(schema.pending)

    async def test_production_down(self, release_id: str) -> None:
        """Production is well on the schema of before."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.TEST_PRODUCTION) as words:
            current = await site.version(PRODUCTION)
            wrong = await self._wrong_in_production(site, current)
            if wrong is not None:
                raise ProductionUnwell(wrong, current, "before the migration", BACKUP_OF_ITS_OWN)
            words.text = f"{current} is well"

    # -- what they share --------------------------------------------------------------------------

    @asynccontextmanager
    async def _bench(
        self, release: Release, site: Site, migration: MigrationConfig, by: str | None = None
    ) -> AsyncIterator[Bench]:
        """Everything a command needs; the connection string is looked up now, and kept by nobody."""
        release = await self._records.release(release.id)
        name = f"{by or release.id}.log"
        yield Bench(
            config=migration,
            target=await target_of(site, migration, site.staging),
            work=self._work(by or release.id),
            bundle=await self._bundle(release, site),
            log=self._folders.migrations / name,
            called=str(Path("migrations") / name),
        )

    @asynccontextmanager
    async def _turn(
        self, bench: Bench, site: Site, release: Release, words: Words
    ) -> AsyncIterator[Lock | None]:
        name = f"ghostbot {release.id}"
        patience = bench.config.seconds + MORE_SECONDS
        async with one_at_a_time(bench.target, site.name, name, patience, words.say) as lock:
            yield lock


BACKUP_OF_ITS_OWN = (
    "Look at production now. The way back is the database's own backup (point-in-time restore), or a correction of "
    "the schema by hand."
)


def way_out(site: Site) -> str:
    """What is possible when production cannot live with the new schema."""
    down = site.config.migration is not None and bool(site.config.migration.down)
    if down:
        return (
            f"Look at production now. /ghost undo-migration {site.name} runs the configured down migration."
        )
    return f"{BACKUP_OF_ITS_OWN} No down migration is configured."


def in_words(pending: tuple[str, ...] | None) -> str:
    """`2 pending: 003_add_column, 004_index`."""
    if pending is None:
        return "what is pending is not known"
    if not pending:
        return "nothing is pending"
    more = f" and {len(pending) - 5} more" if len(pending) > 5 else ""
    return f"{len(pending)} pending: {', '.join(pending[:5])}{more}"
