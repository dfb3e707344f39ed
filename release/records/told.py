"""What the audience has been told."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from release.model import FIRST_TOLD, SentMessage
from release.records import tables
from release.records.base import Base
from release.records.rows import now
from release.records.upsert import upsert


class ToldRecords(Base):
    """Where its messages are, and up to which revision of a release they tell."""

    async def releases_to_tell(self) -> dict[str, int]:
        """The revisions of releases that changed since their audience last heard of them.

        Those of `FIRST_TOLD` first; of each, the oldest change first.
        """
        first = tables.releases.c.state.in_(FIRST_TOLD)
        query = (
            select(tables.releases.c.id, tables.releases.c.revision)
            .where(tables.releases.c.revision > tables.releases.c.told_revision)
            .order_by(first.desc(), tables.releases.c.updated_at)
        )
        rows = await self._read(lambda c: c.execute(query).all())
        return {str(row.id): int(row.revision) for row in rows}

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

    async def told_in(self, channel: str, ts: str) -> str | None:
        """Whose message that is; None for one that is not the bot's."""
        where = (tables.messages.c.channel == channel) & (tables.messages.c.ts == ts)
        query = select(tables.messages.c.owner).where(where).limit(1)
        owner: str | None = await self._read(lambda c: c.execute(query).scalar())
        return owner

    async def messages_of_part(self, part: str, owners: Sequence[str]) -> dict[str, SentMessage]:
        """The message of that part of each of these, by its owner."""
        where = (tables.messages.c.part == part) & tables.messages.c.owner.in_(owners)
        query = select(tables.messages).where(where)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return {str(row["owner"]): SentMessage(**row) for row in rows}

    async def owners_of(self, part: str) -> tuple[str, ...]:
        """Whose message of that part the audience has."""
        query = select(tables.messages.c.owner).where(tables.messages.c.part == part)
        return tuple(await self._read(lambda c: c.execute(query).scalars().all()))

    async def remember_message(self, owner: str, part: str, channel: str, ts: str, digest: str) -> None:
        values = {"channel": channel, "ts": ts, "digest": digest}
        await self._write(lambda c: upsert(c, tables.messages, {"owner": owner, "part": part}, values))

    async def forget_unsent(self, owner: str, parts: Sequence[str]) -> None:
        """Messages that were about to be posted, and are known not to be there."""
        table = tables.messages
        query = delete(table).where((table.c.owner == owner) & table.c.part.in_(parts) & (table.c.ts == ""))
        await self._write(lambda c: c.execute(query))

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
