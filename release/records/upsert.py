"""INSERT, or UPDATE where the key is there already: the same on SQLite and PostgreSQL."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: Connection, table: Any, key: Mapping[str, object], values: Mapping[str, object]
) -> None:  # Any: SQLAlchemy's table
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    query = insert(table).values({**key, **values})
    connection.execute(query.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
