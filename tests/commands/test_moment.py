"""Times as people type them, in their own zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.command import Request, UsageError
from commands.later import now_and_later, time_of
from commands.moment import duration_of, moment, names_duration, names_moment, zone_of

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
        ("friday at 18:00 the conference", "2026-11-27 18:00", "the conference"),
        ("on friday, at 6 pm, the conference", "2026-11-27 18:00", "the conference"),
        ("at 18:00", "2026-11-25 18:00", ""),
        ("18:00 tomorrow", "2026-11-26 18:00", ""),
        ("6pm friday the fair", "2026-11-27 18:00", "the fair"),
        ("6 pm on Fri", "2026-11-27 18:00", ""),
        ("9:00 wednesday", "2026-12-02 09:00", ""),
        ("18:00 on call", "2026-11-25 18:00", "on call"),
        ("18:00 the sale", "2026-11-25 18:00", "the sale"),
        ("friday the sale", "2026-11-27 00:00", "the sale"),
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
        ("9:00 today", "is over"),
        ("friday at the office", "“at the” is no time of day"),
        ("friday 18 the fair", "“18” is no time of day"),
        ("friday evening", "“evening” is no time of day"),
        ("friday next week", "Say a date"),
        ("friday 18:00 UTC", "your own time zone"),
        ("18:00 utc+2 tomorrow", "your own time zone"),
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
        ("30m", timedelta(minutes=30), ""),
        ("1.5 hours", timedelta(minutes=90), ""),
        ("1,5h moving", timedelta(minutes=90), "moving"),
        ("an hour, Moving", timedelta(hours=1), "Moving"),
        ("a day of rest", timedelta(days=1), "of rest"),
        ("one week", timedelta(weeks=1), ""),
        ("2 hrs", timedelta(hours=2), ""),
        ("1h30m", timedelta(minutes=90), ""),
        ("2 days and 3 hours the audit", timedelta(days=2, hours=3), "the audit"),
        ("1 hour and lunch", timedelta(hours=1), "and lunch"),
    ],
)
def test_a_duration_is_understood(typed: str, lasts: timedelta, rest: str) -> None:
    assert duration_of(tuple(typed.split())) == (lasts, tuple(rest.split()))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "2",
        "long",
        "2 moons",
        "5s",
        "2 months",
        "half an hour",
        "0 hours",
        "2-3 days",
        "an hour and a half",
        "1 hour 2 hours",
        "the weekend",
    ],
)
def test_what_is_no_duration_is_told(typed: str) -> None:
    with pytest.raises(UsageError, match="for how long"):
        duration_of(tuple(typed.split()))


def test_a_zone_nobody_knows_is_utc() -> None:
    assert zone_of("Mars/Olympus").key == "UTC"
    assert zone_of("../etc").key == "UTC"
    assert zone_of("America/New_York").key == "America/New_York"


DAYS = ("today", "tomorrow", "friday", "Fri", "2026-12-24")
CLOCKS = ("23:59", "11pm", "11 pm", "11:30pm")


@given(
    st.sampled_from(DAYS), st.sampled_from(CLOCKS), st.booleans(), st.sampled_from(("", ",")), st.booleans()
)
def test_a_day_and_a_clock_name_the_same_moment_in_either_order(
    day: str, clock: str, joined: bool, comma: str, reason: bool
) -> None:
    plain, _ = moment((day, *clock.split()), NOW, BERLIN)
    at, on = ("at ", "on ") if joined else ("", "")
    rest = "the fair" if reason else ""
    for typed in (f"{day}{comma} {at}{clock} {rest}", f"{clock}{comma} {on}{day} {rest}"):
        assert moment(tuple(typed.split()), NOW, BERLIN) == (plain, tuple(rest.split()))


UNITS = {
    "m": 1,
    "min": 1,
    "minutes": 1,
    "h": 60,
    "hr": 60,
    "hours": 60,
    "d": 1440,
    "days": 1440,
    "weeks": 10080,
}


@given(st.integers(1, 9999), st.sampled_from(tuple(UNITS)), st.booleans(), st.booleans())
def test_a_number_and_a_unit_are_a_duration_however_they_are_joined(
    number: int, unit: str, apart: bool, loud: bool
) -> None:
    typed = f"{number}{' ' if apart else ''}{unit.upper() if loud else unit}"
    assert duration_of((*typed.split(), "moving")) == (timedelta(minutes=number * UNITS[unit]), ("moving",))
    assert names_duration(tuple(typed.split()))


@pytest.mark.parametrize(
    "typed",
    ["18:00", "6pm friday", "friday", "next friday", "the end of the week", "about 18:00", "tonight", "noon"],
)
def test_words_that_are_meant_as_a_moment_are_told_from_a_reason(typed: str) -> None:
    assert names_moment(tuple(typed.split()))


@pytest.mark.parametrize("typed", ["we know more", "the fair is over", "monday's fair", "Daria is back", ""])
def test_a_reason_is_no_moment(typed: str) -> None:
    assert not names_moment(tuple(typed.split()))


@pytest.mark.parametrize(
    "typed",
    [
        "30m",
        "1.5 hours",
        "half an hour",
        "a few days",
        "the next 2 hours",
        "2 months",
        "the weekend",
        "today",
    ],
)
def test_words_that_are_meant_as_a_duration_are_told_from_a_reason(typed: str) -> None:
    assert names_duration(tuple(typed.split()))


@pytest.mark.parametrize(
    "typed", ["an audit", "3 reasons", "the conference", "a day's work", "Boxing Day", ""]
)
def test_a_reason_is_no_duration(typed: str) -> None:
    assert not names_duration(tuple(typed.split()))


@pytest.mark.parametrize(
    ("typed", "there"),
    [
        ("at 22:00", "2026-11-25 22:00"),
        ("tomorrow at 6:00", "2026-11-26 06:00"),
        ("on friday at 6am", "2026-11-27 06:00"),
        ("at 6am on friday", "2026-11-27 06:00"),
        ("at 6 pm tomorrow", "2026-11-26 18:00"),
    ],
)
def test_an_order_is_put_off_to_the_moment_that_its_last_words_name(typed: str, there: str) -> None:
    order, later = now_and_later(("blog", *typed.split()))
    assert order == ("blog",)
    at = time_of(later, Request("ann", "C1", (), NOW, "Europe/Berlin"))
    assert f"{at.astimezone(BERLIN):%Y-%m-%d %H:%M}" == there
