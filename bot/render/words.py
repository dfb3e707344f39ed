"""What people read for kinds, states and steps."""

from bot.render.message import escape
from release.model import PLAN, UNPLANNED, Kind, Release, State, Step, StepRecord, StepState

STEP_TITLES = {
    Step.PREFLIGHT: "Check the site and its slots",
    Step.BACK_UP: "Back up production",
    Step.BUILD: "Build the new version",
    Step.TAKE_STOCK: "List content and pages",
    Step.CHECK_THEME: "Check the theme for the new version",
    Step.MIGRATE: "Migrate a copy of the database",
    Step.DEPLOY: "Deploy to staging",
    Step.SYNC_CONTENT: "Copy content to staging",
    Step.PUT_DATABASE: "Put the migrated database on staging",
    Step.START: "Start staging",
    Step.SMOKE_TEST: "Test staging",
    Step.RECHECK: "Check that nothing changed since the test",
    Step.CATCH_UP: "Catch up with what was written since the backup",
    Step.PREVIEW: "Try production's settings on staging",
    Step.LAST_LOOK: "Look once more at what was written",
    Step.SWAP: "Swap staging into production",
    Step.VERIFY: "Check production",
    Step.CHECK_BACKUP: "Check the backup",
    Step.BUILD_SAME: "Build the same version",
    Step.READ_BACK: "Start Ghost on the backup and read it back",
    Step.PUT_BACKUP: "Put the backup on staging",
    Step.KEEP_LEAVING: "Back up what will be left behind",
    Step.MERGE: "Merge the late writes into a copy of the database",
    Step.UNDO: "Give staging back what it was",
    Step.POINT: "Point staging at the scratch database",
    Step.REHEARSE_BACK: "Put the dump of before on staging's scratch database",
    Step.CLOSE_WRITES: "Close production for writes",
    Step.DUMP: "Dump production's database",
    Step.RESTORE_SHARED: "Put the dump of before back into production's database",
    Step.STOP_OLD: "Stop what was swapped out",
    Step.PUT_BACK: "Put production's database back as it was",
    Step.LATE_WRITES: "Look for what was written at the last moment",
    Step.OBSERVE: "Watch production",
    Step.FETCH: "Fetch and check the artefact",
    Step.LIST_PENDING: "List the migrations that wait",
    Step.MIGRATE_SHARED: "Migrate the database that both slots share",
    Step.TEST_PRODUCTION: "Test production on the database as it is now",
    Step.MIGRATE_DOWN: "Undo the migration",
}

STATE_WORDS = {
    State.BACKING_UP: "backing up",
    State.VERIFYING: "verifying",
    State.STAGING: "preparing staging",
    State.AWAITING_APPROVAL: "waiting for approval",
    State.PROMOTING: "going live",
    State.ROLLING_BACK: "rolling back",
    State.UNDOING: "undoing",
    State.MIGRATING: "migrating the database",
    State.MIGRATED_DOWN: "migration undone",
    State.BACKED_UP: "backed up",
    State.VERIFIED: "verified",
    State.LIVE: "live",
    State.ROLLED_BACK: "rolled back",
    State.REJECTED: "rejected",
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
    State.FAILED: "failed",
}

STATE_SIGNS = {
    State.BACKING_UP: ":hourglass_flowing_sand:",
    State.VERIFYING: ":hourglass_flowing_sand:",
    State.STAGING: ":hourglass_flowing_sand:",
    State.AWAITING_APPROVAL: ":raised_hand:",
    State.PROMOTING: ":hourglass_flowing_sand:",
    State.ROLLING_BACK: ":hourglass_flowing_sand:",
    State.UNDOING: ":hourglass_flowing_sand:",
    State.MIGRATING: ":hourglass_flowing_sand:",
    State.MIGRATED_DOWN: ":white_check_mark:",
    State.BACKED_UP: ":white_check_mark:",
    State.VERIFIED: ":white_check_mark:",
    State.LIVE: ":white_check_mark:",
    State.ROLLED_BACK: ":leftwards_arrow_with_hook:",
    State.REJECTED: ":no_entry_sign:",
    State.EXPIRED: ":alarm_clock:",
    State.CANCELLED: ":no_entry_sign:",
    State.FAILED: ":x:",
}

KEPT_WORDS = "called off"
"""Of a rollback: somebody decided to keep what runs."""

KIND_WORDS = {
    Kind.UPGRADE: "upgrade",
    Kind.BACKUP: "backup",
    Kind.SWAP: "swap",
    Kind.ROLLBACK: "rollback",
    Kind.VERIFY: "verified backup",
    Kind.VERIFY_KEPT: "verification",
    Kind.RESTORE: "restore",
    Kind.CARRY_OVER: "late writes carried over",
    Kind.DEPLOY: "deployment",
    Kind.DEPLOY_ASKING_FIRST: "deployment",
    Kind.SWAP_BACK: "rollback",
    Kind.MIGRATE_DOWN: "down migration",
    Kind.UPGRADE_SHARED: "upgrade",
    Kind.ROLLBACK_SHARED: "rollback",
}


def release_title(release: Release) -> str:
    """What the release does, in one line, escaped."""
    site, version, before = escape(release.site), release.version, release.from_version
    match release.kind:
        case Kind.BACKUP:
            return f"Back up {site}"
        case Kind.VERIFY:
            return f"Back up {site} and verify it"
        case Kind.VERIFY_KEPT:
            return f"Verify backup {escape(release.backup or '')} of {site}"
        case Kind.RESTORE:
            return f"Restore {site} from backup {escape(release.backup or '')}"
        case Kind.CARRY_OVER:
            return f"Carry late writes over on {site}"
        case Kind.UPGRADE | Kind.UPGRADE_SHARED:
            start = f" from {escape(before)}" if before else ""
            return f"Upgrade {site}{start} to {escape(version) if version else 'the newest version'}"
        case Kind.SWAP:
            what = f"{escape(version)} from staging" if version else "what is on staging"
            return f"Put {what} into production on {site}"
        case Kind.DEPLOY | Kind.DEPLOY_ASKING_FIRST:
            asked = release.facts.artefact_asked
            return f"Deploy {escape(version or (asked.shown if asked else 'an artefact'))} to {site}"
        case Kind.MIGRATE_DOWN:
            return f"Undo the migration of {escape(before or 'the last release')} on {site}"
        case Kind.ROLLBACK | Kind.SWAP_BACK | Kind.ROLLBACK_SHARED:
            return f"Roll {site} back" + (f" to {escape(version)}" if version else " to its last version")


def state_words(release: Release) -> str:
    """How it stands or ended, in words that fit its kind."""
    if release.kind.goes_back and release.state is State.REJECTED:
        return KEPT_WORDS
    if release.kind.goes_back and release.state is State.AWAITING_APPROVAL:
        return "waiting for a decision"
    return STATE_WORDS[release.state]


def plan_of(release: Release) -> tuple[StepRecord, ...]:
    """Every step of the release in order, those not begun included; those of no plan where they were begun."""
    known = {record.step: record for record in release.steps}
    steps = (*PLAN[release.kind], *(step for step in UNPLANNED if step in known))
    return tuple(known.get(step, StepRecord(step, StepState.PENDING)) for step in steps)
