"""A moment as people type it: `22:00`, `tomorrow at 6:00`, `6am friday`, `2026-12-24 18:00`, in their own time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commands.command import UsageError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?(am|pm)?", re.IGNORECASE)
_ZONES = ("utc", "gmt", "z", "cet", "cest", "est", "edt", "pst", "pdt")
_VAGUE = ("noon", "midnight", "tonight", "night", "morning", "afternoon", "evening")
_UNIT = r"(?:m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?=[\s,;.\d]|$)"
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080}
"""By a unit's first letter."""
_LASTS = re.compile(
    rf"[\s,]*(?:and\s+)?(?:(\d{{1,4}}(?:[.,]\d{{1,2}})?)\s*|(an?|one)\s+)({_UNIT})", re.IGNORECASE
)
_MORE = re.compile(r"(?:and )?(?:a )?(?:half|quarter)\b", re.IGNORECASE)
# What may come before a day or a unit, where somebody means a time, also one that is not understood.
_ABOUT = (
    "the|this|next|last|another|coming|end|begin|beginning|start|middle|of|in|on|at|by|after|before|about|around|early|"
    "late|a|an|some|few|several|couple|half|one|two|three|four|five|six|seven|eight|nine|ten|twelve|\\d\\S*"
)
_SPANS = rf"(?:{_UNIT}|(?:seconds?|secs?|s|months?|years?|weekends?|fortnights?)(?=[\s,;.]|$))"
_DAYS = "|".join((*(rf"{name}|{name[:3]}" for name in WEEKDAYS), "today", "tomorrow", *_VAGUE))
_LIKE_MOMENT = re.compile(rf"(?:(?:{_ABOUT})\s+)*(?:\d|{_SPANS}|(?:{_DAYS})(?=[\s,;.]|$))", re.IGNORECASE)
_LIKE_DURATION = re.compile(
    rf"(?:(?:{_ABOUT})\s+)*(?:{_SPANS}|\d[\d.,]*{_SPANS}|(?:{_DAYS})(?=[\s,;.]|$))", re.IGNORECASE
)


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(
    words: tuple[str, ...], now: datetime, zone: ZoneInfo, needs_clock: bool = False
) -> tuple[datetime, tuple[str, ...]]:
    """The moment, in UTC, that the first words name, and the words after it. A day alone is its beginning.

    Raises UsageError for words that name none, for a moment that is past, and for a time that the clocks skip or
    have twice on that day. With `needs_clock` a day alone does not do.
    """
    local = now.astimezone(zone)
    day, rest = _day_first(words, local)
    clock, rest = _clock_first(rest)
    if day is None and clock is not None:
        day, rest = _day_first(rest, local)
    if day is None and clock is None:
        said = f"“{words[0]}” is no time" if words else "A time is missing"
        raise UsageError(f"{said}. Say 22:00, tomorrow 6:00, friday 6:00 or 2026-12-24 18:00.")
    _refuse_more(rest, clock)
    if clock is None and needs_clock:
        raise UsageError(f"Say at what time, too: {words[0]} 6:00.")
    at = clock or time()
    found = _exactly(day or local.date(), at, zone)
    if day is None and found <= now:
        found = _exactly(local.date() + timedelta(days=1), at, zone)
    if found <= now:
        raise UsageError(f"{' '.join(words[: len(words) - len(rest)])} is over already.")
    return found, rest


def names_moment(words: tuple[str, ...]) -> bool:
    """Whether somebody who says `until` and these words means a time, whether or not it is one."""
    return _LIKE_MOMENT.match(" ".join(words)) is not None


def names_duration(words: tuple[str, ...]) -> bool:
    """Whether somebody who says `for` and these words means a length of time, whether or not it is understood."""
    return _LIKE_DURATION.match(" ".join(words)) is not None


def next_working_morning(now: datetime, zone: ZoneInfo) -> datetime:
    """Nine o'clock, in that zone, of the next day from monday to friday; in UTC."""
    day = now.astimezone(zone).date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return datetime.combine(day, time(9), zone).astimezone(UTC)


def duration_of(words: tuple[str, ...]) -> tuple[timedelta, tuple[str, ...]]:
    """`2 hours`, `30m`, `an hour`, `1 day 6 hours`, and the words after it. Raises UsageError."""
    text = " ".join(words)
    lasts, smallest, end = timedelta(), _MINUTES["w"] + 1, 0
    while found := _LASTS.match(text, end):
        minutes = _MINUTES[found[3][0].lower()]
        if minutes >= smallest:
            break
        lasts += timedelta(minutes=float((found[1] or "1").replace(",", ".")) * minutes)
        smallest, end = minutes, found.end()
    rest = text[end:].lstrip(" ,;.")
    if not lasts or _LASTS.match(rest) or _MORE.match(rest):
        raise UsageError("Say for how long: 30 minutes, 1.5 hours, 3 days or 1 week.")
    return lasts, tuple(rest.split())


def _day_first(words: tuple[str, ...], local: datetime) -> tuple[date | None, tuple[str, ...]]:
    """The day that comes first, `on` before it or not, if one does, and the words after it."""
    rest = words[1:] if words and words[0].lower() == "on" else words
    day = _day(rest[0], local) if rest else None
    return (None, words) if day is None else (day, rest[1:])


def _clock_first(words: tuple[str, ...]) -> tuple[time | None, tuple[str, ...]]:
    """The time of day that comes first, `at` before it or not, if one does, and the words after it."""
    rest = words[1:] if words and words[0].lower() == "at" else words
    clock = _clock_of(rest)
    return (None, words) if clock is None else (clock[0], rest[clock[1] :])


def _refuse_more(rest: tuple[str, ...], clock: time | None) -> None:
    """UsageError for words that go on with the time: as a reason they would change when it is."""
    first = rest[0].lower().rstrip(",;.") if rest else ""
    if clock is None and (first == "at" or first[:1].isdigit() or first in _VAGUE):
        said = " ".join(rest[: 2 if first == "at" else 1])
        raise UsageError(f"“{said}” is no time of day. Say 18:00 or 6pm.")
    if first == "next":
        raise UsageError(
            "“next” is not understood. Say a date for what is more than a week away: 2026-12-24 18:00."
        )
    if clock is not None and re.split(r"[+-]", first)[0] in _ZONES:
        raise UsageError(f"Times are in your own time zone: say it there, without “{rest[0]}”.")


def _day(word: str, local: datetime) -> date | None:
    word = word.lower().rstrip(",;.")
    if word == "today":
        return local.date()
    if word == "tomorrow":
        return local.date() + timedelta(days=1)
    for number, name in enumerate(WEEKDAYS):
        if word in (name, name[:3]):
            return local.date() + timedelta(days=(number - local.weekday()) % 7 or 7)
    try:
        return date.fromisoformat(word) if re.fullmatch(r"\d{4}-\d\d-\d\d", word) else None
    except ValueError as error:
        raise UsageError(f"There is no day {word}.") from error


def _clock_of(words: tuple[str, ...]) -> tuple[time, int] | None:
    """The time of day, and how many words it took: `6:00`, `6am`, `6 am`."""
    if not words:
        return None
    first, second = (*(word.lower().rstrip(",;.") for word in words[:2]), "")[:2]
    half = second if second in ("am", "pm") else ""
    found = _CLOCK.fullmatch(first + half)
    if found is None or (found[2] is None and found[3] is None):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            raise UsageError(f"{words[0]}{half} is no time of day.")
        hour = hour % 12 + (12 if found[3].lower() == "pm" else 0)
    if hour > 23 or minute > 59:
        raise UsageError(f"{words[0]} is no time of day.")
    return time(hour, minute), 2 if half else 1


def _exactly(day: date, at: time, zone: ZoneInfo) -> datetime:
    """That local time, in UTC. Raises UsageError where the clocks are changed over it."""
    local = datetime.combine(day, at, zone)
    there = local.astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise UsageError(
            f"There is no {at:%H:%M} on {day}: the clocks are put forward then. Choose another time."
        )
    if local.replace(fold=1).astimezone(UTC) != there:
        raise UsageError(
            f"{at:%H:%M} on {day} comes twice: the clocks are put back then. Choose another time."
        )
    return there
