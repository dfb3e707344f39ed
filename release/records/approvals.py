"""Approvals: asked once, decided once."""

import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
    exists,
    select,
    update,
)

from release.model import (
    Approval,
    Decided,
    Kind,
    State,
    Verdict,
    Waiting,
)
from release.records import tables
from release.records.audit import BOT
from release.records.releases import ReleaseRecords
from release.records.rows import FACT_TYPES, NoSuchRelease, audit_release, lock, now, touch
from release.records.upsert import upsert


def _enums(row: RowMapping) -> dict[str, Any]:  # Any: columns of several types
    values = dict(row)
    values["verdict"] = Verdict(values["verdict"])
    return values


def _approval(connection: Connection, where: Any) -> Approval | None:  # Any: SQLAlchemy's clause
    row = connection.execute(select(tables.approvals).where(where)).mappings().first()
    return Approval(**_enums(row), votes=_votes(connection, row["id"])) if row else None


def _votes(connection: Connection, approval_id: str) -> tuple[str, ...]:
    mine = select(tables.votes.c.by).where(tables.votes.c.approval == approval_id)
    return tuple(connection.execute(mine.order_by(tables.votes.c.at, tables.votes.c.by)).scalars())


def _enough(
    connection: Connection, approval_id: str, pending: Any, by: str, alone: bool
) -> bool:  # Any: a clause
    """Whether with this person's yes, which is written down, there are as many as it takes."""
    row = connection.execute(select(tables.approvals).where(pending)).mappings().first()
    if row is None:
        return True  # it is decided already, as the caller finds out
    upsert(connection, tables.votes, {"approval": approval_id, "by": by}, {"at": now()})
    votes = _votes(connection, approval_id)
    enough = alone or len(votes) >= row["needed"]
    if not enough:
        touch(connection, tables.releases.c.id == row["release"], {})
        audit_release(connection, row["release"], by, "approve", f"{len(votes)} of {row['needed']}")
    return enough


class ApprovalRecords(ReleaseRecords):
    """Of any number of racing decisions exactly one wins."""

    async def ask(self, release_id: str, lasts: timedelta, needed: int = 1) -> Approval:
        """Ask for approval of a staged release, once: asked again it is the same question. It takes `needed` people."""

        def work(connection: Connection) -> None:
            lock(connection, release_id)
            asked = connection.execute(
                select(tables.approvals.c.id).where(tables.approvals.c.release == release_id)
            ).first()
            if asked is None:
                connection.execute(
                    tables.approvals.insert().values(
                        id=secrets.token_urlsafe(12),
                        release=release_id,
                        verdict=Verdict.PENDING,
                        asked_at=now(),
                        expires_at=now() + lasts,
                        needed=needed,
                    )
                )
            where = (tables.releases.c.id == release_id) & (tables.releases.c.state == State.STAGING)
            touch(connection, where, {"state": State.AWAITING_APPROVAL})

        await self._write(work)
        self.changed.tell(release_id)
        approval = await self.approval_of(release_id)
        if approval is None:
            raise NoSuchRelease(release_id)
        return approval

    async def approval(self, approval_id: str) -> Approval | None:
        return await self._read(lambda c: _approval(c, tables.approvals.c.id == approval_id))

    async def approval_of(self, release_id: str) -> Approval | None:
        return await self._read(lambda c: _approval(c, tables.approvals.c.release == release_id))

    async def waiting(self) -> tuple[Waiting, ...]:
        """Every release that waits for a decision. One question to the database, however many there are."""
        releases, approvals = tables.releases.c, tables.approvals.c
        frozen, reminded = tables.facts.alias("frozen"), tables.facts.alias("reminded")
        pictured = tables.facts.alias("pictured")
        query = (
            select(
                releases.id,
                releases.site,
                releases.kind,
                approvals.asked_at,
                approvals.expires_at,
                frozen.c.value.label("frozen"),
                reminded.c.value.label("reminded"),
                pictured.c.value.label("pictured"),
            )
            .join_from(tables.releases, tables.approvals, approvals.release == releases.id)
            .outerjoin(frozen, (frozen.c.release == releases.id) & (frozen.c.name == "frozen"))
            .outerjoin(reminded, (reminded.c.release == releases.id) & (reminded.c.name == "reminded_at"))
            .outerjoin(pictured, (pictured.c.release == releases.id) & (pictured.c.name == "pictured"))
            .where(
                releases.open, releases.state == State.AWAITING_APPROVAL, approvals.verdict == Verdict.PENDING
            )
        )
        rows = await self._read(lambda c: c.execute(query).all())
        return tuple(
            Waiting(
                row.id,
                row.site,
                Kind(row.kind),
                row.asked_at,
                row.expires_at,
                None if row.frozen is None else FACT_TYPES["frozen"].validate_json(row.frozen),
                row.reminded not in (None, "null"),
                row.pictured not in (None, "null"),
            )
            for row in rows
        )

    async def overdue_approvals(self) -> tuple[Approval, ...]:
        where = (tables.approvals.c.verdict == Verdict.PENDING) & (tables.approvals.c.expires_at < now())
        rows = await self._read(lambda c: c.execute(select(tables.approvals).where(where)).mappings().all())
        return tuple(Approval(**_enums(row)) for row in rows)

    async def decide(
        self,
        approval_id: str,
        verdict: Verdict,
        by: str | None,
        reason: str | None = None,
        undo: bool = False,
        alone: bool = False,
    ) -> Decided | None:
        """Decide a pending approval. Of any number of racing decisions exactly one wins; None: no such approval.

        An approval that takes several people is decided by the last of them, and by whoever may do it `alone`.
        With `undo` a release that does not go live stays open until what it did to staging is undone.
        """
        next_state = {
            Verdict.APPROVED: State.PROMOTING,
            Verdict.REJECTED: State.REJECTED,
            Verdict.EXPIRED: State.EXPIRED,
            Verdict.CANCELLED: State.CANCELLED,
        }[verdict]
        if undo and verdict is not Verdict.APPROVED:
            next_state = State.UNDOING

        def work(connection: Connection) -> tuple[bool, Approval | None]:
            asked = select(tables.approvals.c.release).where(tables.approvals.c.id == approval_id)
            lock(connection, connection.execute(asked).scalar_one_or_none() or "")
            # A release that has ended meanwhile is not opened again by a late click.
            waiting = exists().where(
                (tables.releases.c.id == tables.approvals.c.release)
                & (tables.releases.c.state == State.AWAITING_APPROVAL)
            )
            pending = (tables.approvals.c.id == approval_id) & (tables.approvals.c.verdict == Verdict.PENDING)
            pending &= waiting
            if verdict is Verdict.APPROVED:
                pending &= tables.approvals.c.expires_at >= now()
                if by is not None and not _enough(connection, approval_id, pending, by, alone):
                    return False, _approval(connection, tables.approvals.c.id == approval_id)
            won = (
                connection.execute(
                    update(tables.approvals)
                    .where(pending)
                    .values(verdict=verdict, decided_by=by, decided_at=now(), reason=reason)
                ).rowcount
                == 1
            )
            approval = _approval(connection, tables.approvals.c.id == approval_id)
            if won and approval is not None:
                values: dict[str, object] = {"state": next_state, "open": next_state.is_open}
                if not next_state.is_open:
                    values |= {"ended_at": now(), "reason": reason}
                touch(connection, tables.releases.c.id == approval.release, values)
                outcome = verdict if reason is None else f"{verdict}: {reason}"
                audit_release(connection, approval.release, by or BOT, "decided", outcome)
            return won, approval

        won, approval = await self._write(work)
        if approval is None:
            return None
        self.changed.tell(approval.release)
        return Decided(won, approval, await self.release(approval.release))
