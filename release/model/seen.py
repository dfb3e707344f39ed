"""What visitors get."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PageCompared:
    """One address asked on staging and on production. `ok` is staging's verdict."""

    path: str
    what: str
    expected: str
    staging: str
    production: str
    milliseconds: int
    ok: bool


@dataclass(frozen=True)
class ProbeSeen:
    """What visitors of production got while it was swapped. Times in milliseconds.

    `series` are points for a picture, a few hundred at most: seconds since `began_at`, milliseconds, whether well.
    """

    requests: int
    failed: int
    slowest_ms: float
    median_ms: float
    seconds: float
    failures: tuple[str, ...] = ()
    began_at: datetime | None = None
    series: tuple[tuple[float, float, bool], ...] = ()
