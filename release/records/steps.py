"""How far a release is, and what it found out."""

from sqlalchemy import (
    Connection,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from release.model import (
    UNPLANNED,
    Step,
    StepState,
    WatchDecided,
)
from release.records import tables
from release.records.audit import BOT
from release.records.base import Base
from release.records.rows import FACT_TYPES, audit_release, lock, now, swap_begun, touch
from release.records.upsert import upsert


class StepRecords(Base):
    """A step that begins, says how far it is, and ends; facts by the names of `Facts`."""

    async def step(self, release_id: str, step: Step, state: StepState, detail: str | None = None) -> None:
        """Write down where a step is. Starting it again keeps its first start; ending it stamps the end."""

        def work(connection: Connection) -> None:
            lock(connection, release_id)
            where = (tables.steps.c.release == release_id) & (tables.steps.c.step == step)
            values: dict[str, object] = {"state": state}
            if detail is not None:
                values["detail"] = detail
            if state is StepState.RUNNING:
                values["started_at"] = func.coalesce(tables.steps.c.started_at, now())
                values["ended_at"] = None
            elif state is not StepState.PENDING:
                values["ended_at"] = now()
            connection.execute(update(tables.steps).where(where).values(values))
            touch(connection, tables.releases.c.id == release_id, {})

        await self._write(work)
        self.changed.tell(release_id)

    async def begin_step(self, release_id: str, step: Step) -> str | None:
        """The step runs afterwards; or nothing has changed, and who asked to cancel is returned.

        From the beginning of the swap on nothing is cancelled: there is only forward or back.
        """

        def work(connection: Connection) -> str | None:
            touch(connection, tables.releases.c.id == release_id, {})
            query = select(tables.releases.c.cancel_asked_by).where(tables.releases.c.id == release_id)
            cancelled_by: str | None = connection.execute(query).scalar_one_or_none()
            stops = cancelled_by is not None and step not in UNPLANNED
            if stops and not swap_begun(connection, release_id):
                return cancelled_by
            if step in UNPLANNED:
                key = {"release": release_id, "step": step}
                upsert(connection, tables.steps, key, {"state": StepState.PENDING, "detail": ""})
            where = (tables.steps.c.release == release_id) & (tables.steps.c.step == step)
            started = func.coalesce(tables.steps.c.started_at, now())
            values: dict[str, object] = {
                "state": StepState.RUNNING,
                "detail": "",
                "started_at": started,
                "ended_at": None,
            }
            if connection.execute(update(tables.steps).where(where).values(values)).rowcount == 0:
                # The release was begun by an older bot, which had no such step.
                values = {**values, "release": release_id, "step": step, "started_at": now()}
                connection.execute(tables.steps.insert().values(values))
            return None

        cancelled_by = await self._write(work)
        self.changed.tell(release_id)
        return cancelled_by

    async def say(self, release_id: str, step: Step, detail: str) -> None:
        """How far a running step is; comes too late for one that has ended, and changes nothing then."""

        def work(connection: Connection) -> None:
            lock(connection, release_id)
            where = (tables.steps.c.release == release_id) & (tables.steps.c.step == step)
            running = where & (tables.steps.c.state == StepState.RUNNING)
            connection.execute(update(tables.steps).where(running).values(detail=detail))
            touch(connection, tables.releases.c.id == release_id, {})

        await self._write(work)
        self.changed.tell(release_id)

    async def decide_watch(self, release_id: str, decided: WatchDecided) -> WatchDecided:
        """Decide what becomes of a release that is watched. Of any number of racing decisions one wins: that one."""
        row = {
            "release": release_id,
            "name": "watch",
            "value": FACT_TYPES["watch"].dump_json(decided).decode(),
        }

        def work(connection: Connection) -> WatchDecided:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            query = insert(tables.facts).values(row).on_conflict_do_nothing()
            # Not its rowcount, which Postgres' driver does not tell here.
            if connection.execute(query.returning(tables.facts.c.name)).first() is not None:
                touch(connection, tables.releases.c.id == release_id, {})
                outcome = str(decided.end) if not decided.why else f"{decided.end}: {decided.why}"
                audit_release(connection, release_id, decided.by or BOT, "watched", outcome)
                return decided
            where = (tables.facts.c.release == release_id) & (tables.facts.c.name == "watch")
            stands = connection.execute(select(tables.facts.c.value).where(where)).scalar_one()
            won: WatchDecided = FACT_TYPES["watch"].validate_json(stands)
            return won

        standing = await self._write(work)
        self.changed.tell(release_id)
        return standing

    async def note(self, release_id: str, **facts: object) -> None:
        """Keep facts of a release, by the names of `Facts`; None forgets one."""

        def work(connection: Connection) -> None:
            lock(connection, release_id)
            for name, value in facts.items():
                text = FACT_TYPES[name].dump_json(value).decode()
                upsert(connection, tables.facts, {"release": release_id, "name": name}, {"value": text})
            touch(connection, tables.releases.c.id == release_id, {})

        await self._write(work)
        self.changed.tell(release_id)
