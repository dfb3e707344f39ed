"""Times as people type them, in their own zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from commands.command import UsageError
from commands.moment import duration_of, moment, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
# A Wednesday, 14:30 in Berlin.
NOW = datetime(2026, 11, 25, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "there", "rest"),
    [
        ("22:00", "2026-11-25 22:00", ""),
        ("6:00", "2026-11-26 06:00", ""),
        ("6am moving", "2026-11-26 06:00", "moving"),
        ("6 pm", "2026-11-25 18:00", ""),
        ("12:30am", "2026-11-26 00:30", ""),
        ("tomorrow 6:00 the fair", "2026-11-26 06:00", "the fair"),
        ("today 23:59", "2026-11-25 23:59", ""),
        ("friday", "2026-11-27 00:00", ""),
        ("Wed 9:00", "2026-12-02 09:00", ""),
        ("2026-12-24 18:00 christmas", "2026-12-24 18:00", "christmas"),
        ("2027-07-01", "2027-07-01 00:00", ""),
    ],
)
def test_a_moment_is_understood_in_the_zone_of_who_types(typed: str, there: str, rest: str) -> None:
    found, left = moment(tuple(typed.split()), NOW, BERLIN)
    assert f"{found.astimezone(BERLIN):%Y-%m-%d %H:%M}" == there
    assert found.utcoffset() == timedelta(0)
    assert " ".join(left) == rest


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "A time is missing"),
        ("soon", "“soon” is no time"),
        ("25:00", "no time of day"),
        ("13pm", "no time of day"),
        ("2026-02-30", "no day"),
        ("2026-11-24 9:00", "is over"),
        ("today 9:00", "is over"),
        ("2027-03-28 02:30", "put forward"),
        ("2027-10-31 02:30", "comes twice"),
    ],
)
def test_what_is_no_moment_is_told(typed: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        moment(tuple(typed.split()), NOW, BERLIN)


def test_a_clock_may_be_needed() -> None:
    with pytest.raises(UsageError, match="at what time"):
        moment(("friday",), NOW, BERLIN, needs_clock=True)


@pytest.mark.parametrize(
    ("typed", "lasts", "rest"),
    [
        ("2 hours", timedelta(hours=2), ""),
        ("3h audit", timedelta(hours=3), "audit"),
        ("1 week moving offices", timedelta(weeks=1), "moving offices"),
        ("90 min", timedelta(minutes=90), ""),
    ],
)
def test_a_duration_is_understood(typed: str, lasts: timedelta, rest: str) -> None:
    assert duration_of(tuple(typed.split())) == (lasts, tuple(rest.split()))


@pytest.mark.parametrize("typed", ["", "2", "long", "2 moons", "5s"])
def test_what_is_no_duration_is_told(typed: str) -> None:
    with pytest.raises(UsageError, match="for how long"):
        duration_of(tuple(typed.split()))


def test_a_zone_nobody_knows_is_utc() -> None:
    assert zone_of("Mars/Olympus").key == "UTC"
    assert zone_of("../etc").key == "UTC"
    assert zone_of("America/New_York").key == "America/New_York"
