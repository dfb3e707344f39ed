"""How a delivery to the app went."""

from dataclasses import dataclass, field
from enum import Enum

from sandbox.slack.shapes import Json


class Problem(Enum):
    """Why an app did not take a delivery."""

    UNREACHABLE = "connection_failed"
    TIMEOUT = "http_timeout"
    REFUSED = "http_error"


@dataclass(frozen=True)
class Outcome:
    """No problem: the app acknowledged, perhaps with a payload."""

    problem: Problem | None = None
    payload: Json = field(default_factory=dict)
    retry: bool = True
