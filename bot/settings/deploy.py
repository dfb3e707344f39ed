"""A web app: where its builds come from, and how the database that its slots share is migrated."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from bot.settings.azure import StorageSettings
from bot.settings.part import Part
from release.migrations.config import CONNECTION_STRING, DatabaseKind, HandOver, MigrationConfig
from release.migrations.target import OWN
from release.shape import Page


class Approve(StrEnum):
    """When people are asked: with all done but the swap, or before the shared database is changed."""

    BEFORE_SWAP = "before swap"
    BEFORE_MIGRATION = "before migration"


class ArtefactStorage(StorageSettings):
    """A container of Azure Blob Storage that builds are put into."""

    prefix: str = ""


class DeploySettings(Part):
    """Where the artefacts of a web app come from, and how one sees that it is well."""

    hosts: tuple[str, ...] = ()
    private_addresses: bool = False
    folder: Path | None = None
    storage: ArtefactStorage = ArtefactStorage()
    most_megabytes: float = Field(default=1000, gt=0)
    pages: tuple[str, ...] = ("/",)
    approve: Approve = Approve.BEFORE_SWAP
    stop_staging_after: bool = True

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [host for host in hosts if not re.fullmatch(r"(https?://)?[a-z0-9.-]+(:\d+)?", host)]
        if wrong:
            raise ValueError(f"{wrong[0]} is no host (builds.example.com) and no origin (https://host:8443)")
        return hosts

    @field_validator("pages")
    @classmethod
    def _are_pages(cls, pages: tuple[str, ...]) -> tuple[str, ...]:
        if not pages or any(re.fullmatch(r"/\S*( [1-5]\d\d)?", page) is None for page in pages):
            raise ValueError('needs paths, each with the status it answers if that is not 200: "/login 302"')
        return pages

    def pages_of(self) -> tuple[Page, ...]:
        found = []
        for page in self.pages:
            path, _, status = page.partition(" ")
            found.append(
                Page(path, "front page" if path == "/" else path, int(status or 200), status in ("", "200"))
            )
        return tuple(found)


class MigrationSettings(Part):
    """How the database that both slots of a web app share is migrated; without a command it is not."""

    command: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    pending_pattern: str = MigrationConfig.pending_pattern
    down: tuple[str, ...] = ()
    bundle: str = MigrationConfig.bundle
    bundle_beside: str | None = None
    connection_string: str | None = None
    own_connection_string: SecretStr | None = None
    hand_over: HandOver = HandOver.ENVIRONMENT
    variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")] = MigrationConfig.variable
    format: str = MigrationConfig.format
    database: DatabaseKind | None = None
    seconds: float = Field(default=600, gt=0)
    environment: dict[str, str] = Field(default={})

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.command and not self.connection_string and not self.own_connection_string:
            raise ValueError(
                "command needs connection_string (its name on the slot) or own_connection_string"
            )
        words = [word for words in (self.command, self.pending, self.down) for word in words]
        shown = any(CONNECTION_STRING in word for word in words)
        if self.command and self.hand_over is HandOver.ARGUMENT and not shown:
            raise ValueError("hand_over argument needs {connection_string} in the command")
        if not self.command and (self.pending or self.down):
            raise ValueError("pending and down need a command beside them")
        return self

    @field_validator("bundle")
    @classmethod
    def _is_inside(cls, bundle: str) -> str:
        parts = bundle.strip("/").split("/")
        if "" in parts or "." in parts or ".." in parts:
            raise ValueError("is a folder inside the artefact, without dots")
        return "/".join(parts)

    @field_validator("pending_pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return pattern

    def config(self, asks_first: bool) -> MigrationConfig | None:
        if not self.command:
            return None
        return MigrationConfig(
            command=self.command,
            pending=self.pending,
            pending_pattern=self.pending_pattern,
            down=self.down,
            bundle=self.bundle,
            bundle_beside=self.bundle_beside or "",
            connection_string=self.connection_string or OWN,
            own=self.own_connection_string.get_secret_value() if self.own_connection_string else None,
            hand_over=self.hand_over,
            variable=self.variable,
            format=self.format,
            database=self.database,
            seconds=self.seconds,
            environment=dict(self.environment),
            asks_first=asks_first,
        )
