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
from bot.render.words import STEP_TITLES, release_title
from release.model import Release, Step, StepState, Stuck


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
    if release.step(Step.SWAP).state is StepState.PENDING:
        go_on = "Restart the bot: it goes on with this step."
        if stuck.step is None:
            go_on = "The engine may have lost it. Restart the bot: it goes on."
        return f"Production is untouched. {go_on} A cancel is heard before the next step. {log}"
    return (
        "The swap has begun, so look at production and the site's status first. Then restart the bot: it goes on, "
        f"and never asks for the same swap twice. Do not swap by hand meanwhile. {log}"
    )
