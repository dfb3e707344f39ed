"""the first schema"""

from alembic import op
from sqlalchemy import Column, ForeignKey, Integer, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    products = op.create_table(
        "products",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(100), nullable=False),
        Column("price", Integer, nullable=False),
    )
    op.create_table(
        "orders",
        Column("token", String(40), primary_key=True),
        Column("product_id", Integer, ForeignKey("products.id"), nullable=False),
        Column("quantity", Integer, nullable=False),
    )
    names = (("Apple", 50), ("Pear", 70), ("Quince", 120))
    op.bulk_insert(products, [{"id": i, "name": n, "price": p} for i, (n, p) in enumerate(names, start=1)])


def downgrade() -> None:
    op.drop_table("orders")
    op.drop_table("products")
