"""A time in which nothing new goes live."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Freeze:
    """`site` None: of all sites; `by` None: from the settings; `until` None: until somebody lifts it."""

    id: str
    site: str | None
    by: str | None
    since: datetime
    until: datetime | None
    reason: str = ""

    @property
    def in_words(self) -> str:
        """`by U0ANN until 2026-12-01 08:00 UTC: moving offices`."""
        by = f"by {self.by}" if self.by else "by the bot's settings"
        until = (
            f" until {self.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.until else " until it is lifted"
        )
        return f"{by}{until}" + (f": {self.reason.rstrip('.')}" if self.reason else "")
