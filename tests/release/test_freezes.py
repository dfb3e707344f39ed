"""Freezes of the settings: each week and once, in their own zone, over changes of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from release.freezes import FreezeWindow, times_of

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("begins", "ends", "moment", "until"),
    [
        ("fri 16:00", "mon 07:00", "2026-11-27 15:59", None),
        ("fri 16:00", "mon 07:00", "2026-11-27 16:00", "2026-11-30 07:00"),
        ("fri 16:00", "mon 07:00", "2026-11-30 06:59", "2026-11-30 07:00"),
        ("fri 16:00", "mon 07:00", "2026-11-30 07:00", None),
        ("Friday 16:00", "Monday 7:00", "2027-03-28 12:00", "2027-03-29 07:00"),
        ("wed 09:00", "wed 17:00", "2026-11-25 12:00", "2026-11-25 17:00"),
        ("wed 09:00", "wed 17:00", "2026-11-25 18:00", None),
        ("wed 17:00", "wed 09:00", "2026-11-25 08:00", "2026-11-25 09:00"),
        ("wed 17:00", "wed 09:00", "2026-11-25 12:00", None),
        ("2026-12-20", "2027-01-04", "2026-12-24 18:00", "2027-01-04 00:00"),
        ("2026-12-20", "2027-01-04", "2026-12-19 23:59", None),
        ("2026-12-20 18:00", "2026-12-20 20:00", "2026-12-20 19:00", "2026-12-20 20:00"),
    ],
)
def test_a_window_freezes_from_its_beginning_to_its_end(
    begins: str, ends: str, moment: str, until: str | None
) -> None:
    window = FreezeWindow(times_of(begins, ends), BERLIN, ("blog",), "quiet")
    found = window.freezes("blog", at(moment))
    assert (found.until if found else None) == (at(until) if until else None)
    assert window.freezes("shop", at(moment)) is None


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        ("fri 16:00", "2026-12-01", "both"),
        ("fri 16:00", "fri 16:00", "same time"),
        ("someday", "mon 07:00", "both"),
        ("2026-12-01", "2026-12-01", "not after"),
        ("2026-13-01", "2026-12-01", "neither"),
        ("fri 25:00", "mon 07:00", "16:00"),
    ],
)
def test_what_is_no_window_is_told(begins: str, ends: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        times_of(begins, ends)
