"""A Ghost: where its program comes from, and its database where that is on a server."""

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

from bot.settings.part import Part
from release.ghost.git import FromGit
from release.ghost.sources import NPM, Source
from release.mysql.config import MySqlConfig


class SourceSettings(Part):
    """A git repository in which somebody keeps a form of Ghost of their own; without one it comes from npm."""

    repository: str | None = None
    tags: str = "v*"
    server: Annotated[str, StringConstraints(pattern=r"^[\w-][\w./-]*\.js$")] = "index.js"
    migrate: tuple[str, ...] = ()

    @field_validator("repository")
    @classmethod
    def _is_a_repository(cls, repository: str | None) -> str | None:
        # A password in it would be in the command line of git and in every message about it.
        usual = (
            r"(https://|file:///|ssh://([\w.-]+@)?)[\w.-]+(:\d+)?(/[\w.~+-]+)*/?|[\w.-]+@[\w.-]+:[\w./~+-]+"
        )
        if repository is not None and not re.fullmatch(usual, repository):
            raise ValueError(
                "is no repository's address without a password (https://host/path, ssh://git@host/path)"
            )
        return repository

    @field_validator("tags")
    @classmethod
    def _is_a_pattern(cls, tags: str) -> str:
        if not re.fullmatch(r"([A-Za-z0-9][\w./+-]*)?\*[\w./+-]*", tags):
            raise ValueError("is a tag's name with one * for the version, like v*")
        return tags

    @field_validator("server")
    @classmethod
    def _is_inside(cls, server: str) -> str:
        if ".." in server.split("/"):
            raise ValueError("is a file inside the repository")
        return server

    @model_validator(mode="after")
    def _needs_a_repository(self) -> Self:
        if self.repository is None and self != SourceSettings.model_construct():
            raise ValueError("tags, server and migrate need a repository beside them")
        return self

    def source(self) -> Source:
        if self.repository is None:
            return NPM
        return FromGit(self.repository, self.tags, self.server, self.migrate)


class DatabaseClient(StrEnum):
    SQLITE = "sqlite"
    MYSQL = "mysql"


class MySqlSettings(Part):
    """A Ghost whose slots share a database on a MySQL server; where it is, the slot's own settings say."""

    scratch_database: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_$-]{1,50}$")
    user: str | None = None
    password: SecretStr | None = None
    programs: Path | None = Field(
        default=None, description="the folder of mysqldump and mysql; default: PATH"
    )
    dump_minutes: float = Field(default=60, gt=0)
    readers_may_see_errors: bool = False
    open_writes: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together: set both or none")
        return self

    def config(self) -> MySqlConfig:
        return MySqlConfig(
            scratch=self.scratch_database,
            user=self.user,
            password=self.password.get_secret_value() if self.password else None,
            programs=self.programs,
            dump_limit=self.dump_minutes * 60,
            readers_may_see_errors=self.readers_may_see_errors,
            open_writes=self.open_writes,
        )
