"""What waits for a time or for a free site: that it does, that it could not be begun, and the list of all."""

from dataclasses import replace

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement

from bot.render.message import (
    Message,
    as_typed,
    button,
    buttons,
    confirm,
    context,
    escape,
    in_their_zone,
    link_button,
    message,
    naming,
    person,
    section,
    when,
)
from release.errors import SiteBusy
from release.model import Scheduled, ScheduledState

SHOWN = 20
BUTTON_VALUE = 2000


def scheduled(one: Scheduled, slash: str) -> Message:
    """Told to the channel: what comes, when, who wants it."""
    begins = f"begins {when(one.at)}" if one.at else f"begins as soon as {escape(one.site)} is free"
    text = f":alarm_clock: `{slash} {escape(one.order)}` {begins}, asked for by {person(one.by)} ({one.id})."
    asks = "" if one.order.partition(" ")[0] == "backup" else "It asks for approval like any other. "
    hint = f"{asks}`{slash} cancel {one.id}` takes it back."
    shown = message(f"{text} {hint}", section(text), buttons(unschedule_button(one)), context(hint))
    return replace(shown, for_all=True)


def scheduled_list(found: tuple[Scheduled, ...], slash: str) -> Message:
    """What waits, the next one first."""
    if not found:
        text = f"Nothing is scheduled. To put something off, end it with a time: `{slash} upgrade tomorrow 6:00`."
        return message(text, section(text))
    blocks: list[Block] = [section("*Scheduled*")]
    lines = ["Scheduled:"]
    for one in found[:SHOWN]:
        line = f"{scheduled_line(one)} ({one.id})"
        lines.append(line)
        blocks += [section(line), ActionsBlock(elements=[unschedule_button(one)])]
    if len(found) > SHOWN:
        blocks.append(context(f"and {len(found) - SHOWN} more"))
    return message("\n".join(lines), *blocks)


def scheduled_line(one: Scheduled) -> str:
    """`upgrade 6.65.0 blog, tomorrow at 6:00, for @ann`; escaped."""
    at = when(one.at) if one.at else f"as soon as {escape(one.site)} is free"
    return f"{escape(one.order)}, {at}, for {person(one.by)}"


def unscheduled(one: Scheduled) -> Message:
    text = f":no_entry_sign: {scheduled_line(one)}: cancelled. Nothing was begun."
    return message(text, section(text))


def busy(error: SiteBusy, order: str, slash: str, thread: str = "") -> Message:
    """Who holds the site, the way to its thread, and the offer to wait for it with the order that was typed."""
    people = [str(argument) for argument in error.args]
    problem = naming(error, *people)
    advice = as_typed(naming(error.advice, *people), slash, people)
    offer = (
        f"Or let it wait: `{slash} {escape(order)}` begins by itself once {escape(error.args[0])} is free."
    )
    return message(
        f":no_entry: {problem} {advice} {offer}",
        section(f":no_entry: *{problem}*\n{advice}\n{offer}"),
        # A button carries 2,000 characters; a longer address has to be typed again.
        buttons(
            button("Let it wait", "queue", order, "primary") if len(order) <= BUTTON_VALUE else None,
            link_button("Open its thread", f"open:{error.args[1]}", thread) if thread else None,
        ),
    )


def waits_now(one: Scheduled, error: SiteBusy, slash: str) -> Message:
    """Its time has come, and the site is busy."""
    problem = naming(error, *[str(argument) for argument in error.args])
    text = (
        f":hourglass: {person(one.by)}: `{slash} {escape(one.order)}` was to begin now. {problem} "
        "It begins as soon as the site is free."
    )
    return message(text, section(text), buttons(unschedule_button(one)))


def not_begun(one: Scheduled, state: ScheduledState, why: str, advice: str, slash: str) -> Message:
    """What was scheduled and is not done, and why."""
    words = {
        ScheduledState.MISSED: "was missed",
        ScheduledState.EXPIRED: "waited too long",
        ScheduledState.REFUSED: "could not begin",
    }
    reason = in_their_zone(as_typed(naming(f"{why} {advice}".strip(), one.by), slash, (one.site,)))
    text = (
        f":warning: {person(one.by)}: `{slash} {escape(one.order)}` {words[state]}: {reason} "
        f"Nothing was changed. Type it again to start it now."
    )
    return message(text, section(text))


def unschedule_button(one: Scheduled) -> ButtonElement:
    return button(
        "Cancel it",
        f"unschedule:{one.id}",
        one.id,
        "danger",
        confirm("Cancel it?", f"{escape(one.order)} is not begun then. Nothing is changed.", "Cancel it"),
    )
