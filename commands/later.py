"""Words that put an order off: `upgrade blog at 22:00`, `backup tomorrow 6:00`, `swap blog on friday 6am`."""

from datetime import datetime

from commands.command import Request, UsageError
from commands.moment import WEEKDAYS, moment, zone_of

_FIRST = ("today", "tomorrow", *WEEKDAYS)


def now_and_later(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of the order, and those of its time: none where it is to be begun at once."""
    for place, word in enumerate(words):
        if word.lower() in ("at", "on"):
            return words[:place], words[place + 1 :] or (word,)
        if word.lower() in _FIRST:
            return words[:place], words[place:]
    return words, ()


def time_of(words: tuple[str, ...], request: Request) -> datetime:
    """The moment that these words, and nothing but they, name. Raises UsageError."""
    at, rest = moment(words, request.now, zone_of(request.zone), needs_clock=True)
    if rest:
        raise UsageError(f"I do not know what to do with “{' '.join(rest)}”: the time comes last.")
    return at
