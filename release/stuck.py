"""Releases that make no progress: noticed, told once a step, and told again when they go on."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from release.artefacts.downloads import SECONDS as DOWNLOAD_SECONDS
from release.ghost.build import INSTALL_SECONDS
from release.ghost.driver import BUILD_SECONDS
from release.ghost.migrate import MIGRATION_SECONDS
from release.ghost.read_back import READ_BACK_SECONDS
from release.ghost.theme import CHECK_SECONDS
from release.model import Release, Step, StepRecord, StepState, Stuck
from release.records import Records
from release.site import Site, SiteConfig
from release.steps.common import KEEP_SECONDS
from release.steps.observing import READY_SECONDS

log = logging.getLogger(__name__)

MARGIN = 120.0
"""Seconds that a step may take besides what its limits say: requests that are repeated, a machine that is busy."""
ASKING = 300.0
"""For what only asks and compares: some dozen requests, of which each may take half a minute."""
CONTENT = 1800.0
"""For a blog's files. Nothing limits how many there are; one that takes longer is worth a word."""
BETWEEN_STEPS = 180.0
"""For an open release of which no step runs. The next one begins within a second, unless the engine has lost it."""
BUILDING = float(INSTALL_SECONDS + BUILD_SECONDS)


def bound(step: Step, config: SiteConfig) -> timedelta:
    """How long the step of this site may go without any progress: what its own limits allow, and a margin."""
    return timedelta(seconds=limits(config).get(step, CONTENT) + MARGIN)


def limits(config: SiteConfig) -> dict[Step, float]:
    """What each step's own limits allow at most, in seconds."""
    backing_up = config.backup_limit + config.scm_patience
    testing = config.start_limit + ASKING
    migrating = config.migration.seconds if config.migration else 0.0
    # One dump or restore of a Ghost's shared database, and a picture of it.
    dumping = 2 * (config.mysql.dump_limit if config.mysql else 0) + CONTENT
    shared = BUILDING + 2 * dumping + MIGRATION_SECONDS if config.mysql else 0.0
    catching_up = backing_up + CONTENT + BUILDING + MIGRATION_SECONDS + testing
    return {
        # A rollback and a swap look into staging's database, which is fetched whole.
        Step.PREFLIGHT: ASKING + CONTENT + config.scm_patience,
        Step.BACK_UP: backing_up + CONTENT,
        Step.BUILD: BUILDING,
        Step.TAKE_STOCK: CONTENT,
        Step.CHECK_THEME: CONTENT + CHECK_SECONDS + config.scm_patience,
        Step.MIGRATE: float(MIGRATION_SECONDS) + 2 * dumping,
        Step.DEPLOY: config.deploy_limit + config.scm_patience,
        Step.SYNC_CONTENT: CONTENT + config.scm_patience,
        Step.PUT_DATABASE: CONTENT + config.scm_patience,
        Step.START: config.start_limit,
        Step.SMOKE_TEST: ASKING,
        Step.RECHECK: testing + config.scm_patience,
        Step.CATCH_UP: catching_up + config.scheduled_limit.total_seconds(),
        Step.PREVIEW: testing,
        Step.LAST_LOOK: catching_up,
        Step.SWAP: config.swap_limit + config.scm_patience + config.watch_seconds,
        # It may end in a swap back, which is asked for until its limit is over, and verified as well.
        Step.VERIFY: 2 * ASKING + 2 * config.swap_limit + config.scm_patience + config.watch_seconds,
        Step.LATE_WRITES: 2 * backing_up + CONTENT,
        Step.OBSERVE: (
            config.observe.total_seconds()
            + config.sick_seconds
            + (READY_SECONDS + KEEP_SECONDS + ASKING)
            + 2 * config.swap_limit
            + config.scm_patience
        ),
        Step.CHECK_BACKUP: CONTENT,
        Step.BUILD_SAME: BUILDING,
        Step.READ_BACK: float(READ_BACK_SECONDS),
        Step.PUT_BACKUP: CONTENT + config.scm_patience,
        Step.KEEP_LEAVING: backing_up + CONTENT,
        Step.MERGE: backing_up + CONTENT,
        Step.FETCH: 2 * DOWNLOAD_SECONDS + CONTENT,
        Step.LIST_PENDING: migrating,
        # It waits for its turn as long as it may take, is asked what is pending, and production is looked at.
        Step.MIGRATE_SHARED: 3 * migrating + ASKING + shared,
        Step.TEST_PRODUCTION: ASKING,
        Step.MIGRATE_DOWN: 2 * migrating,
        Step.CLOSE_WRITES: config.scheduled_limit.total_seconds() + dumping,
        Step.DUMP: dumping,
        Step.POINT: ASKING + config.scm_patience,
        Step.REHEARSE_BACK: 2 * dumping,
        Step.RESTORE_SHARED: 2 * dumping,
        Step.STOP_OLD: dumping + ASKING,
        Step.PUT_BACK: 3 * dumping,
        Step.UNDO: BUILDING + config.deploy_limit + CONTENT + config.start_limit + config.scm_patience,
    }


class Watchman:
    """Looks at open releases every few seconds. Without one it is a single short question to the records."""

    def __init__(self, sites: Mapping[str, Site], records: Records) -> None:
        self._sites = sites
        self._records = records

    async def look(self, now: datetime | None = None) -> None:
        """Afterwards every release that stands still is known as such, and so is every one that goes on again."""
        moment = now or datetime.now(UTC)
        # Nothing of a release runs while people decide.
        for release in await self._records.working_releases():
            site = self._sites.get(release.site)
            if site is None:
                continue
            await self._look_at(release, site.config, moment)

    async def _look_at(self, release: Release, config: SiteConfig, now: datetime) -> None:
        progress = _progress(release)
        known = tuple(
            replace(one, goes_on_at=now) if one.goes_on_at is None and one.progress != progress else one
            for one in release.facts.stuck
        )
        new = self._newly_stuck(release, config, now, progress)
        if new is not None:
            known = (*known, new)
        if known != release.facts.stuck:
            await self._records.note(release.id, stuck=known)

    def _newly_stuck(
        self, release: Release, config: SiteConfig, now: datetime, progress: str
    ) -> Stuck | None:
        running = [record for record in release.steps if record.state is StepState.RUNNING]
        allowed = max(
            (bound(record.step, config) for record in running), default=timedelta(seconds=BETWEEN_STEPS)
        )
        # Whatever is written about a release counts as progress: a step that begins, what it says, what it found.
        if now - release.updated_at <= allowed:
            return None
        step = running[-1].step if running else None
        if any(one.step is step for one in release.facts.stuck):
            return None
        log.warning(
            "a release makes no progress",
            extra={
                "release": release.id,
                "site": release.site,
                "step": str(step or "none"),
                "since": release.updated_at.isoformat(timespec="seconds"),
                "doing": _doing(running),
            },
        )
        return Stuck(step, release.updated_at, allowed.total_seconds(), _doing(running), progress)


def _doing(running: list[StepRecord]) -> str:
    return "; ".join(record.detail for record in running if record.detail)


def _progress(release: Release) -> str:
    """The same as long as no step has begun, ended or said anything."""
    told = repr((release.state, release.steps))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
