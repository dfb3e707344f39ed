"""Pictures of a candidate, until its approval card has them."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, delete, select, update

from release.model import Picture
from release.records import tables
from release.records.base import Base
from release.records.upsert import upsert


class PictureRecords(Base):
    """Kept here, since the process that tells may be on another machine than the one that has the browser."""

    async def keep_pictures(self, release_id: str, pictures: Sequence[Picture]) -> None:
        def work(connection: Connection) -> None:
            for picture in pictures:
                values = vars(picture).copy()
                key = {"release": release_id, "name": values.pop("name")}
                upsert(connection, tables.pictures, key, values)

        await self._write(work)

    async def pictures(self, release_id: str) -> tuple[Picture, ...]:
        """In the order of their names."""
        table = tables.pictures
        query = select(table).where(table.c.release == release_id).order_by(table.c.name)
        rows = await self._read(lambda c: c.execute(query).mappings().all())
        return tuple(_picture(row) for row in rows)

    async def picture_is(self, release_id: str, name: str, file: str) -> None:
        """Slack has the picture, as this file."""
        table = tables.pictures
        query = (
            update(table)
            .where(table.c.release == release_id, table.c.name == name)
            .values(file=file, content=None)
        )
        await self._write(lambda c: c.execute(query))

    async def forget_pictures(self, release_id: str) -> None:
        """Slack cannot show them, or nobody asks any more."""
        query = delete(tables.pictures).where(tables.pictures.c.release == release_id)
        await self._write(lambda c: c.execute(query))


def _picture(row: RowMapping) -> Picture:
    return Picture(row["name"], row["title"], row["alt_text"], row["content"], row["file"])
