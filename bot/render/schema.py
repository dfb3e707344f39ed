"""What is done to a database that both slots share, as people see it: before, after, and the way back."""

from slack_sdk.models.blocks import ActionsBlock

from bot.render.message import button, buttons, confirm, duration, escape
from release.model import Kind, Release, SchemaMigrated, State, Step, StepState

PENDING_SHOWN = 15
BOTH_SCHEMAS = "The code of both versions must run on the old and on the new schema (N and N-1)."


def schema_lines(release: Release) -> str:
    """The database's part of the approval card; escaped, and empty where no shared one is migrated."""
    if not release.kind.deploys:
        return ""
    facts, before = release.facts, escape(release.from_version or "the running version")
    if facts.schema is None:
        if release.step(Step.LIST_PENDING).state is StepState.SKIPPED and not _migrates(release):
            return ""
        lines = [
            *_pending(facts.pending, "wait"),
            f":warning: With your approval *production's database is changed while {before} runs on it*, and only then "
            f"is the new version started and tested. {BOTH_SCHEMAS}",
            "How production takes it is tested right after the migration, and before the swap.",
        ]
        return "\n".join(lines)
    lines = [*_pending(facts.schema.pending, "were applied"), _done(facts.schema)]
    if facts.production_tested:
        lines.append(
            f"Production ({before}) was tested on the new schema: {escape(facts.production_tested)}."
        )
    lines.append(f"{BOTH_SCHEMAS} A rollback does not undo the migration.")
    return "\n".join(lines)


def _migrates(release: Release) -> bool:
    return release.kind is Kind.DEPLOY_ASKING_FIRST and bool(
        release.facts.artefact and release.facts.artefact.bundle
    )


def _pending(pending: tuple[str, ...] | None, words: str) -> list[str]:
    if pending is None:
        return ["Which migrations there are, its tool was not asked."]
    if not pending:
        return ["No migration is pending."]
    shown = [f"• {escape(one)}" for one in pending[:PENDING_SHOWN]]
    if len(pending) > PENDING_SHOWN:
        shown.append(f"• and {len(pending) - PENDING_SHOWN} more")
    noun = "migration" if len(pending) == 1 else "migrations"
    return [f"{len(pending)} {noun} {words}:", *shown]


def _done(schema: SchemaMigrated) -> str:
    if schema.ended_at is None:
        return ":warning: Whether the migration came to its end is not known."
    kept = f" Others were kept away by {escape(schema.lock)}." if schema.lock.startswith("a") else ""
    kept = kept or f" :warning: {escape(schema.lock.capitalize())}."
    noticed = ""
    if schema.visitors:
        failed = (
            "none failed" if not schema.visitors.failed else f":warning: *{schema.visitors.failed} failed*"
        )
        noticed = f" Visitors meanwhile: {schema.visitors.requests:,} requests, {failed}."
    return f"The database was migrated in {duration(schema.seconds)}.{noticed}{kept}"


def schema_stands(release: Release) -> str:
    """What a release that is not live leaves the shared database in; escaped, empty where it changed nothing."""
    schema = release.facts.schema
    if schema is None or (schema.pending == () and schema.ended_at is not None):
        return ""
    if schema.undone_by is not None:
        return f"The migration was undone by {escape(schema.undone_by)}."
    version = escape(release.version or "the new version")
    if schema.ended_at is None:
        return (
            f":warning: The database was being migrated to what {version} needs; how far that came is in "
            f"{escape(schema.log)} of the bot's data folder."
        )
    return (
        f":warning: The database stays on the schema of {version}: nothing but a down migration undoes that."
    )


def undo_button(release: Release) -> ActionsBlock | None:
    """Offered where a release failed because production cannot live with the schema."""
    schema = release.facts.schema
    offered = "undo-migration" in (release.remedy or "")
    if schema is None or schema.undone_by is not None or release.state is not State.FAILED or not offered:
        return None
    ask = confirm(
        "Undo the migration?",
        f"The configured down migration runs on production's database of {release.site} now. What the new columns or "
        "tables hold is lost.",
        "Undo the migration",
    )
    return buttons(button("Undo the migration", "undo_migration", release.id, "danger", ask))
