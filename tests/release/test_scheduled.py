"""What a swap has to wait for: posts that come due, and newsletters that are being sent."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.scheduled import SETTLED_AFTER, Due, due_within, in_words, look_again_at

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARGIN = timedelta(minutes=10)


@pytest.fixture
def blog(tmp_path: Path) -> Path:
    path = tmp_path / "backup.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE posts (title TEXT, status TEXT, published_at TEXT)")
        database.execute("CREATE TABLE emails (subject TEXT, status TEXT, created_at TEXT)")
        database.commit()
    return path


def has(path: Path, table: str, *rows: tuple[str, str, str]) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)  # noqa: S608 - names of this file
        database.commit()


async def test_a_post_within_the_margin_is_waited_for_and_the_soonest_comes_first(blog: Path) -> None:
    has(
        blog,
        "posts",
        ("In eight minutes", "scheduled", "2026-03-01 12:08:00"),
        ("In five minutes", "scheduled", "2026-03-01 12:05:00"),
        ("In an hour", "scheduled", "2026-03-01 13:00:00"),
        ("Out already", "published", "2026-03-01 12:05:00"),
        ("Overdue", "scheduled", "2026-03-01 11:59:00"),
        ("Overdue since yesterday", "scheduled", "2026-02-28 12:00:00"),
    )
    due = await due_within(blog, NOON, MARGIN)
    assert [one.title for one in due] == ["Overdue", "In five minutes", "In eight minutes"]
    assert in_words(due) == "“Overdue”, scheduled for 11:59 UTC and 2 more"
    assert await due_within(blog, NOON, timedelta()) == ()


async def test_a_newsletter_that_is_being_sent_is_waited_for(blog: Path) -> None:
    has(
        blog,
        "emails",
        ("Half sent", "submitting", "2026-03-01 11:58:00"),
        ("Sent", "submitted", "2026-03-01 11:58:00"),
        ("Stuck since morning", "pending", "2026-03-01 08:00:00"),
    )
    (due,) = await due_within(blog, NOON, MARGIN)
    assert str(due) == "the newsletter “Half sent”, which is being sent"


async def test_a_blog_that_sends_no_newsletters_has_nothing_to_wait_for(blog: Path) -> None:
    with closing(sqlite3.connect(blog)) as database:
        database.execute("DROP TABLE emails")
    assert await due_within(blog, NOON, MARGIN) == ()


def test_production_gets_a_moment_to_publish() -> None:
    later = NOON + timedelta(minutes=5)
    assert look_again_at((Due("Later", later),), NOON) == later + SETTLED_AFTER
    assert look_again_at((Due("Overdue", NOON - MARGIN),), NOON) == NOON + SETTLED_AFTER
