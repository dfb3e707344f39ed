"""The audit is chained, append-only, and knows the site, the release and the channel

A later migration must not rebuild the table with batch operations on SQLite: its triggers would be lost.
"""

import sqlalchemy as sa
from alembic import op

from release.records.audit import START, chained
from release.records.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW = {"site": 64, "release": 64, "channel": 64, "digest": 64}


def upgrade() -> None:
    for name, length in NEW.items():
        op.add_column("audit", sa.Column(name, sa.String(length=length), nullable=False, server_default=""))
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
    )
    _chain_what_exists(op.get_bind())
    _forbid_changes(op.get_bind())


def _chain_what_exists(connection: sa.Connection) -> None:
    """Rows of the first schema get consecutive numbers and digests, in the order they were written."""
    audit = sa.table(
        "audit",
        sa.column("id", sa.Integer),
        sa.column("at", UtcDateTime),
        *(sa.column(name, sa.String) for name in ("by", "what", "about", "outcome", *NEW)),
    )
    head = sa.table("audit_head", sa.column("id"), sa.column("last"), sa.column("digest"))
    digest, last = START, 0
    for row in connection.execute(sa.select(audit).order_by(audit.c.id)).mappings().all():
        # Rolled-back writes left gaps in Postgres' numbers; downwards, so no number is taken twice.
        last += 1
        digest = chained({**row, "id": last}, digest)
        connection.execute(sa.update(audit).where(audit.c.id == row["id"]).values(id=last, digest=digest))
    connection.execute(sa.insert(head).values(id=1, last=last, digest=digest))


def _forbid_changes(connection: sa.Connection) -> None:
    """The database itself refuses to change or remove an entry."""
    if connection.dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{act.lower()} BEFORE {act} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
    )
