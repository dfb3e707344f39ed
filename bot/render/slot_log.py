"""The end of a slot's log, for the person who asked."""

from bot.render.message import Message, context, escape, message, section
from release.site import PRODUCTION
from release.slot_log import SlotLog

# Of a section of 3,000 characters, with the escapes of what is in it.
CHARACTERS = 2400


def slot_log(log: SlotLog, slash: str) -> Message:
    """As many of the last lines as fit; only the one who asked sees them."""
    kept: list[str] = []
    room = CHARACTERS
    for line in reversed(log.lines):
        shown = escape(line[:300])
        room -= len(shown) + 1
        if room < 0:
            break
        kept.append(shown.replace("```", "'''"))
    text = "\n".join(reversed(kept)) or "The log is empty."
    lines = "line" if len(kept) == 1 else f"{len(kept)} lines"
    title = f"The last {lines} of {escape(log.slot)}'s newest log, {escape(log.name)}"
    hint = "Only you see this. All of it: Log stream in the portal."
    if log.slot == PRODUCTION:
        hint += f" `{slash} logs SITE staging` shows the other slot."
    return message(f"{title}:\n{text}", section(f"*{title}*"), section(f"```{text}```"), context(hint))
