"""How the bot reaches Slack, and who may do what there."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from bot.identity import Roles
from bot.settings.part import Part, PersonOrGroup, SlashCommand
from commands import named


class Mode(StrEnum):
    SOCKET = "socket"
    HTTP = "http"


class SlackSettings(Part):
    """The Slack app, as manifest.yml creates it."""

    bot_token: SecretStr
    mode: Mode = Mode.SOCKET
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    channel: str | None = Field(
        None,
        description="where new versions are announced, and releases begun on the App Home; none: neither",
    )
    command: SlashCommand = "/ghost"
    deploy_command: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}$")] = "deploy"
    api_url: str = "https://slack.com/api/"
    host: str = "127.0.0.1"
    port: int = Field(3000, ge=0, le=65535)

    @field_validator("deploy_command")
    @classmethod
    def _is_free(cls, name: str) -> str:
        named(name)
        return name

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode is Mode.SOCKET and self.app_token is None:
            raise ValueError("mode socket needs app_token (xapp-...)")
        if self.mode is Mode.HTTP and self.signing_secret is None:
            raise ValueError("mode http needs signing_secret")
        return self


class RoleSettings(Part):
    """Ids of people (U...) and user groups (S...)."""

    releasers: tuple[PersonOrGroup, ...] = ()
    approvers: tuple[PersonOrGroup, ...] = ()
    break_glass: tuple[PersonOrGroup, ...] = ()
    self_approval: bool = False
    allow_shared_channels: bool = False

    def roles(self) -> Roles:
        return Roles(
            self.releasers,
            self.approvers,
            self.self_approval,
            self.allow_shared_channels,
            self.break_glass,
        )
