"""What an operator says of a site's migrations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CONNECTION_STRING = "{connection_string}"
FILE = "{file}"
COUNT = "{count}"


class HandOver(StrEnum):
    """How the command gets the connection string."""

    ENVIRONMENT = "environment"
    ARGUMENT = "argument"
    INPUT = "input"
    FILE = "file"


class DatabaseKind(StrEnum):
    """Whose locks are taken. Of `OTHER` ones nobody but this bot is kept away."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    SQLSERVER = "sqlserver"
    OTHER = "other"


@dataclass(frozen=True)
class MigrationConfig:
    """`command`, `pending` and `down` are run in the folder `bundle` of the artefact, or in the file `bundle_beside`.

    `connection_string` names the slot's connection string or app setting; `own` is another identity's, in its place.
    It is handed over as `format` says, in `variable`. `seconds` is all the time a command gets. Lines of `pending`'s
    output that match `pending_pattern` are pending migrations.
    """

    command: tuple[str, ...]
    pending: tuple[str, ...] = ()
    pending_pattern: str = r"\S"
    down: tuple[str, ...] = ()
    bundle: str = "migrations"
    bundle_beside: str = ""
    connection_string: str = ""
    own: str | None = None
    hand_over: HandOver = HandOver.ENVIRONMENT
    variable: str = "DATABASE_URL"
    format: str = CONNECTION_STRING
    database: DatabaseKind | None = None
    seconds: float = 600
    environment: Mapping[str, str] = field(default_factory=dict)
    asks_first: bool = False

    def __repr__(self) -> str:  # never the connection string, wherever it is shown
        return f"MigrationConfig({self.command[:1]!r})"

    @property
    def shows_secret(self) -> bool:
        """Whether the string stands among the arguments, which every user of the machine can list."""
        return any(
            CONNECTION_STRING in word for words in (self.command, self.pending, self.down) for word in words
        )
