"""Brings the tables to this version's schema. Loaded only where they are not there yet: alembic takes its time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from release.errors import ReleaseError

FOLDER = Path(__file__).parent / "migrations"


class DatabaseTooNew(ReleaseError):
    problem = "The bot's database was written by a newer ghostbot ({0})."
    remedy = "Start that version again, or give this one another database."


def migrate(connection: Connection) -> None:
    """In the transaction of the connection. Raises DatabaseTooNew."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        known = ScriptDirectory.from_config(config).get_current_head()
        raise DatabaseTooNew(f"this one knows up to {known}") from error
