"""Releases: begun, moved, ended, found again."""

import secrets
from collections.abc import Mapping

from sqlalchemy import (
    Connection,
    exists,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from release.errors import SiteBusy
from release.model import (
    FIRST_STATE,
    OPEN,
    PLAN,
    Kind,
    Release,
    State,
    Step,
    StepState,
)
from release.records import tables
from release.records.audit import BOT
from release.records.base import Base
from release.records.rows import (
    FACT_TYPES,
    NoSuchRelease,
    audit_release,
    cut_off_steps,
    load,
    now,
    swap_begun,
    touch,
)

_ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


class ReleaseRecords(Base):
    """Of any number of open releases of a site one is created: it holds the site's lock."""

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
                written = FACT_TYPES[name].dump_json(value).decode()
                connection.execute(tables.facts.insert().values(release=release_id, name=name, value=written))
            audit_release(connection, release_id, by, " ".join(filter(None, (kind, version))), "begun")

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
        found = await self._read(lambda c: load(c, tables.releases.c.id == release_id))
        if not found:
            raise NoSuchRelease(release_id)
        return found[0]

    async def open_release(self, site: str) -> Release | None:
        where = (tables.releases.c.site == site) & tables.releases.c.open
        found = await self._read(lambda c: load(c, where))
        return found[0] if found else None

    async def open_releases(self) -> tuple[Release, ...]:
        return await self._read(lambda c: load(c, tables.releases.c.open))

    async def working_releases(self) -> tuple[Release, ...]:
        """The open releases of which something runs, or should: all but those that wait for a decision."""
        works = tables.releases.c.open & (tables.releases.c.state != State.AWAITING_APPROVAL)
        return await self._read(lambda c: load(c, works))

    async def open_ids(self) -> frozenset[str]:
        query = select(tables.releases.c.id).where(tables.releases.c.open)
        return frozenset(await self._read(lambda c: c.execute(query).scalars().all()))

    async def history(self, site: str | None, limit: int = 10) -> tuple[Release, ...]:
        """The newest releases first."""
        where = tables.releases.c.site == site if site else None
        return await self._read(lambda c: load(c, where, limit))

    async def reached_production(self, site: str, limit: int = 50) -> tuple[Release, ...]:
        """The open releases of a site, those that went live, and those that failed after their swap had begun.

        The newest first. Any number of backups, and of releases that never came so far, hides none of them.
        """
        swap = (tables.steps.c.release == tables.releases.c.id) & (tables.steps.c.step == Step.SWAP)
        swapped = exists().where(swap & (tables.steps.c.state != StepState.PENDING))
        went_live = tables.releases.c.state.in_([State.LIVE, State.ROLLED_BACK])
        failed_late = (tables.releases.c.state == State.FAILED) & swapped
        where = (tables.releases.c.site == site) & (tables.releases.c.open | went_live | failed_late)
        return await self._read(lambda c: load(c, where, limit))

    async def newest_migration(self, site: str) -> Release | None:
        """The newest release that has migrated a database which both slots share, whatever became of it."""
        mine = (tables.facts.c.release == tables.releases.c.id) & (tables.facts.c.name == "schema")
        where = (tables.releases.c.site == site) & exists().where(mine)
        found = await self._read(lambda c: load(c, where, limit=1))
        return found[0] if found else None

    async def not_superseded(self, site: str) -> tuple[Release, ...]:
        """The live releases of a site of which none is known to have followed."""
        mine = tables.facts.c.release == tables.releases.c.id
        superseded = exists().where(mine & (tables.facts.c.name == "superseded_by"))
        live = (tables.releases.c.site == site) & (tables.releases.c.state == State.LIVE)
        return await self._read(lambda c: load(c, live & ~superseded))

    async def has_tried(self, site: str, version: str) -> bool:
        """Whether anybody, or the bot by itself, has ever asked for this version on the site."""
        mine = (tables.releases.c.site == site) & (tables.releases.c.version == version)
        upgrades = mine & tables.releases.c.kind.in_([kind for kind in Kind if kind.upgrades])
        query = select(exists().where(upgrades))
        return bool(await self._read(lambda c: c.execute(query).scalar()))

    async def with_old_slot_running(self) -> tuple[Release, ...]:
        """Ended releases whose old slot is to be stopped and has not been yet."""
        due = select(tables.facts.c.release).where(text(tables.OLD_SLOT_DUE))
        stopped = exists().where(
            (tables.facts.c.release == tables.releases.c.id)
            & (tables.facts.c.name == "old_slot_stopped_at")
            & (tables.facts.c.value != "null")
        )
        where = ~tables.releases.c.open & tables.releases.c.id.in_(due) & ~stopped
        return await self._read(lambda c: load(c, where))

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
            if touch(connection, where, values) == 0:
                return False
            if not state.is_open:
                cut_off_steps(connection, release_id)
            outcome = state.replace("_", " ") if reason is None else f"{state.replace('_', ' ')}: {reason}"
            audit_release(connection, release_id, BOT, "moved" if state.is_open else "ended", outcome)
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
            if touch(connection, mine, values) == 1:
                audit_release(connection, release_id, BOT, "taken back", f"by {by_release}")

        await self._write(work)
        self.changed.tell(release_id)

    async def ask_cancel(self, release_id: str, by: str) -> bool:
        """Ask the release to stop before its next step; False when its swap has begun: then nothing is changed."""

        def work(connection: Connection) -> bool:
            # Touched first: on Postgres this makes it wait for a step that begins in the same moment.
            touch(connection, tables.releases.c.id == release_id, {})
            if swap_begun(connection, release_id):
                return False
            touch(connection, tables.releases.c.id == release_id, {"cancel_asked_by": by})
            audit_release(connection, release_id, by, "cancel", "asked for")
            return True

        in_time = await self._write(work)
        self.changed.tell(release_id)
        return in_time
