"""never ends, and holds a table of production's all the while"""

from alembic import op
from sqlalchemy import Column, Integer

revision = "0005"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("products", Column("weight", Integer))
    op.execute("SELECT pg_sleep(600)")


def downgrade() -> None:
    op.drop_column("products", "weight")
