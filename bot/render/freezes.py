"""Freezes: who froze what, until when, and why."""

from dataclasses import replace

from bot.render.message import Message, context, escape, message, person, section, when
from release.model import Freeze


def freeze_in_words(freeze: Freeze) -> str:
    """`by @ann until 1 Dec at 08:00: moving offices`; escaped."""
    by = f"by {person(freeze.by)}" if freeze.by else "by the bot's settings"
    until = f"until {when(freeze.until)}" if freeze.until else "until somebody lifts it"
    return f"{by} {until}" + (f": {escape(freeze.reason)}" if freeze.reason else "")


def frozen(freeze: Freeze, slash: str) -> Message:
    """What holds now, and how it ends."""
    what = f"*{escape(freeze.site)}* is" if freeze.site else "*All sites* are"
    text = f":snowflake: {what} frozen {freeze_in_words(freeze)}."
    site = f" {escape(freeze.site)}" if freeze.site else ""
    hint = (
        "Nothing new goes live, not even what waits for approval; a rollback is always possible. "
        f"`{slash} unfreeze{site}` lifts it."
    )
    return replace(message(f"{text} {hint}", section(text), context(hint)), for_all=True)


def unfrozen(freezes: tuple[Freeze, ...]) -> Message:
    """What may go live again, and what was lifted."""
    site = freezes[0].site
    what = f"*{escape(site)}* is" if site else "*All sites* are"
    lines = [f":sunny: {what} open for new versions again. Lifted:"]
    lines += [f"• frozen {freeze_in_words(freeze)}" for freeze in freezes]
    return replace(message("\n".join(lines), section("\n".join(lines))), for_all=True)
