"""Reads and writes of what the bot remembers. Everything a restarted bot needs is here.

SQLAlchemy's plain connections in a thread: the statements are short, and SQLite has one writer anyway.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from pydantic import TypeAdapter
from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    create_engine,
    delete,
    event,
    exists,
    func,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from release.errors import ReleaseError, SiteBusy
from release.holding import Hold, held
from release.masking import masked
from release.model import (
    FIRST_STATE,
    OPEN,
    PLAN,
    UNPLANNED,
    Approval,
    BackupTaken,
    Decided,
    Facts,
    Kind,
    PackageStored,
    Release,
    SentMessage,
    State,
    Step,
    StepRecord,
    StepState,
    Verdict,
    WatchDecided,
)
from release.records import audit, replicas, tables
from release.records.audit import BOT, Chain, Deed, Entry
from release.records.upsert import upsert

T = TypeVar("T")

_FACT_TYPES: dict[str, TypeAdapter[Any]] = {  # Any: facts are of several types
    name: TypeAdapter(hint) for name, hint in get_type_hints(Facts).items()
}
_BACKUP = TypeAdapter(BackupTaken)
_PACKAGE = TypeAdapter(PackageStored)
CUT_OFF = "cut off when the bot was restarted, and not done again"
_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_MIGRATING = 7_460_518_246_021  # the advisory lock of whoever migrates these tables on PostgreSQL
# A replica that is frozen inside a transaction keeps its locks; PostgreSQL ends it after this long.
IDLE_IN_TRANSACTION_SECONDS = 10
REPLICAS_KEPT = timedelta(days=30)


class DatabaseTooNew(ReleaseError):
    problem = "The bot's database was written by a newer ghostbot ({0})."
    remedy = "Start that version again, or give this one another database."


class DatabaseUnreachable(ReleaseError):
    problem = "The database {0} cannot be used: {1}"
    remedy = "Check database_url, and that PostgreSQL runs and lets the bot in from here."


class NoSuchRelease(ReleaseError):
    problem = "There is no release {0}."
    remedy = "See /ghost history for the releases there are."


class Changes:
    """Tells in this process which releases changed; what was missed is found by their revisions."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._event = asyncio.Event()

    def tell(self, release: str) -> None:
        self._ids.add(release)
        self._event.set()

    async def wait(self, timeout: float) -> set[str]:  # noqa: ASYNC109 - a wait that ends without news is no error
        """The releases changed since the last call, after at most `timeout` seconds (then maybe none)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        self._event.clear()
        changed, self._ids = self._ids, set()
        return changed


def now() -> datetime:
    return datetime.now(UTC)


def open_records(url: str) -> "Records":
    """Open the database at `url`, creating or migrating its tables first.

    A SQLite file is made readable for its owner only: it names people and sites.
    Raises DatabaseTooNew when a newer ghostbot has migrated it already, DatabaseUnreachable if it is a PostgreSQL
    that does not answer.
    """
    engine = create_engine(driven(url), pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        path = Path(str(engine.url.database))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)  # also one that was there before
        event.listen(engine, "connect", _patient_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        _migrate(engine)
    else:
        event.listen(engine, "connect", _impatient_postgres)
        try:
            _migrate(engine)
        except OperationalError as error:
            raise unreachable(url, error) from error
    return Records(engine)


def driven(url: str) -> str:
    """The address with the driver named: SQLAlchemy's choice for `postgresql://` differs between versions."""
    found = make_url(url)
    if found.get_backend_name() == "postgresql":
        found = found.set(drivername="postgresql+psycopg")
    return found.render_as_string(hide_password=False)


def unreachable(url: str, error: DBAPIError) -> DatabaseUnreachable:
    """What a person may read of it: where, without the password, and the first line of why."""
    why = str(error.orig).strip().splitlines()
    return DatabaseUnreachable(make_url(url).render_as_string(), masked(why[0]) if why else "no answer")


def _impatient_postgres(connection: Any, _record: object) -> None:  # Any: the driver's own connection
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
    connection.commit()


def _patient_sqlite(connection: Any, _record: object) -> None:  # Any: the driver's own connection
    # The driver begins no transactions of its own (it would not for CREATE TABLE); `_begin_sqlite` does.
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 30000")
    # WAL has a corruption bug with several connections up to SQLite 3.51.2 (facts/dbos.md).
    connection.execute("PRAGMA journal_mode = DELETE")


def _begin_sqlite(connection: Connection) -> None:
    """A write takes its turn before it reads: what it decides by is still so when it writes."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    # In one transaction: a bot killed in the middle finds the old schema, not half of the new one.
    with _writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":  # replicas that start at once take turns
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            known = ScriptDirectory.from_config(config).get_current_head()
            raise DatabaseTooNew(f"this one knows up to {known}") from error


def _writing(engine: Engine) -> Engine:
    return engine.execution_options(writes=True)


class Records:
    """All records, through one engine. Safe to share between tasks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = _writing(engine)
        self._replica: str | None = None
        self._lost: replicas.Lost | None = None
        self.changed = Changes()

    def close(self) -> None:
        self._engine.dispose()

    async def _write(self, work: Callable[[Connection], T]) -> T:
        hold, replica = held(), self._replica

        def run() -> T:
            with self._watched(), self._writer.begin() as connection:
                if replica is not None:
                    replicas.fence(connection, replica, hold)
                return work(connection)

        return await asyncio.to_thread(run)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._watched(), self._engine.connect() as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """A replica that loses its database ends as if it were killed: half a step's records are not written."""
        try:
            yield
        except DBAPIError as error:
            if self._lost is not None and (error.connection_invalidated or _away(error)):
                self._lost(type(error.orig).__name__)
            raise

    # -- replicas ---------------------------------------------------------------------------------

    async def enlist(self, replica: str, lost: replicas.Lost | None = None) -> None:
        """What is written from now on is written by `replica`: refused (TakenOver) once it was declared gone.

        `lost` is called, from any thread, when the database is lost.
        """
        await self._write(lambda c: replicas.enlist(c, replica))
        self._replica, self._lost = replica, lost

    async def hold(self, release_id: str) -> Hold:
        """The release is this replica's; raises TakenOver if the replica was declared gone."""
        replica = self._replica or ""
        await self._write(lambda c: replicas.take(c, release_id, replica))
        return Hold(release_id, replica)

    async def may_act(self) -> None:
        """Raises TakenOver if this replica was declared gone, or what the running task acts for is another's."""
        hold, replica = held(), self._replica
        if replica is not None:
            await self._read(lambda c: replicas.fence(c, replica, hold))

    async def replicas_present(self) -> tuple[str, ...]:
        """Every replica that nobody has declared gone."""
        return await self._read(replicas.present)

    async def bury(self, replica: str) -> tuple[str, ...]:
        """Declare a replica gone; returns the open releases it held, which nobody holds now."""
        return await self._write(lambda c: replicas.bury(c, replica, now() - REPLICAS_KEPT))

    # -- releases ---------------------------------------------------------------------------------

    async def create(
        self,
        kind: Kind,
        site: str,
        by: str,
        channel: str,
        version: str | None = None,
        before: str | None = None,
        undoes: str | None = None,
        backup: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> Release:
        """A new open release of `site`, which holds its lock, with `facts`. Raises SiteBusy, naming the holder."""
        release_id = "r-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(5))
        state = FIRST_STATE[kind]

        def insert(connection: Connection) -> None:
            connection.execute(
                tables.releases.insert().values(
                    id=release_id,
                    kind=kind,
                    site=site,
                    state=state,
                    open=True,
                    asked_by=by,
                    channel=channel,
                    asked_at=now(),
                    updated_at=now(),
                    version=version,
                    from_version=before,
                    undoes=undoes,
                    backup=backup,
                    revision=1,
                    told_revision=0,
                )
            )
            connection.execute(
                tables.steps.insert(),
                [
                    {"release": release_id, "step": step, "state": StepState.PENDING, "detail": ""}
                    for step in PLAN[kind]
                ],
            )
            for name, value in (facts or {}).items():
                text = _FACT_TYPES[name].dump_json(value).decode()
                connection.execute(tables.facts.insert().values(release=release_id, name=name, value=text))
            _audit_release(connection, release_id, by, " ".join(filter(None, (kind, version))), "begun")

        try:
            await self._write(insert)
        except IntegrityError as error:
            if "UNIQUE" not in str(error.orig).upper():
                raise
            holder = await self.open_release(site)
            if holder is None:  # it ended between the two statements
                return await self.create(kind, site, by, channel, version, before, undoes, backup, facts)
            raise SiteBusy(
                site, holder.id, f"{holder.kind}, {holder.state.replace('_', ' ')}", holder.asked_by
            ) from error
        self.changed.tell(release_id)
        return await self.release(release_id)

    async def release(self, release_id: str) -> Release:
        found = await self._read(lambda c: _load(c, tables.releases.c.id == release_id))
        if not found:
            raise NoSuchRelease(release_id)
        return found[0]

    async def open_release(self, site: str) -> Release | None:
        where = (tables.releases.c.site == site) & tables.releases.c.open
        found = await self._read(lambda c: _load(c, where))
        return found[0] if found else None

    async def open_releases(self) -> tuple[Release, ...]:
        return await self._read(lambda c: _load(c, tables.releases.c.open))

    async def history(self, site: str | None, limit: int = 10) -> tuple[Release, ...]:
        """The newest releases first."""
        where = tables.releases.c.site == site if site else None
        return await self._read(lambda c: _load(c, where, limit))

    async def with_old_slot_running(self) -> tuple[Release, ...]:
        """Ended releases whose old slot has not been stopped yet."""
        mine = tables.facts.c.release == tables.releases.c.id
        waiting = exists().where(mine & (tables.facts.c.name == "old_slot_stops_at"))
        stopped = exists().where(mine & (tables.facts.c.name == "old_slot_stopped_at"))
        return await self._read(lambda c: _load(c, ~tables.releases.c.open & waiting & ~stopped))

    async def move(
        self,
        release_id: str,
        state: State,
        allowed_from: frozenset[State] = OPEN,
        reason: str | None = None,
        remedy: str | None = None,
    ) -> bool:
        """Put the release into `state` if it is in one of `allowed_from`; say whether that happened."""

        def work(connection: Connection) -> bool:
            values: dict[str, object] = {"state": state, "open": state.is_open}
            if reason is not None:
                values |= {"reason": reason, "remedy": remedy}
            if not state.is_open:
                values["ended_at"] = now()
            where = (tables.releases.c.id == release_id) & tables.releases.c.state.in_(allowed_from)
            if _touch(connection, where, values) == 0:
                return False
            if not state.is_open:
                _cut_off_steps(connection, release_id)
            outcome = state.replace("_", " ") if reason is None else f"{state.replace('_', ' ')}: {reason}"
            _audit_release(connection, release_id, BOT, "moved" if state.is_open else "ended", outcome)
            return True

        moved = await self._write(work)
        self.changed.tell(release_id)
        return moved

    async def set_versions(self, release_id: str, before: str | None, after: str | None) -> None:
        values = {"from_version": before, "version": after}
        await self._touch(release_id, {name: value for name, value in values.items() if value})

    async def set_undone(self, release_id: str, by_release: str) -> None:
        """Mark a live release as taken back by a rollback."""

        def work(connection: Connection) -> None:
            values = {"state": State.ROLLED_BACK, "undone_by": by_release}
            mine = (tables.releases.c.id == release_id) & tables.releases.c.undone_by.is_(None)
            if _touch(connection, mine, values) == 1:
                _audit_release(connection, release_id, BOT, "taken back", f"by {by_release}")

        await self._write(work)
        self.changed.tell(release_id)

    async def ask_cancel(self, release_id: str, by: str) -> bool:
        """Ask the release to stop before its next step; False when its swap has begun: then nothing is changed."""

        def work(connection: Connection) -> bool:
            # Touched first: on Postgres this makes it wait for a step that begins in the same moment.
            _touch(connection, tables.releases.c.id == release_id, {})
            if _swap_begun(connection, release_id):
                return False
            _touch(connection, tables.releases.c.id == release_id, {"cancel_asked_by": by})
            _audit_release(connection, release_id, by, "cancel", "asked for")
            return True

        in_time = await self._write(work)
        self.changed.tell(release_id)
        return in_time

    async def _touch(self, release_id: str, values: Mapping[str, object]) -> None:
        await self._write(lambda c: _touch(c, tables.releases.c.id == release_id, values))
        self.changed.tell(release_id)

    # -- steps and facts --------------------------------------------------------------------------

    async def step(self, release_id: str, step: Step, state: StepState, detail: str | None = None) -> None:
        """Write down where a step is. Starting it again keeps its first start; ending it stamps the end."""

        def work(connection: Connection) -> None:
            _lock(connection, release_id)
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
            _touch(connection, tables.releases.c.id == release_id, {})

        await self._write(work)
        self.changed.tell(release_id)

    async def begin_step(self, release_id: str, step: Step) -> str | None:
        """The step runs afterwards; or nothing has changed, and who asked to cancel is returned.

        From the beginning of the swap on nothing is cancelled: there is only forward or back.
        """

        def work(connection: Connection) -> str | None:
            _touch(connection, tables.releases.c.id == release_id, {})
            query = select(tables.releases.c.cancel_asked_by).where(tables.releases.c.id == release_id)
            cancelled_by: str | None = connection.execute(query).scalar_one_or_none()
            stops = cancelled_by is not None and step not in UNPLANNED
            if stops and not _swap_begun(connection, release_id):
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
            _lock(connection, release_id)
            where = (tables.steps.c.release == release_id) & (tables.steps.c.step == step)
            running = where & (tables.steps.c.state == StepState.RUNNING)
            connection.execute(update(tables.steps).where(running).values(detail=detail))
            _touch(connection, tables.releases.c.id == release_id, {})

        await self._write(work)
        self.changed.tell(release_id)

    async def decide_watch(self, release_id: str, decided: WatchDecided) -> WatchDecided:
        """Decide what becomes of a release that is watched. Of any number of racing decisions one wins: that one."""
        row = {
            "release": release_id,
            "name": "watch",
            "value": _FACT_TYPES["watch"].dump_json(decided).decode(),
        }

        def work(connection: Connection) -> WatchDecided:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            query = insert(tables.facts).values(row).on_conflict_do_nothing()
            # Not its rowcount, which Postgres' driver does not tell here.
            if connection.execute(query.returning(tables.facts.c.name)).first() is not None:
                _touch(connection, tables.releases.c.id == release_id, {})
                outcome = str(decided.end) if not decided.why else f"{decided.end}: {decided.why}"
                _audit_release(connection, release_id, decided.by or BOT, "watched", outcome)
                return decided
            where = (tables.facts.c.release == release_id) & (tables.facts.c.name == "watch")
            stands = connection.execute(select(tables.facts.c.value).where(where)).scalar_one()
            won: WatchDecided = _FACT_TYPES["watch"].validate_json(stands)
            return won

        standing = await self._write(work)
        self.changed.tell(release_id)
        return standing

    async def note(self, release_id: str, **facts: object) -> None:
        """Keep facts of a release, by the names of `Facts`; None forgets one."""

        def work(connection: Connection) -> None:
            _lock(connection, release_id)
            for name, value in facts.items():
                text = _FACT_TYPES[name].dump_json(value).decode()
                upsert(connection, tables.facts, {"release": release_id, "name": name}, {"value": text})
            _touch(connection, tables.releases.c.id == release_id, {})

        await self._write(work)
        self.changed.tell(release_id)

    # -- approvals --------------------------------------------------------------------------------

    async def ask(self, release_id: str, lasts: timedelta) -> Approval:
        """Ask for approval of a staged release, once: asked again it is the same question."""

        def work(connection: Connection) -> None:
            _lock(connection, release_id)
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
                    )
                )
            where = (tables.releases.c.id == release_id) & (tables.releases.c.state == State.STAGING)
            _touch(connection, where, {"state": State.AWAITING_APPROVAL})

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
    ) -> Decided | None:
        """Decide a pending approval. Of any number of racing decisions exactly one wins; None: no such approval.

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
            _lock(connection, connection.execute(asked).scalar_one_or_none() or "")
            # A release that has ended meanwhile is not opened again by a late click.
            waiting = exists().where(
                (tables.releases.c.id == tables.approvals.c.release)
                & (tables.releases.c.state == State.AWAITING_APPROVAL)
            )
            pending = (tables.approvals.c.id == approval_id) & (tables.approvals.c.verdict == Verdict.PENDING)
            pending &= waiting
            if verdict is Verdict.APPROVED:
                pending &= tables.approvals.c.expires_at >= now()
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
                _touch(connection, tables.releases.c.id == approval.release, values)
                outcome = verdict if reason is None else f"{verdict}: {reason}"
                _audit_release(connection, approval.release, by or BOT, "decided", outcome)
            return won, approval

        won, approval = await self._write(work)
        if approval is None:
            return None
        self.changed.tell(approval.release)
        return Decided(won, approval, await self.release(approval.release))

    # -- backups ----------------------------------------------------------------------------------

    async def keep_backup(self, backup: BackupTaken) -> None:
        values = {
            "site": backup.site,
            "taken_at": backup.taken_at,
            "value": _BACKUP.dump_json(backup).decode(),
        }
        await self._write(lambda c: upsert(c, tables.backups, {"id": backup.id}, values))

    async def backups(self, site: str, limit: int | None = 20) -> tuple[BackupTaken, ...]:
        """The newest first; all of them with `limit` None."""
        query = (
            select(tables.backups)
            .where(tables.backups.c.site == site)
            .order_by(tables.backups.c.taken_at.desc(), tables.backups.c.id.desc())
            .limit(limit)
        )
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(_backup(row) for row in rows)

    async def backup(self, backup_id: str) -> BackupTaken | None:
        query = select(tables.backups).where(tables.backups.c.id == backup_id)
        row = await self._read(lambda c: c.execute(query).mappings().first())
        return _backup(row) if row else None

    async def mark_verified(self, backup_id: str) -> None:
        """A Ghost was booted on a copy of this backup just now, and read back what it holds."""
        query = update(tables.backups).where(tables.backups.c.id == backup_id).values(verified_at=now())
        await self._write(lambda c: c.execute(query))

    async def forget_backup(self, backup_id: str) -> None:
        """The backup is no longer known; who forgot it is the bot, which keeps them for as long as it was told."""

        def work(connection: Connection) -> None:
            gone = (
                delete(tables.backups)
                .where(tables.backups.c.id == backup_id)
                .returning(tables.backups.c.site)
            )
            site = connection.execute(gone).scalar()
            if site is not None:
                audit.append(connection, Deed(BOT, "remove backup", backup_id, "removed", site))

        await self._write(work)

    # -- packages ---------------------------------------------------------------------------------

    async def keep_package(self, package: PackageStored) -> None:
        values = {"value": _PACKAGE.dump_json(package).decode(), "used_at": now()}
        await self._write(lambda c: upsert(c, tables.packages, {"key": package.key}, values))

    async def use_package(self, key: str) -> None:
        """The package was used just now."""
        query = update(tables.packages).where(tables.packages.c.key == key).values(used_at=now())
        await self._write(lambda c: c.execute(query))

    async def package(self, key: str) -> PackageStored | None:
        query = select(tables.packages.c.value).where(tables.packages.c.key == key)
        value = await self._read(lambda c: c.execute(query).scalar())
        return _PACKAGE.validate_json(value) if value else None

    async def old_packages(self, newest: int, days: float) -> tuple[PackageStored, ...]:
        """Those not among the `newest` last used, and not used for so many days."""
        query = select(tables.packages).order_by(tables.packages.c.used_at.desc())
        oldest = now() - timedelta(days=days)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(_PACKAGE.validate_json(row["value"]) for row in rows[newest:] if row["used_at"] < oldest)

    async def forget_package(self, key: str) -> None:
        query = delete(tables.packages).where(tables.packages.c.key == key)
        await self._write(lambda c: c.execute(query))

    # -- what the audience has been told ----------------------------------------------------------

    async def releases_to_tell(self) -> tuple[str, ...]:
        """Releases that changed since their audience last heard of them, oldest change first."""
        query = (
            select(tables.releases.c.id)
            .where(tables.releases.c.revision > tables.releases.c.told_revision)
            .order_by(tables.releases.c.updated_at)
        )
        return tuple(await self._read(lambda c: c.execute(query).scalars().all()))

    async def mark_told(self, release_id: str, revision: int) -> None:
        """The audience now sees the release as it was at `revision`."""
        query = (
            update(tables.releases).where(tables.releases.c.id == release_id).values(told_revision=revision)
        )
        await self._write(lambda c: c.execute(query))

    async def message(self, owner: str, part: str) -> SentMessage | None:
        where = (tables.messages.c.owner == owner) & (tables.messages.c.part == part)
        row = await self._read(lambda c: c.execute(select(tables.messages).where(where)).mappings().first())
        return SentMessage(**row) if row else None

    async def messages(self, owner: str) -> tuple[SentMessage, ...]:
        query = select(tables.messages).where(tables.messages.c.owner == owner)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(SentMessage(**row) for row in rows)

    async def remember_message(self, owner: str, part: str, channel: str, ts: str, digest: str) -> None:
        values = {"channel": channel, "ts": ts, "digest": digest}
        await self._write(lambda c: upsert(c, tables.messages, {"owner": owner, "part": part}, values))

    # -- versions nobody wants to hear of, and the audit -------------------------------------------

    async def skip_version(self, version: str, by: str) -> None:
        def work(connection: Connection) -> None:
            values = {"skipped_by": by, "skipped_at": now()}
            upsert(connection, tables.skipped_versions, {"version": version}, values)
            audit.append(connection, Deed(by, "skip", version, "skipped"))

        await self._write(work)

    async def skipped_versions(self) -> tuple[str, ...]:
        query = select(tables.skipped_versions.c.version)
        return tuple(await self._read(lambda c: c.execute(query).scalars().all()))

    async def is_new(self, digest: str, seconds: float) -> bool:
        """Whether this digest was not asked about in the last `seconds`; of racing callers one hears yes."""

        def work(connection: Connection) -> bool:
            table = tables.requests
            connection.execute(delete(table).where(table.c.at < now() - timedelta(seconds=seconds)))
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            query = insert(table).values(digest=digest, at=now()).on_conflict_do_nothing()
            # Not its rowcount, which Postgres' driver does not tell here.
            return connection.execute(query.returning(table.c.digest)).first() is not None

        return await self._write(work)

    async def audit(self, deed: Deed) -> Entry:
        """Write down who asked for what, and what came of it; refusals too."""
        return await self._write(lambda c: audit.append(c, deed))

    async def audit_release(self, release_id: str, what: str, outcome: str) -> None:
        """Write down what the bot did of its own accord in a release; the same thing once, however often it runs."""

        def work(connection: Connection) -> None:
            if not audit.holds(connection, release_id, what, outcome):
                _audit_release(connection, release_id, BOT, what, outcome)

        await self._write(work)

    async def audited(self, site: str | None = None, limit: int = 100) -> tuple[Entry, ...]:
        """The newest entries first; of one site where it is named."""
        return await self._read(lambda c: audit.newest(c, site, limit))

    async def verify_audit(self) -> Chain:
        """Whether every entry is as it was written, and none is missing."""
        return await self._read(audit.verify)


def _away(error: DBAPIError) -> bool:
    """Whether PostgreSQL could not be reached, or said that it is going down; else the fault is the statement's."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return isinstance(error, OperationalError) and (not state or state.startswith(("08", "57P")))


def _lock(connection: Connection, release_id: str) -> None:
    """Until the transaction ends nobody else writes to this release (SQLite has one writer anyway)."""
    query = select(tables.releases.c.id).where(tables.releases.c.id == release_id)
    connection.execute(query.with_for_update())


def _audit_release(connection: Connection, release_id: str, by: str, what: str, outcome: str) -> None:
    query = select(tables.releases.c.site, tables.releases.c.channel).where(
        tables.releases.c.id == release_id
    )
    row = connection.execute(query).one()
    audit.append(connection, Deed(by, what, release_id, outcome, row.site, release_id, row.channel))


def _touch(
    connection: Connection, where: Any, values: Mapping[str, object]
) -> int:  # Any: SQLAlchemy's clause
    query = update(tables.releases).where(where)
    changed = {**values, "revision": tables.releases.c.revision + 1, "updated_at": now()}
    return connection.execute(query.values(changed)).rowcount


def _cut_off_steps(connection: Connection, release_id: str) -> None:
    """A step that was killed and not begun again does not run any more once its release is over."""
    running = (tables.steps.c.release == release_id) & (tables.steps.c.state == StepState.RUNNING)
    values = {"state": StepState.FAILED, "detail": CUT_OFF, "ended_at": now()}
    connection.execute(update(tables.steps).where(running).values(values))


def _swap_begun(connection: Connection, release_id: str) -> bool:
    query = select(tables.steps.c.state).where(
        (tables.steps.c.release == release_id) & (tables.steps.c.step == Step.SWAP)
    )
    return connection.execute(query).scalar_one_or_none() not in (None, StepState.PENDING)


def _enums(row: RowMapping) -> dict[str, Any]:  # Any: columns of several types
    values = dict(row)
    values["verdict"] = Verdict(values["verdict"])
    return values


def _backup(row: RowMapping) -> BackupTaken:
    return replace(_BACKUP.validate_json(row["value"]), verified_at=row["verified_at"])


def _approval(connection: Connection, where: Any) -> Approval | None:  # Any: SQLAlchemy's clause
    row = connection.execute(select(tables.approvals).where(where)).mappings().first()
    return Approval(**_enums(row)) if row else None


def _load(
    connection: Connection, where: Any, limit: int | None = None
) -> tuple[Release, ...]:  # Any: as above
    query = select(tables.releases).order_by(tables.releases.c.asked_at.desc())
    if where is not None:
        query = query.where(where)
    if limit is not None:
        query = query.limit(limit)
    rows = connection.execute(query).mappings().all()
    ids = [row["id"] for row in rows]
    steps: dict[str, dict[str, StepRecord]] = {}
    for row in connection.execute(select(tables.steps).where(tables.steps.c.release.in_(ids))).mappings():
        record = StepRecord(
            Step(row["step"]), StepState(row["state"]), row["detail"], row["started_at"], row["ended_at"]
        )
        steps.setdefault(row["release"], {})[row["step"]] = record
    facts: dict[str, dict[str, object]] = {}
    for row in connection.execute(select(tables.facts).where(tables.facts.c.release.in_(ids))).mappings():
        value = _FACT_TYPES[row["name"]].validate_python(json.loads(row["value"]))
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
