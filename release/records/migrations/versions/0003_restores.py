"""A restore knows its backup, and a backup when it was verified"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("releases", sa.Column("backup", sa.String(length=32), nullable=True))
    op.add_column("backups", sa.Column("verified_at", sa.DateTime(), nullable=True))
