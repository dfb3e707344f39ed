"""The question asked between smoke test and swap, and its one answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from release.model.freezes import Freeze
from release.model.kinds import Kind
from release.model.releases import Release

BROKEN_GLASS = "break-glass: "
"""Stands before the reason of who decided alone."""


class Verdict(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Approval:
    """The question asked between smoke test and swap. Its id is all a button carries.

    It takes the yes of `needed` people; `votes` are those who said it, in their order.
    """

    id: str
    release: str
    verdict: Verdict
    asked_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    needed: int = 1
    votes: tuple[str, ...] = ()

    @property
    def why_alone(self) -> str | None:
        """The reason of who broke the glass; None where nobody did."""
        if self.verdict is not Verdict.APPROVED or self.reason is None:
            return None
        return self.reason.removeprefix(BROKEN_GLASS) if self.reason.startswith(BROKEN_GLASS) else None


@dataclass(frozen=True)
class Waiting:
    """A release that waits for a decision, as far as it is looked at every few seconds."""

    release: str
    site: str
    kind: Kind
    asked_at: datetime
    expires_at: datetime
    frozen: Freeze | None
    reminded: bool
    pictured: bool


@dataclass(frozen=True)
class Decided:
    """What became of a decision: `won` is False for everyone who came second."""

    won: bool
    approval: Approval
    release: Release
