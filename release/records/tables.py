"""The tables. Changes go into a new file of `migrations/versions`, never into an old one."""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """Times in UTC: SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData()

SCHEMA = "ghostbot_schema"
"""Where Alembic notes which schema the tables have."""

releases = Table(
    "releases",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("site", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("open", Boolean, nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", String(128)),
    Column("from_version", String(128)),
    Column("reason", Text),
    Column("remedy", Text),
    Column("cancel_asked_by", String(64)),
    Column("undoes", String(16)),
    Column("undone_by", String(16)),
    Column("backup", String(32)),
    Column("holder", String(64)),
    Column("ended_at", UtcDateTime),
    Column("revision", Integer, nullable=False),
    Column("told_revision", Integer, nullable=False),
)
# The lock of a site: the database itself refuses a second open release.
Index(
    "one_open_release_a_site",
    releases.c.site,
    unique=True,
    sqlite_where=text("open"),
    postgresql_where=text("open"),
)
Index("releases_by_time", releases.c.asked_at)
Index("releases_of_site", releases.c.site, releases.c.asked_at)
Index("open_releases", releases.c.open, releases.c.asked_at)
Index(
    "untold_releases",
    releases.c.updated_at,
    sqlite_where=text("revision > told_revision"),
    postgresql_where=text("revision > told_revision"),
)

steps = Table(
    "steps",
    metadata,
    Column("release", String(16), primary_key=True),
    Column("step", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
)

# One row a fact, not one column: steps run side by side and must not overwrite each other's.
facts = Table(
    "facts",
    metadata,
    Column("release", String(16), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
OLD_SLOT_DUE = "name = 'old_slot_stops_at' AND value <> 'null'"
Index(
    "old_slots_due",
    facts.c.release,
    sqlite_where=text(OLD_SLOT_DUE),
    postgresql_where=text(OLD_SLOT_DUE),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("release", String(16), nullable=False, unique=True),
    Column("verdict", String(16), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("decided_by", String(64)),
    Column("decided_at", UtcDateTime),
    Column("reason", Text),
    Column("needed", Integer, nullable=False, server_default="1"),
)
Index("approvals_by_verdict", approvals.c.verdict, approvals.c.expires_at)

# Who said yes, where it takes more than one: the last of them decides.
votes = Table(
    "votes",
    metadata,
    Column("approval", String(32), primary_key=True),
    Column("by", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

backups = Table(
    "backups",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("value", Text, nullable=False),
    Column("verified_at", UtcDateTime),
)
Index("backups_of_site", backups.c.site, backups.c.taken_at)

# What is in the storage, for every machine. A package counts only with the digest that stands here.
packages = Table(
    "packages",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("value", Text, nullable=False),
    Column("used_at", UtcDateTime, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("part", String(64), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("ts", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
)
Index("messages_by_place", messages.c.channel, messages.c.ts)
Index("messages_by_part", messages.c.part)

skipped_versions = Table(
    "skipped_versions",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("skipped_by", String(64), nullable=False),
    Column("skipped_at", UtcDateTime, nullable=False),
)

# Those that only one site does not want.
skipped_for_sites = Table(
    "skipped_for_sites",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("site", String(64), primary_key=True),
    Column("skipped_by", String(64), nullable=False),
    Column("skipped_at", UtcDateTime, nullable=False),
)

# Who wants to hear of a version again; the row is gone once they have.
reminders = Table(
    "reminders",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("by", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("claimed_at", UtcDateTime),
)

# What the makers say of a version, read once for all replicas.
release_notes = Table(
    "release_notes",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("by", String(64), nullable=False),
    Column("what", String(64), nullable=False),
    Column("about", String(64), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("site", String(64), nullable=False, server_default=""),
    Column("release", String(64), nullable=False, server_default=""),
    Column("channel", String(64), nullable=False, server_default=""),
    Column("digest", String(64), nullable=False, server_default=""),
)
Index("audit_of_site", audit.c.site, audit.c.id)
# One row: the number and digest of the last entry. Writers of the audit queue for it (release/records/audit.py).
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)

# Digests of signed requests that were taken (HTTP mode), for as long as their signature is good.
requests = Table(
    "requests",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

# The processes that share these records; `gone_at` once another has taken over what one did.
replicas = Table(
    "replicas",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("gone_at", UtcDateTime),
)

# What programs said in a step, masked, until the thread of the release has it.
outputs = Table(
    "outputs",
    metadata,
    Column("release", String(16), primary_key=True),
    Column("step", String(32), primary_key=True),
    Column("text", Text, nullable=False),
)

# Pictures of a candidate for its approval card; `file` is what Slack calls one, and its content goes then.
pictures = Table(
    "pictures",
    metadata,
    Column("release", String(16), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("alt_text", Text, nullable=False),
    Column("content", LargeBinary),
    Column("file", String(32), nullable=False),
)

# Freezes that somebody typed; those of the settings are not here.
freezes = Table(
    "freezes",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("site", String(64)),
    Column("by", String(64), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", String(64)),
)

# What is asked for now and begun later, at a time or when its site is free.
scheduled = Table(
    "scheduled",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("order", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("at", UtcDateTime),
    Column("state", String(16), nullable=False),
    Column("claimed_at", UtcDateTime),
)
Index("scheduled_by_state", scheduled.c.state)
