"""How somebody signs in to a database of a test: as an address, and as App Service's people write it."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The names are those that addresses begin with."""

    POSTGRES = "postgres"
    MYSQL = "mysql"


@dataclass(frozen=True)
class Login:
    """A user with a password who owns one database of a server on the loopback."""

    kind: Kind
    port: int
    user: str
    password: str
    database: str

    @property
    def url(self) -> str:
        """As most tools outside .NET want it."""
        return f"{self.kind}://{self.user}:{self.password}@127.0.0.1:{self.port}/{self.database}"

    @property
    def connection_string(self) -> str:
        """As .NET's drivers want it, and as Azure's portal offers it to copy."""
        if self.kind is Kind.POSTGRES:
            return (
                f"Host=127.0.0.1;Port={self.port};Database={self.database};"
                f"Username={self.user};Password={self.password}"
            )
        return (
            f"Server=127.0.0.1;Port={self.port};Database={self.database};"
            f"User Id={self.user};Password={self.password}"
        )
