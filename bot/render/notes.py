"""What is new in a version, as its makers tell it: foreign text, which may neither ping nor link nor break anything."""

import re

from bot.render.message import clip, escape
from release.model import ReleaseNotes, WhatIsNew

LINE = 150
VERSION = 20
SECURITY_SHOWN = 4
NOTABLE_SHOWN = 4
ON_THE_WAY_SHOWN = 3
JOINER = "\u2060"  # Unicode's word joiner: not seen, not heard, and no break


def what_is_new(new: WhatIsNew | None) -> str:
    """Security fixes first, then what else is notable; empty where nothing is known."""
    if new is None:
        return ""
    lines = _of_version(new.notes) if new.notes else []
    if new.on_the_way:
        lines.append(":lock: *Security fixes in versions in between*")
        lines += [_on_the_way(notes) for notes in new.on_the_way[:ON_THE_WAY_SHOWN]]
        left = new.on_the_way[ON_THE_WAY_SHOWN:]
        if left:
            named = ", ".join(inert(notes.version) for notes in left)
            lines.append(clip(f"• and in {named}", LINE))
    if new.unread:
        lines.append(f"The notes of {_count(new.unread, 'version')} in between were not read.")
    return "\n".join(lines)


def inert(text: str) -> str:
    """Foreign words that Slack makes nothing of: no mention, channel, address, emoji or style, and one line."""
    escaped = escape(" ".join(text.split()))
    # Block Kit, text object: unless it is verbatim, names of channels, addresses and some mentions become links.
    return re.sub(
        r"[@#](?=\w)|:(?=[\w/])|[*~`]|(?<!\w)_|_(?!\w)|(?<=\w)\.(?=[A-Za-z])",
        rf"{JOINER}\g<0>{JOINER}",
        escaped,
    )


def _of_version(notes: ReleaseNotes) -> list[str]:
    lines = []
    if notes.security:
        lines.append(":lock: *Security fixes*")
        lines += [_bullet(text) for text in notes.security[:SECURITY_SHOWN]]
    if notes.notable:
        lines += ["*Also new*"] if notes.security else []
        lines += [_bullet(text) for text in notes.notable[:NOTABLE_SHOWN]]
    hidden = len(notes.security[SECURITY_SHOWN:]) + len(notes.notable[NOTABLE_SHOWN:])
    more = notes.more + hidden
    if lines and more:
        lines.append(f"• and {_count(more, 'more change', 'more changes')}")
    if not lines:
        lines.append(
            f"{_count(more, 'small change')}, none that is pointed out."
            if more
            else "Its notes name no change in particular."
        )
    return lines


def _on_the_way(notes: ReleaseNotes) -> str:
    told = clip(inert("".join(notes.security[:1])), LINE)
    more = f", and {len(notes.security) - 1} more" if len(notes.security) > 1 else ""
    return f"• {clip(inert(notes.version), VERSION)}: {told}{more}"


def _bullet(text: str) -> str:
    return f"• {clip(inert(text), LINE)}"


def _count(number: int, one: str, several: str = "") -> str:
    return f"1 {one}" if number == 1 else f"{number} {several or one + 's'}"
