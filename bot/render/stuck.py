"""A release that makes no progress: what it was doing, since when, and what to do."""

from bot.render.message import (
    Message,
    clip,
    clock_time,
    duration,
    escape,
    message,
    person,
    section,
    when,
)
from bot.render.standing import UNTOUCHED, changed
from bot.render.words import STEP_TITLES, release_title
from release.model import Release, Step, StepState, Stuck

CHANGES_THE_DATABASE = (Step.MIGRATE_SHARED, Step.RESTORE_SHARED, Step.PUT_BACK, Step.MIGRATE_DOWN)
CLOSED_FOR_WRITES = (*CHANGES_THE_DATABASE, Step.CLOSE_WRITES, Step.DUMP, Step.TEST_PRODUCTION, Step.PREVIEW)
"""Beside the last look: where the slots of a Ghost share a database, production is closed in these."""
CHANGING = (
    "*This step changes production's database*: look first how production is, and what its database does (a long "
    "statement, a lock that somebody holds)."
)


def stuck_messages(release: Release) -> dict[str, Message]:
    """One message for each step that stood still, by the name of its part."""
    return {f"stuck:{one.step or 'none'}": _stuck(release, one) for one in release.facts.stuck}


def _stuck(release: Release, stuck: Stuck) -> Message:
    title = release_title(release)
    doing = f"*{STEP_TITLES[stuck.step]}*" if stuck.step else "what comes between two steps"
    if stuck.goes_on_at is not None:
        text = (
            f":white_check_mark: *{title}* stood still at {doing} and goes on since {when(stuck.goes_on_at)}."
        )
        return message(text, section(text))
    if not release.state.is_open:
        text = f":information_source: *{title}* stood still at {doing}, and has ended since."
        return message(text, section(text))
    text = (
        f":warning: {person(release.asked_by)} *{title}* has made no progress since {clock_time(stuck.since)}. "
        f"It was at {doing}, which may take {duration(stuck.allowed_seconds)}"
    )
    text += f", and said last: {escape(clip(stuck.doing, 300))}." if stuck.doing else "."
    advice = _advice(release, stuck)
    return message(f"{text} {advice}", section(f"{text}\n{advice}"))


def _advice(release: Release, stuck: Stuck) -> str:
    log = f"The bot's log has more under release {escape(release.id)}."
    cancel = "A cancel is heard before the next step."
    if stuck.step in CHANGES_THE_DATABASE:
        closed = _closed(release, stuck.step)
        return f"{CHANGING}{closed} {_after_a_restart(release, stuck.step)} {cancel} {log}"
    if release.step(Step.SWAP).state is StepState.PENDING:
        go_on = "Restart the bot: it goes on with this step."
        if stuck.step is None:
            go_on = "The engine may have lost it. Restart the bot: it goes on."
        return f"{_production(release, stuck.step)} {go_on} {cancel} {log}"
    return (
        "The swap has begun, so look at production and the site's status first. Then restart the bot: it goes on, "
        f"and never asks for the same swap twice. Do not swap by hand meanwhile. {log}"
    )


def _after_a_restart(release: Release, step: Step | None) -> str:
    """What becomes of a change of the shared database that a restart cuts off."""
    if step is Step.MIGRATE_DOWN:
        return (
            "A restart cuts the down migration off. With `pending` configured the bot then undoes what is left of it; "
            "without, it does not run it again, and says what to look at."
        )
    if step is not Step.MIGRATE_SHARED:
        return "A restarted bot puts the same dump back once more."
    if release.kind.deploys:
        return "A restart cuts the migration off, and its command is run again."
    return "A restart cuts the migration off; the bot puts back what is not whole then, and migrates again."


def _production(release: Release, step: Step | None) -> str:
    """How production stands before a swap; escaped."""
    closed = _closed(release, step)
    untouched = "Production runs what it ran before." if closed else UNTOUCHED
    return f"{changed(release) or untouched}{closed}"


def _closed(release: Release, step: Step | None) -> str:
    """That nobody may be able to write; empty where production takes writes."""
    refuses = step is Step.LAST_LOOK or (release.kind.rehearses and step in CLOSED_FOR_WRITES)
    if not refuses or release.facts.writes_stay_open is not None:
        return ""
    return " Production may be closed for writes meanwhile; reading goes on."
