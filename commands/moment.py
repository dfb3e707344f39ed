"""A moment as people type it: `22:00`, `tomorrow 6:00`, `friday 6am`, `2026-12-24 18:00`, in their own time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from commands.command import UsageError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?(am|pm)?", re.IGNORECASE)
_FOR = {"minute": 1, "min": 1, "hour": 60, "h": 60, "day": 1440, "week": 10080}


class NoTime(UsageError):
    """Words that name no moment at all."""


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
    rest = words
    day = _day(rest[0], local) if rest else None
    if day is not None:
        rest = rest[1:]
    clock = _clock_of(rest)
    if clock is not None:
        rest = rest[clock[1] :]
    if day is None and clock is None:
        said = f"“{words[0]}” is no time" if words else "A time is missing"
        raise NoTime(f"{said}. Say 22:00, tomorrow 6:00, friday 6:00 or 2026-12-24 18:00.")
    if clock is None and needs_clock:
        raise UsageError(f"Say at what time, too: {words[0]} 6:00.")
    at = clock[0] if clock else time()
    found = _exactly(day or local.date(), at, zone)
    if day is None and found <= now:
        found = _exactly(local.date() + timedelta(days=1), at, zone)
    if found <= now:
        raise UsageError(f"{' '.join(words[: len(words) - len(rest)])} is over already.")
    return found, rest


def names_moment(words: tuple[str, ...]) -> bool:
    """Whether the first words are a day or a time of day, possible or not."""
    try:
        moment(words, datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
    except NoTime:
        return False
    except UsageError:
        return True
    return True


def names_duration(words: tuple[str, ...]) -> bool:
    """Whether the first words say how long."""
    try:
        return bool(words and duration_of(words))
    except UsageError:
        return False


def next_working_morning(now: datetime, zone: ZoneInfo) -> datetime:
    """Nine o'clock, in that zone, of the next day from monday to friday; in UTC."""
    day = now.astimezone(zone).date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return datetime.combine(day, time(9), zone).astimezone(UTC)


def duration_of(words: tuple[str, ...]) -> tuple[timedelta, tuple[str, ...]]:
    """`2 hours`, `3h`, `1 week`, and the words after it. Raises UsageError."""
    joined = re.match(r"(\d{1,4})\s*([a-z]+)\b", " ".join(words).lower())
    unit = joined[2].rstrip("s") if joined and joined[2] != "s" else ""
    if joined is None or unit not in _FOR:
        raise UsageError("Say for how long: 2 hours, 3 days or 1 week.")
    used = 1 if re.match(r"\d+[a-zA-Z]", words[0]) else 2
    return timedelta(minutes=int(joined[1]) * _FOR[unit]), words[used:]


def _day(word: str, local: datetime) -> date | None:
    word = word.lower().rstrip(",")
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
    half = words[1].lower() if len(words) > 1 and words[1].lower() in ("am", "pm") else ""
    found = _CLOCK.fullmatch(words[0] + half)
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
