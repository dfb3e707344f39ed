"""Pictures of a candidate are kept until its approval card has them"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pictures",
        sa.Column("release", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("alt_text", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("file", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("release", "name"),
    )
