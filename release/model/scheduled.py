"""Something that somebody asked for, and that is not begun yet."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ScheduledState(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    STARTED = "started"
    CANCELLED = "cancelled"
    MISSED = "missed"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Scheduled:
    """`order` is what was typed, without its time: `upgrade 6.65.0 blog`. `at` None: as soon as the site is free.

    `by` and `channel` are those of whoever asked; `claimed_at` is when the bot began to start it.
    """

    id: str
    site: str
    order: str
    by: str
    channel: str
    asked_at: datetime
    at: datetime | None
    state: ScheduledState = ScheduledState.WAITING
    claimed_at: datetime | None = None
