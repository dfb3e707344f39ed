"""One site: what kind it is, and how it is released."""

import re
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from bot.settings.deploy import Approve, DeploySettings, MigrationSettings
from bot.settings.ghost import DatabaseClient, MySqlSettings, SourceSettings
from bot.settings.part import COMMAND_NAME, Part
from release.azure.sign_in import Password
from release.ghost.recipe import Recipe
from release.shape import Shape
from release.shapes import GHOST_ON_MYSQL, GHOST_ON_SQLITE, System, Way, deployed, on_system
from release.site import SiteConfig
from release.web_app import web_app


class SiteKind(StrEnum):
    GHOST = "ghost"
    WEB_APP = "web app"


class ScmSettings(Part):
    """A publishing user, for SCM sites that refuse the bot's identity and allow basic authentication."""

    username: str | None = None
    password: SecretStr | None = None
    staging_username: str | None = None
    staging_password: SecretStr | None = None

    @model_validator(mode="after")
    def _whole_pairs(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        if (self.staging_username is None) != (self.staging_password is None):
            raise ValueError("staging_username and staging_password belong together")
        return self


def _password(user: str | None, secret: SecretStr | None) -> Password | None:
    return None if user is None or secret is None else Password(user, secret.get_secret_value())


class SiteSettings(Part):
    """One web app. Paths are below /home of the App Service."""

    kind: SiteKind = SiteKind.GHOST
    database_client: DatabaseClient = DatabaseClient.SQLITE
    mysql: MySqlSettings = MySqlSettings()
    package: Way = Field(Way.WHOLE, description="how a package is made and gets on a slot")
    system: System = System.LINUX
    image: str | None = Field(None, description="host/name:tag with {version} in it; for package = image")
    resource_group: str
    app: str | None = Field(None, description="the web app's name; default: the site's name here")
    command: str | None = Field(None, pattern=COMMAND_NAME, description="a slash command of the site's own")
    slot: str = "staging"
    backup_webjob: str = SiteConfig.backup_webjob
    backup_command: str | None = Field(None, description="instead of the WebJob, where WebJobs do not run")
    backup_file: str = SiteConfig.backup_file
    content: str = SiteConfig.content
    database: str = SiteConfig.database
    admin_key: SecretStr | None = Field(None, description="an Admin API key, id:secret, to compare totals")
    approval_hours: float = Field(24, gt=0)
    approvals: int = Field(1, ge=1, le=10)
    stage_new_versions: bool = False
    remind_minutes: float = Field(60, ge=0)
    grace_minutes: float = Field(60, ge=0)
    observe_minutes: float = Field(5, ge=0, le=1440)
    sick_seconds: float = Field(15, gt=0, le=600)
    keep_backups: int = Field(20, ge=1)
    keep_backups_days: float = Field(30, ge=1)
    probe_rate: float = Field(5, gt=0, le=100)
    watch_seconds: float = Field(3, ge=0, le=600)
    scm_seconds: float = Field(90, gt=0, description="patience with a recycling SCM site")
    start_seconds: float = Field(300, gt=0)
    deploy_seconds: float = Field(1200, gt=0)
    backup_seconds: float = Field(600, gt=0)
    swap_seconds: float = Field(900, gt=0)
    swap_doubt_seconds: float = Field(150, gt=0)
    close_writes: bool = False
    scheduled_minutes: float = Field(10, ge=0)
    scheduled_wait_minutes: float = Field(120, ge=0)
    path: str | None = Field(None, pattern=r"^(/[A-Za-z0-9._~-]+)*$")

    source: SourceSettings = SourceSettings()
    deploy: DeploySettings = DeploySettings()
    migration: MigrationSettings = MigrationSettings()
    scm: ScmSettings = ScmSettings()

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        deploy = self.deploy
        if self.kind is SiteKind.WEB_APP and not (deploy.hosts or deploy.folder or deploy.storage.container):
            raise ValueError(
                "a web app needs hosts, folder or storage in its deploy table: where artefacts come from"
            )
        if self.kind is SiteKind.WEB_APP and self.package is not Way.WHOLE:
            raise ValueError("package is of Ghost sites: a web app is deployed as its artefact is")
        if self.kind is SiteKind.GHOST and (deploy != DeploySettings() or self.migration.command):
            raise ValueError('deploy and migration are tables of a site of kind = "web app"')
        return self

    @model_validator(mode="after")
    def _doubt_ends_in_time(self) -> Self:
        if self.swap_doubt_seconds >= self.swap_seconds:
            raise ValueError("swap_doubt_seconds has to be shorter than swap_seconds")
        return self

    @model_validator(mode="after")
    def _image_is_told(self) -> Self:
        if (self.package is Way.IMAGE) != (self.image is not None):
            raise ValueError('image and package = "image" go together')
        if self.package is Way.IMAGE and self.system is not System.LINUX:
            raise ValueError("containers are released on Linux only")
        return self

    @field_validator("image")
    @classmethod
    def _is_an_image(cls, image: str | None) -> str | None:
        if image is not None and not re.fullmatch(
            r"[\w.-]+(:\d+)?(/[\w.-]+)+:[\w.-]*\{version\}[\w.-]*", image
        ):
            raise ValueError("is no image with its version in the tag (registry.example.com/blog:{version})")
        return image

    def shape(self) -> Shape:
        """What kind of site this is."""
        if self.kind is SiteKind.GHOST:
            kept = {DatabaseClient.SQLITE: GHOST_ON_SQLITE, DatabaseClient.MYSQL: GHOST_ON_MYSQL}
            ghost = replace(kept[self.database_client], recipe=Recipe(self.source.source()))
            return deployed(on_system(ghost, self.system), self.package, self.image or "")
        return web_app(self.deploy.pages_of(), self._asks_first, bool(self.migration.down))

    @property
    def _asks_first(self) -> bool:
        return self.deploy.approve is Approve.BEFORE_MIGRATION

    def config(self, name: str) -> SiteConfig:
        return SiteConfig(
            name=name,
            resource_group=self.resource_group,
            app=self.app or name,
            slot=self.slot,
            backup_webjob=self.backup_webjob,
            backup_command=self.backup_command,
            backup_file=self.backup_file,
            content=self.content.rstrip("/"),
            database=self.database,
            approval_lasts=timedelta(hours=self.approval_hours),
            approvals=self.approvals,
            stage_new_versions=self.stage_new_versions,
            remind_after=timedelta(minutes=self.remind_minutes),
            grace=timedelta(minutes=self.grace_minutes),
            observe=timedelta(minutes=self.observe_minutes),
            sick_seconds=self.sick_seconds,
            keep_backups=self.keep_backups,
            keep_backups_for=timedelta(days=self.keep_backups_days),
            admin_key=self.admin_key.get_secret_value() if self.admin_key else None,
            probe_rate=self.probe_rate,
            watch_seconds=self.watch_seconds,
            scm_patience=self.scm_seconds,
            start_limit=self.start_seconds,
            deploy_limit=self.deploy_seconds,
            backup_limit=self.backup_seconds,
            swap_limit=self.swap_seconds,
            swap_doubt=self.swap_doubt_seconds,
            close_writes=self.close_writes,
            scheduled_margin=timedelta(minutes=self.scheduled_minutes),
            scheduled_limit=timedelta(minutes=self.scheduled_wait_minutes),
            scm_password=_password(self.scm.username, self.scm.password),
            staging_scm_password=_password(self.scm.staging_username, self.scm.staging_password),
            path=self.path,
            stop_old_slot=self.deploy.stop_staging_after,
            migration=self.migration.config(self._asks_first),
            mysql=self.mysql.config() if self.database_client is DatabaseClient.MYSQL else None,
        )
