"""The settings, read once: environment, secret files and ghostbot.toml, in this order of strength.

`GHOSTBOT_SLACK__BOT_TOKEN` in the environment is `bot_token` below `[slack]` in the file. What is
missing, wrong or misspelt stops the start with its name, and never with its value.
"""

import os
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from bot.settings.azure import AzureSettings, StorageSettings
from bot.settings.freezes import FreezeSettings
from bot.settings.part import SiteName
from bot.settings.site import SiteSettings
from bot.settings.slack import RoleSettings, SlackSettings
from release.ghost.cache import default_cache_folder

PREFIX = "GHOSTBOT_"


CONFIG_VARIABLE = "GHOSTBOT_CONFIG"


SECRETS_VARIABLE = "GHOSTBOT_SECRETS"


DEFAULT_CONFIG = Path("ghostbot.toml")


DEFAULT_SECRETS = Path("/run/secrets")


class Settings(BaseSettings):
    """Everything the bot is told, frozen."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    slack: SlackSettings
    azure: AzureSettings
    storage: StorageSettings = StorageSettings()
    roles: RoleSettings = RoleSettings()
    sites: dict[SiteName, SiteSettings] = Field(min_length=1)
    freezes: tuple[FreezeSettings, ...] = ()
    data_folder: Path = Field(Path("ghostbot-data"), description="records and backups; keep it")
    cache_folder: Path = Field(
        default_factory=default_cache_folder, description="built packages; may be lost"
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://...; default: SQLite in data_folder"
    )
    npm_registry: str | None = Field(None, description="default: the npm client's own")
    release_notes_url: str = "https://api.github.com"
    browser: str = Field(
        "auto", description='Chromium for the pictures of staging; "auto": one on PATH; "none": no pictures'
    )
    look_for_versions_minutes: float = Field(60, gt=0)
    build_ahead: bool = Field(True, description="build a new version as soon as it is out")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("release_notes_url")
    @classmethod
    def _is_an_api(cls, url: str) -> str:
        # A password in it would be in the settings that everybody may read.
        if url and not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w.-]+)*/?", url):
            raise ValueError(
                "is no API's address without a password (https://host/path), and not empty, which asks for no notes"
            )
        return url

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: SecretStr | None) -> SecretStr | None:
        # The default message would show the address, and with it the password.
        try:
            known = url is None or make_url(url.get_secret_value()).get_backend_name() in (
                "sqlite",
                "postgresql",
            )
        except (ArgumentError, ValueError):
            known = False
        if not known:
            raise ValueError("is not the address of a SQLite or PostgreSQL database (postgresql://...)")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings  # a .env file is the shell's business
        config = Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))
        secrets = Path(os.environ.get(SECRETS_VARIABLE, DEFAULT_SECRETS))
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if secrets.is_dir():
            # A file a secret, named like its variable: /run/secrets/ghostbot_slack__bot_token.
            files = SecretsSettingsSource(settings_cls, secrets_dir=secrets)
            sources.append(
                NestedSecretsSettingsSource(
                    files, secrets_prefix=PREFIX.lower(), secrets_nested_delimiter="__"
                )
            )
        sources.append(TomlConfigSettingsSource(settings_cls, config))
        return tuple(sources)

    @model_validator(mode="after")
    def _freezes_known_sites(self) -> Self:
        unknown = sorted({site for freeze in self.freezes for site in freeze.sites} - self.sites.keys())
        if unknown:
            raise ValueError(f"freezes name a site that there is not: {unknown[0]}")
        return self

    @model_validator(mode="after")
    def _commands_are_different(self) -> Self:
        names = [self.slack.command, *(site.command for site in self.sites.values() if site.command)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two slash commands are called {twice[0]}")
        return self

    @model_validator(mode="after")
    def _what_stages_by_itself_is_told_somewhere(self) -> Self:
        by_itself = sorted(name for name, site in self.sites.items() if site.stage_new_versions)
        if by_itself and self.slack.channel is None:
            raise ValueError(
                f"stage_new_versions of {by_itself[0]} needs channel in [slack]: where it is told"
            )
        return self

    @property
    def own_commands(self) -> dict[str, str]:
        """The sites' own slash commands, command to site."""
        return {site.command: name for name, site in self.sites.items() if site.command}

    @property
    def records_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_folder.resolve()}/ghostbot.db"

    @property
    def shared(self) -> bool:
        """Whether several replicas of the bot may work on the records: on PostgreSQL."""
        return make_url(self.records_url).get_backend_name() == "postgresql"
