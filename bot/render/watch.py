"""A release that is live and watched: until when, the two buttons that end it, and what became of it."""

from slack_sdk.models.blocks import ActionsBlock

from bot.render.message import (
    Message,
    button,
    buttons,
    clip,
    clock_time,
    confirm,
    escape,
    message,
    person,
    section,
    when,
)
from release.model import Release, WatchEnd


def watched_line(release: Release) -> str:
    """`:eyes: Live: blog runs 6.65.0, and is watched until 14:07.`"""
    until = when(release.facts.watched_until, "{time}") if release.facts.watched_until else "its time is over"
    runs = f"{escape(release.site)} runs {escape(release.version or 'the new version')}"
    if _is_sick(release):
        return f":rotating_light: {runs} and is *not well*; it is watched until {until}."
    return f":eyes: Live: {runs}, and is watched until {until}."


def watch_buttons(release: Release) -> ActionsBlock | None:
    """While it is watched: keep it, or swap back."""
    if not release.is_watched:
        return None
    before = escape(release.from_version or "the version before")
    back = confirm(
        f"Swap {release.site} back?",
        f"Production goes back to {before}. "
        + (
            "The database that both share stays as it is."
            if release.kind.deploys
            else "What was written since the swap stays on the newer version's database, and is kept as a backup "
            "where that is quickly done."
        ),
        "Swap back now",
    )
    keep = confirm(
        "Stop watching?",
        "The release ends now, and nothing is swapped back by itself any more. "
        "The way back stays open: a rollback.",
        "Keep it",
    )
    return buttons(
        button("Keep it", "keep", release.id, None, keep),
        button("Swap back now", "swap_back", release.id, "danger", back),
    )


def watch_message(release: Release) -> Message | None:
    """For the channel, as soon as it is live: that it is, and for how long it is watched."""
    facts = release.facts
    if facts.watched_until is None:
        return None
    runs = f"{escape(release.site)} runs {escape(release.version or 'the new version')}"
    if release.is_watched:
        text = (
            f":eyes: *{runs} now.* {person(release.asked_by)}, I watch it until {when(facts.watched_until, '{time}')}, "
            "and swap back by myself if it turns sick."
        )
        return message(text, section(text), watch_buttons(release))
    watched = f"{escape(release.site)} was watched on {escape(release.version or 'the new version')}"
    text = f":eyes: {watched}: {_ending(release)}"
    return message(text, section(text))


def _ending(release: Release) -> str:
    decided = release.facts.watch
    if decided is None:
        return "see how it ended."
    if decided.end is WatchEnd.KEPT and decided.by is None:
        return "it stayed well." if release.facts.sick is None else "it was well in the end."
    if decided.end is WatchEnd.KEPT:
        return f"{person(decided.by)} decided to keep it, {when(decided.at)}."
    if decided.by is None:
        swap = release.facts.swap
        became = "is swapped back" if swap and swap.swapped_back else "is to be swapped back"
        return f"it turned sick and {became}, {when(decided.at)}."
    return f"{person(decided.by)} decided to swap back, {when(decided.at)}."


def sick_message(release: Release) -> Message | None:
    """The alarm: production is not well, and what is done about it."""
    sick = release.facts.sick
    if sick is None:
        return None
    what = f"production of {escape(release.site)} is not well: {escape(clip(sick.why, 300))}"
    if sick.well_again_at is not None:
        text = f":large_green_circle: For a moment {what}. It was well again at {clock_time(sick.well_again_at)}."
        return message(text, section(text))
    text = f":rotating_light: {person(release.asked_by)} *Since {clock_time(sick.since)} {what}.*"
    if release.is_watched:
        text += (
            " I look whether the way back is well, and then swap back by myself. *Keep it* calls that off."
        )
    return message(text, section(text))


def _is_sick(release: Release) -> bool:
    sick = release.facts.sick
    return sick is not None and sick.well_again_at is None


def left_on_new(release: Release) -> str:
    """What was written on the version that was taken back, and where it is kept, or still is; empty for nothing."""
    left, lines = release.facts.left_on_new, []
    if left is not None and left.anything:
        names = f" ({escape(clip(left.names, 300))})" if left.names else ""
        version = escape(release.version or "the newer version")
        kept = f"Kept as backup {escape(left.backup)}."
        lines.append(f":warning: Written on {version} and left behind: {escape(left.words)}{names}. {kept}")
    if release.facts.left_unkept:
        lines.append(f":warning: {escape(clip(release.facts.left_unkept, 600))}")
    return "\n".join(lines)
