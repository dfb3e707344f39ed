"""What can happen to a call, written out."""

from dataclasses import dataclass, field
from typing import Any

from tests.faults.bench import HANG_SECONDS
from tests.faults.calls import Call

_PAGE = "<!DOCTYPE html><html><body><h1>Traceback of something: InternalServerError</h1></body></html>"
_BUSY = (
    '{"Code": "Conflict", "Message": "Cannot modify this site because another operation is in progress. '
    'Details: Id: 1, OperationName: UpdateSite", "Details": []}'
)


@dataclass(frozen=True)
class Mishap:
    """A kind of fault. `happened`: the work is done, only the answer goes wrong; for calls that act."""

    name: str
    fault: dict[str, Any] = field(default_factory=dict)
    happened: bool = False

    def on(self, call: Call) -> bool:
        """Whether it says anything about this call."""
        return call.acts or not self.happened


MISHAPS = (
    Mishap("409", {"status": 409, "body": _BUSY}),
    Mishap("429", {"status": 429, "retry_after": 1, "body": '{"error": {"code": "TooMany"}}'}),
    Mishap("500", {"status": 500, "body": _PAGE}),
    Mishap("502", {"status": 502, "body": _PAGE}),
    Mishap("503", {"status": 503, "body": _PAGE}),
    Mishap("504", {"status": 504, "body": _PAGE}),
    Mishap("504, but done", {"status": 504, "body": _PAGE, "after": True}, happened=True),
    Mishap("a hang", {"hang": HANG_SECONDS}),
    Mishap("a dropped connection", {"drop": True}),
    Mishap("dropped, but done", {"drop": True, "after": True}, happened=True),
    Mishap("a truncated body", {"truncate": 5}),
    Mishap("no JSON", {"status": 200, "body": _PAGE, "after": True}),
)
