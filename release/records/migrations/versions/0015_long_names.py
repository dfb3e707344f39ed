"""The longest kind and the longest name of an artefact fit: PostgreSQL refuses what is longer than its column"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # it keeps what it is given, and would have to copy the table
    op.alter_column("releases", "kind", type_=sa.String(32))
    for name in ("version", "from_version"):
        op.alter_column("releases", name, type_=sa.String(128))
