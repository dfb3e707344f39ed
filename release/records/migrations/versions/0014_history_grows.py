"""What is looked at all the time is found without reading all that ever was"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UNTOLD = sa.text("revision > told_revision")
_OLD_SLOT_DUE = sa.text("name = 'old_slot_stops_at' AND value <> 'null'")


def upgrade() -> None:
    op.create_index("releases_of_site", "releases", ["site", "asked_at"])
    op.create_index("open_releases", "releases", ["open", "asked_at"])
    op.create_index(
        "untold_releases", "releases", ["updated_at"], sqlite_where=_UNTOLD, postgresql_where=_UNTOLD
    )
    op.create_index("approvals_by_verdict", "approvals", ["verdict", "expires_at"])
    op.create_index("backups_of_site", "backups", ["site", "taken_at"])
    op.create_index("messages_by_place", "messages", ["channel", "ts"])
    op.create_index("messages_by_part", "messages", ["part"])
    op.create_index("audit_of_site", "audit", ["site", "id"])
    op.create_index("scheduled_by_state", "scheduled", ["state"])
    # An old slot that is stopped is not due any more.
    op.execute(
        "UPDATE facts SET value = 'null' WHERE name = 'old_slot_stops_at' AND release IN "
        "(SELECT release FROM facts WHERE name = 'old_slot_stopped_at' AND value <> 'null')"
    )
    op.create_index(
        "old_slots_due", "facts", ["release"], sqlite_where=_OLD_SLOT_DUE, postgresql_where=_OLD_SLOT_DUE
    )
