"""Alembic's environment: runs inside `open_records`, on the connection it hands over."""

from alembic import context

from release.records.tables import SCHEMA, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=SCHEMA,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
