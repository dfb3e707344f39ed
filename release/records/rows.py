"""Rows of the database as values, and what several kinds of record do to a release."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from sqlalchemy import (
    Connection,
    RowMapping,
    bindparam,
    select,
    update,
)

from release.errors import ReleaseError
from release.model import (
    PLAN,
    UNPLANNED,
    Facts,
    Kind,
    Release,
    State,
    Step,
    StepRecord,
    StepState,
)
from release.records import audit, tables
from release.records.audit import Deed

FACT_TYPES: dict[str, TypeAdapter[Any]] = {  # Any: facts are of several types
    name: TypeAdapter(hint) for name, hint in get_type_hints(Facts).items()
}
# Built once: every step asks them several times.
_LOCKED = select(tables.releases.c.id).where(tables.releases.c.id == bindparam("release")).with_for_update()
_STEPS = select(tables.steps).where(tables.steps.c.release.in_(bindparam("releases", expanding=True)))
_FACTS = select(tables.facts).where(tables.facts.c.release.in_(bindparam("releases", expanding=True)))
CUT_OFF = "cut off when the bot was restarted, and not done again"


def now() -> datetime:
    return datetime.now(UTC)


def lock(connection: Connection, release_id: str) -> None:
    """Until the transaction ends nobody else writes to this release (SQLite has one writer anyway)."""
    connection.execute(_LOCKED, {"release": release_id})


def audit_release(connection: Connection, release_id: str, by: str, what: str, outcome: str) -> None:
    query = select(tables.releases.c.site, tables.releases.c.channel).where(
        tables.releases.c.id == release_id
    )
    row = connection.execute(query).one()
    audit.append(connection, Deed(by, what, release_id, outcome, row.site, release_id, row.channel))


def touch(
    connection: Connection, where: Any, values: Mapping[str, object]
) -> int:  # Any: SQLAlchemy's clause
    query = update(tables.releases).where(where)
    changed = {**values, "revision": tables.releases.c.revision + 1, "updated_at": now()}
    return connection.execute(query.values(changed)).rowcount


def cut_off_steps(connection: Connection, release_id: str) -> None:
    """A step that was killed and not begun again does not run any more once its release is over."""
    running = (tables.steps.c.release == release_id) & (tables.steps.c.state == StepState.RUNNING)
    values = {"state": StepState.FAILED, "detail": CUT_OFF, "ended_at": now()}
    connection.execute(update(tables.steps).where(running).values(values))


def swap_begun(connection: Connection, release_id: str) -> bool:
    query = select(tables.steps.c.state).where(
        (tables.steps.c.release == release_id) & (tables.steps.c.step == Step.SWAP)
    )
    return connection.execute(query).scalar_one_or_none() not in (None, StepState.PENDING)


def load(
    connection: Connection, where: Any, limit: int | None = None
) -> tuple[Release, ...]:  # Any: as above
    query = select(tables.releases).order_by(tables.releases.c.asked_at.desc())
    if where is not None:
        query = query.where(where)
    if limit is not None:
        query = query.limit(limit)
    rows = connection.execute(query).mappings().all()
    if not rows:
        return ()
    ids = [row["id"] for row in rows]
    steps: dict[str, dict[str, StepRecord]] = {}
    for row in connection.execute(_STEPS, {"releases": ids}).mappings():
        record = StepRecord(
            Step(row["step"]), StepState(row["state"]), row["detail"], row["started_at"], row["ended_at"]
        )
        steps.setdefault(row["release"], {})[row["step"]] = record
    facts: dict[str, dict[str, object]] = {}
    for row in connection.execute(_FACTS, {"releases": ids}).mappings():
        value = FACT_TYPES[row["name"]].validate_python(json.loads(row["value"]))
        facts.setdefault(row["release"], {})[row["name"]] = value
    return tuple(_release(row, steps.get(row["id"], {}), facts.get(row["id"], {})) for row in rows)


def _release(row: RowMapping, steps: Mapping[str, StepRecord], facts: Mapping[str, Any]) -> Release:
    kind = Kind(row["kind"])
    return Release(
        id=row["id"],
        kind=kind,
        site=row["site"],
        state=State(row["state"]),
        asked_by=row["asked_by"],
        channel=row["channel"],
        asked_at=row["asked_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        from_version=row["from_version"],
        reason=row["reason"],
        remedy=row["remedy"],
        cancel_asked_by=row["cancel_asked_by"],
        undoes=row["undoes"],
        undone_by=row["undone_by"],
        backup=row["backup"],
        holder=row["holder"],
        ended_at=row["ended_at"],
        revision=row["revision"],
        facts=Facts(**facts),
        steps=tuple(steps[step] for step in (*PLAN[kind], *UNPLANNED) if step in steps),
    )


class NoSuchRelease(ReleaseError):
    problem = "There is no release {0}."
    remedy = "See /ghost history for the releases there are."
