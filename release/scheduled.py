"""Posts that come due: a swap is not begun where one would fall into it, or while its newsletter is being sent.

From the first step of a swap two Ghosts run with production's settings on copies of one database, and both
would publish it and send its mails (measured: in the same second). Ghost 6.65 also goes on at its start with
mails it finds half sent, so those are waited for as well.
"""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from release.errors import ReleaseError

# Production publishes within seconds. A post that is overdue for longer waits for a restart, not for us.
OVERDUE_AT_MOST = timedelta(minutes=10)
# Mails older than that are stuck; Ghost itself leaves them alone.
SENDING_AT_MOST = timedelta(hours=1)
# After a post was due: time for Ghost to publish it, and between two looks at the database.
SETTLED_AFTER = timedelta(seconds=3)
# As Ghost writes times into SQLite, in UTC.
TIME = "%Y-%m-%d %H:%M:%S"


class StillScheduled(ReleaseError):
    problem = "There was no quiet moment for the swap within {0} minutes: {1}."
    remedy = "Production is untouched. Start again after that, or choose another scheduled_minutes in docs/settings.md."


class ScheduledMeanwhile(ReleaseError):
    problem = "While staging was tested with production's settings, something else became due: {0}."
    remedy = "Production is untouched. Start again after that."


@dataclass(frozen=True)
class Due:
    """One thing to wait for: a post or page that comes out `at`, or its mails, which are on their way since `at`."""

    title: str
    at: datetime
    sending: bool = False

    def __str__(self) -> str:
        if self.sending:
            return f"the newsletter “{self.title}”, which is being sent"
        return f"“{self.title}”, scheduled for {self.at:%H:%M} UTC"


async def due_within(database: Path, now: datetime, margin: timedelta) -> tuple[Due, ...]:
    """What a swap that begins `now` and may last `margin` would touch, soonest first; nothing with no margin.

    `database` is a checked copy of production's.
    """
    if not margin:
        return ()

    def read() -> tuple[Due, ...]:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as copy:
            posts = copy.execute(
                "SELECT title, published_at FROM posts WHERE status = 'scheduled' AND published_at BETWEEN ? AND ?",
                (_told(now - OVERDUE_AT_MOST), _told(now + margin)),
            ).fetchall()
            mails = []
            if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'emails'").fetchone():
                mails = copy.execute(
                    "SELECT coalesce(subject, ''), created_at FROM emails"
                    " WHERE status IN ('pending', 'submitting') AND created_at > ?",
                    (_told(now - SENDING_AT_MOST),),
                ).fetchall()
        found = [Due(str(title), _time(at)) for title, at in posts]
        found += [Due(str(title), _time(at), sending=True) for title, at in mails]
        return tuple(sorted(found, key=lambda one: one.at))

    return await asyncio.to_thread(read)


def look_again_at(due: tuple[Due, ...], now: datetime) -> datetime:
    """When the first of them may be over."""
    return max(due[0].at, now) + SETTLED_AFTER


def in_words(due: tuple[Due, ...]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(due) - 1} more" if len(due) > 1 else ""
    return f"{due[0]}{more}"


def _told(at: datetime) -> str:
    return at.astimezone(UTC).strftime(TIME)


def _time(text: object) -> datetime:
    return datetime.strptime(str(text)[:19], TIME).replace(tzinfo=UTC)
