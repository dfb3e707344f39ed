"""products have a stock, orders a channel"""

from alembic import op
from sqlalchemy import Column, Integer, String

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # In the order in which an order of the running shop locks the tables: the other way round the two would deadlock.
    op.add_column("orders", Column("channel", String(40)))
    op.add_column("products", Column("stock", Integer, nullable=False, server_default="100"))
    op.create_table(
        "reviews",
        Column("id", Integer, primary_key=True),
        Column("product_id", Integer, nullable=False),
        Column("words", String(200), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("reviews")
    op.drop_column("orders", "channel")
    op.drop_column("products", "stock")
