"""What visitors get."""

from dataclasses import dataclass


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
    """What visitors of production got while it was swapped. Times in milliseconds."""

    requests: int
    failed: int
    slowest_ms: float
    median_ms: float
    seconds: float
    failures: tuple[str, ...] = ()
