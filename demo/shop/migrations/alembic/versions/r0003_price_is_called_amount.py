"""price is called amount: the code before does not know it"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.alter_column("products", "price", new_column_name="amount")


def downgrade() -> None:
    op.alter_column("products", "amount", new_column_name="price")
