"""Times in which nothing new goes live: typed by somebody, or in the settings. The way back is always open."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from release.errors import ReleaseError
from release.model import Freeze, Kind

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# What takes a version back, saves or looks is never frozen.
OPEN_ALWAYS = frozenset(
    {Kind.BACKUP, Kind.VERIFY, Kind.VERIFY_KEPT, Kind.ROLLBACK, Kind.ROLLBACK_SHARED, Kind.SWAP_BACK}
    | {Kind.MIGRATE_DOWN, Kind.RESTORE}
)


class SiteFrozen(ReleaseError):
    problem = "{0} is frozen {1}."
    remedy = "Nothing new goes live until then; the ways back, rollback and restore, stay open{2}."


class NotFrozen(ReleaseError):
    problem = "Nobody has frozen {0}."
    remedy = "See /ghost status for what is frozen."


class FrozenBySettings(ReleaseError):
    problem = "The freeze of {0} is in the bot's settings ({1}), so it is not lifted from here."
    remedy = "It ends by itself. Whoever runs the bot can take it out of the settings."


class FrozenWithAll(ReleaseError):
    problem = "{0} is frozen together with all other sites."
    remedy = "Lift that freeze with /ghost unfreeze, without a site."


@dataclass(frozen=True)
class WeeklyTimes:
    """From a weekday and time to a weekday and time, each week: `("fri", 16:00)` to `("mon", 07:00)`."""

    first_day: int
    first_time: time
    last_day: int
    last_time: time

    def around(self, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """The begin and the end of the one that `moment` is in, or None."""
        local = moment.astimezone(zone)
        for week in (0, 1):
            day = local.date() - timedelta(days=(local.weekday() - self.first_day) % 7 + 7 * week)
            begin = datetime.combine(day, self.first_time, zone)
            days = (self.last_day - self.first_day) % 7
            if days == 0 and self.last_time <= self.first_time:
                days = 7
            end = datetime.combine(day + timedelta(days=days), self.last_time, zone)
            if begin <= moment < end:
                return begin, end
        return None


@dataclass(frozen=True)
class DatedTimes:
    """Once, from one local time to another."""

    first: datetime
    last: datetime

    def around(self, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        begin, end = self.first.replace(tzinfo=zone), self.last.replace(tzinfo=zone)
        return (begin, end) if begin <= moment < end else None


@dataclass(frozen=True)
class FreezeWindow:
    """One freeze of the settings; `sites` empty: of all."""

    times: WeeklyTimes | DatedTimes
    zone: ZoneInfo
    sites: tuple[str, ...] = ()
    reason: str = ""

    def freezes(self, site: str, moment: datetime) -> Freeze | None:
        """The freeze that the site is in, or None."""
        if self.sites and site not in self.sites:
            return None
        found = self.times.around(moment, self.zone)
        if found is None:
            return None
        return Freeze("", site if self.sites else None, None, found[0], found[1], self.reason)


def times_of(first: str, last: str) -> WeeklyTimes | DatedTimes:
    """`fri 16:00` and `mon 07:00`, or `2026-12-20` and `2027-01-03 08:00`. ValueError says what is wrong."""
    weekly = [_weekly(text) for text in (first, last)]
    if weekly[0] is not None and weekly[1] is not None:
        times = WeeklyTimes(*weekly[0], *weekly[1])
        if times.first_day == times.last_day and times.first_time == times.last_time:
            raise ValueError("it begins and ends at the same time")
        return times
    if any(one is not None for one in weekly):
        raise ValueError("from and until are both weekdays or both dates")
    dated = DatedTimes(_dated(first), _dated(last))
    if dated.last <= dated.first:
        raise ValueError(f"{last} is not after {first}")
    return dated


def _weekly(text: str) -> tuple[int, time] | None:
    day, _, clock = text.strip().lower().partition(" ")
    if day[:3] not in WEEKDAYS:
        return None
    return WEEKDAYS.index(day[:3]), _clock(clock or "00:00", text)


def _dated(text: str) -> datetime:
    day, _, clock = text.strip().partition(" ")
    try:
        return datetime.combine(date.fromisoformat(day), _clock(clock or "00:00", text))
    except ValueError as error:
        raise ValueError(f'“{text}” is neither "fri 16:00" nor "2026-12-20 16:00"') from error


def _clock(text: str, whole: str) -> time:
    try:
        return time.fromisoformat(text.strip().zfill(5))
    except ValueError as error:
        raise ValueError(f"“{whole}” has no time like 16:00") from error


def longest(freezes: Iterable[Freeze]) -> Freeze | None:
    """Of several the one that ends last."""
    return max(freezes, key=lambda one: (one.until is None, one.until or one.since), default=None)
