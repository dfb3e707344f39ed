"""Where everything stands after a release that changed nothing in production: both slots, backups, the way back."""

from bot.render.message import escape
from bot.render.schema import schema_stands
from release.model import Facts, Kind, Release, State, Step, StepState

UNTOUCHED = "Production is untouched."
ON_STAGING = (Kind.UPGRADE, Kind.RESTORE, Kind.CARRY_OVER)


def standing(release: Release) -> str:
    """Production, staging, backups and the way back, a line each; escaped."""
    return "\n".join(
        line
        for line in (
            _production(release),
            schema_stands(release),
            _staging(release),
            _backups(release.facts),
            _way_back(release),
        )
        if line
    )


def untouched(release: Release) -> str:
    """How production is while a release is not live, in one sentence; escaped."""
    return changed(release) or UNTOUCHED


def changed(release: Release) -> str:
    """How production is other than it was before a release that is not live; escaped, empty where it is untouched."""
    facts, down = release.facts, release.step(Step.MIGRATE_DOWN).state
    if facts.production_now:
        return by_hand(release)
    if facts.changing_since is not None:
        return "Production runs what it ran before, on a database that this release has changed."
    if down is not StepState.PENDING:
        may_have = "" if down is StepState.DONE else "may have "
        return f"Production runs what it ran before; the down migration {may_have}changed its database."
    if schema_stands(release):
        return "Production runs what it ran before; its database was migrated."
    return "Production runs what it ran before." if facts.put_back else ""


def not_swapped(release: Release) -> str:
    """How production is where this release swapped nothing, and the version that it still runs; escaped."""
    # What a down migration comes from is what it undoes, and that is not live.
    runs = release.version if release.kind is Kind.MIGRATE_DOWN else release.from_version
    still = f" It still runs {escape(runs)}." if runs else ""
    return f"{untouched(release)}{still}"


def by_hand(release: Release) -> str:
    """What production runs, where somebody swapped or deployed by hand while the release was under way; escaped."""
    how = "swapped by hand, and what ran there before is on staging"
    if not swapped_by_hand(release):
        how = "swapped or deployed by hand"
    return f"Production runs {escape(release.facts.production_now or '?')} now: somebody {how}."


def swapped_by_hand(release: Release) -> bool:
    """Whether production was found to hold what this release had put on staging."""
    now = release.facts.production_now
    return now is not None and now == release.version


def staging_of_a_failure(release: Release) -> str:
    """What a failed release left on staging; empty where it had not begun to change it, or has swapped."""
    swapped = release.step(Step.SWAP).state is not StepState.PENDING
    if swapped or swapped_by_hand(release) or not _deployed(release):
        return ""
    if release.facts.candidate is None or _unmigrated(release):
        text = "Staging holds what it was given until then, to look at; it cannot be swapped in."
    else:
        text = f"Staging holds {escape(release.facts.candidate.version)} as it was left, to look at."
    return " ".join(part for part in (text, _way_back(release)) if part)


def _unmigrated(release: Release) -> bool:
    """Whether an artefact's files wait on staging for a migration that has not come to its end."""
    state = release.step(Step.MIGRATE_SHARED).state
    return release.kind.deploys and state in (StepState.PENDING, StepState.FAILED)


def _production(release: Release) -> str:
    if release.facts.put_back:
        return escape(release.facts.put_back)
    if release.facts.production_now:
        return by_hand(release)
    return not_swapped(release)


def _staging(release: Release) -> str:
    facts = release.facts
    if facts.staging_left is not None:
        tried = "" if facts.staging_left.undone else ":warning: Staging could not be given back what it was. "
        return f"{tried}Staging: {escape(facts.staging_left.words.rstrip('.'))}."
    if release.kind in (Kind.BACKUP, Kind.VERIFY, Kind.VERIFY_KEPT, Kind.MIGRATE_DOWN):
        return ""
    if release.state in (State.REJECTED, State.EXPIRED) and release.kind is Kind.DEPLOY and facts.candidate:
        return f"Staging: {escape(facts.candidate.version)}, as it was tested, running; /ghost swap would put it live."
    if release.state in (State.REJECTED, State.EXPIRED) and release.kind in ON_STAGING and facts.candidate:
        return (
            f"Staging: {escape(facts.candidate.version)}, as it was tested, running; /ghost swap would put it live "
            "as it is, without what is written in the meantime."
        )
    return "Staging: as it was."


def _backups(facts: Facts) -> str:
    kept = []
    if facts.backup:
        kept.append(f"{escape(facts.backup.id)} of production")
    if facts.staging_before and facts.staging_before.database:
        kept.append(f"{escape(facts.staging_before.database.id)} of what was on staging")
    return f"Backups kept: {', '.join(kept)}." if kept else ""


def _way_back(release: Release) -> str:
    """Whether the release before this one can still be rolled back; empty where it never could."""
    before = release.facts.staging_before
    if before is None or before.way_back is None or release.facts.production_now is not None:
        return ""
    left, version = release.facts.staging_left, escape(before.way_back)
    # What only ran on a scratch database is undone by closing staging: then the old version is not there any more.
    is_back = left is not None and left.undone and left.version == before.way_back
    if not _deployed(release) or is_back:
        return f"/ghost rollback still goes back to {version}."
    instead = f" (/ghost restore {escape(before.database.id)} brings it)" if before.database else ""
    return f"The way back to {version} was on staging and is gone{instead}."


def _deployed(release: Release) -> bool:
    return release.step(Step.DEPLOY).state is not StepState.PENDING
