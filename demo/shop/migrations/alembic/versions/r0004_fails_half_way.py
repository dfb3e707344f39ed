"""fails half way: the second of its statements cannot be done"""

from alembic import op
from sqlalchemy import Column, String

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("products", Column("colour", String(20)))
    op.execute("INSERT INTO products (id, name, price) VALUES (1, 'Apple', 50)")


def downgrade() -> None:
    op.drop_column("products", "colour")
