"""The settings, read once: environment, secret files and ghostbot.toml, in this order of strength.

`GHOSTBOT_SLACK__BOT_TOKEN` in the environment is `bot_token` below `[slack]` in the file. What is
missing, wrong or misspelt stops the start with its name, and never with its value.
"""

import difflib
import os
import re
import types
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
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

from bot.identity import Roles
from commands import named
from release.azure.sign_in import Password
from release.errors import ReleaseError
from release.ghost.cache import default_cache_folder
from release.ghost.git import FromGit
from release.ghost.recipe import Recipe
from release.ghost.sources import NPM, Source
from release.migrations.config import CONNECTION_STRING, DatabaseKind, HandOver, MigrationConfig
from release.migrations.target import OWN
from release.mysql.config import MySqlConfig
from release.shape import Page, Shape
from release.shapes import GHOST_ON_MYSQL, GHOST_ON_SQLITE, System, Way, deployed, on_system
from release.site import SiteConfig
from release.web_app import web_app

PREFIX = "GHOSTBOT_"
CONFIG_VARIABLE = "GHOSTBOT_CONFIG"
SECRETS_VARIABLE = "GHOSTBOT_SECRETS"
DEFAULT_CONFIG = Path("ghostbot.toml")
DEFAULT_SECRETS = Path("/run/secrets")

SiteName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
PersonOrGroup = Annotated[str, StringConstraints(pattern=r"^[UWS][A-Z0-9]{2,20}$")]


class SettingsWrong(ReleaseError):
    problem = "The settings are not right:\n{0}"
    remedy = "Correct them in the environment or in {1}; docs/settings.md lists them all."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Mode(StrEnum):
    SOCKET = "socket"
    HTTP = "http"


class SlackSettings(_Part):
    """The Slack app, as manifest.yml creates it."""

    bot_token: SecretStr
    mode: Mode = Mode.SOCKET
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    channel: str | None = Field(None, description="where new versions are announced; none: nowhere")
    command: Annotated[str, StringConstraints(pattern=r"^/[a-z0-9_-]{1,31}$")] = "/ghost"
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


class AzureSettings(_Part):
    """Where App Service is. Who the bot is comes from azure-identity's own variables."""

    subscription: str
    arm_url: str = "https://management.azure.com"
    polling_seconds: float = Field(3, gt=0)


class StorageSettings(_Part):
    """Where backups and packages are kept for good: a container of Azure Blob Storage; unset, the bot's own disk."""

    container: str | None = None
    account_url: str | None = None
    connection_string: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        ways = [way for way in (self.account_url, self.connection_string) if way is not None]
        if self.container is None and ways:
            raise ValueError("account_url and connection_string need a container beside them")
        if self.container is not None and len(ways) != 1:
            raise ValueError("container needs either account_url or connection_string beside it")
        return self

    @field_validator("container")
    @classmethod
    def _is_a_container(cls, name: str | None) -> str | None:
        if name is not None and not (re.fullmatch(r"[a-z0-9](-?[a-z0-9]){2,62}", name) and len(name) <= 63):
            raise ValueError("is not a container's name: 3 to 63 small letters, digits and single dashes")
        return name

    @field_validator("account_url")
    @classmethod
    def _is_an_account(cls, url: str | None) -> str | None:
        # A signature (?sv=...) would be a secret in a setting that is none, and plain http would show the token.
        if url is not None and not re.fullmatch(r"https://[\w.-]+(:\d+)?(/[\w-]+)?/?", url):
            raise ValueError(
                "is not the address of a storage account (https://ouraccount.blob.core.windows.net)"
            )
        return url

    @field_validator("connection_string")
    @classmethod
    def _connects(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            parts = {part.partition("=")[0] for part in secret.get_secret_value().split(";")}
            if not parts & {"AccountName", "BlobEndpoint"} or not parts & {
                "AccountKey",
                "SharedAccessSignature",
            }:
                raise ValueError(
                    "is not a storage account's connection string (AccountName=...;AccountKey=...)"
                )
        return secret


class RoleSettings(_Part):
    """Ids of people (U...) and user groups (S...)."""

    releasers: tuple[PersonOrGroup, ...] = ()
    approvers: tuple[PersonOrGroup, ...] = ()
    self_approval: bool = False
    allow_shared_channels: bool = False

    def roles(self) -> Roles:
        return Roles(self.releasers, self.approvers, self.self_approval, self.allow_shared_channels)


class SiteKind(StrEnum):
    GHOST = "ghost"
    WEB_APP = "web app"


class Approve(StrEnum):
    """When people are asked: with all done but the swap, or before the shared database is changed."""

    BEFORE_SWAP = "before swap"
    BEFORE_MIGRATION = "before migration"


class ArtefactStorage(StorageSettings):
    """A container of Azure Blob Storage that builds are put into."""

    prefix: str = ""


class DeploySettings(_Part):
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
            found.append(Page(path, "front page" if path == "/" else path, int(status or 200)))
        return tuple(found)


class MigrationSettings(_Part):
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
    environment: dict[str, str] = {}

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


class SourceSettings(_Part):
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


class ScmSettings(_Part):
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


class DatabaseClient(StrEnum):
    SQLITE = "sqlite"
    MYSQL = "mysql"


class MySqlSettings(_Part):
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


class SiteSettings(_Part):
    """One web app. Paths are below /home of the App Service."""

    kind: SiteKind = SiteKind.GHOST
    database_client: DatabaseClient = DatabaseClient.SQLITE
    mysql: MySqlSettings = MySqlSettings()
    package: Way = Field(Way.WHOLE, description="how a package is made and gets on a slot")
    system: System = System.LINUX
    image: str | None = Field(None, description="host/name:tag with {version} in it; for package = image")
    resource_group: str
    app: str | None = Field(None, description="the web app's name; default: the site's name here")
    slot: str = "staging"
    backup_webjob: str = SiteConfig.backup_webjob
    backup_command: str | None = Field(None, description="instead of the WebJob, where WebJobs do not run")
    backup_file: str = SiteConfig.backup_file
    content: str = SiteConfig.content
    database: str = SiteConfig.database
    admin_key: SecretStr | None = Field(None, description="an Admin API key, id:secret, to compare totals")
    approval_hours: float = Field(24, gt=0)
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
    data_folder: Path = Field(Path("ghostbot-data"), description="records and backups; keep it")
    cache_folder: Path = Field(
        default_factory=default_cache_folder, description="built packages; may be lost"
    )
    database_url: SecretStr | None = Field(
        None, description="postgresql://...; default: SQLite in data_folder"
    )
    npm_registry: str | None = Field(None, description="default: the npm client's own")
    look_for_versions_minutes: float = Field(60, gt=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

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

    @property
    def records_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_folder.resolve()}/ghostbot.db"

    @property
    def shared(self) -> bool:
        """Whether several replicas of the bot may work on the records: on PostgreSQL."""
        return make_url(self.records_url).get_backend_name() == "postgresql"


def read_settings(config: Path | None = None) -> Settings:
    """The settings, or SettingsWrong naming every one that is missing, wrong or misspelt."""
    if config is not None:
        if not config.is_file():
            raise SettingsWrong(f"  there is no file {config}", str(config))
        os.environ[CONFIG_VARIABLE] = str(config)
    where = os.environ.get(CONFIG_VARIABLE, str(DEFAULT_CONFIG))
    wrong = [f"  {name}: no such setting{_meant(name)}" for name in misspelt(os.environ)]
    try:
        settings = Settings()  # type: ignore[call-arg]  # its values come from the sources
    except ValidationError as error:
        wrong += [_told(part) for part in error.errors(include_input=False, include_url=False)]
    except ValueError as error:  # a file that is no TOML, or a variable that is no JSON
        wrong.append(f"  {where}: {str(error).splitlines()[0]}")
    if wrong:
        raise SettingsWrong("\n".join(wrong), where)
    return settings


def _told(error: Any) -> str:  # Any: pydantic's error dictionary
    path = [str(part) for part in error["loc"]]
    variable = PREFIX + "__".join(path).upper()
    if error["type"] == "missing":
        return f"  {'.'.join(path)} is missing: set {variable}, or {path[-1]} in [{'.'.join(path[:-1]) or 'the top'}]"
    if error["type"] == "extra_forbidden":
        return f"  {'.'.join(path)}: no such setting"
    return f"  {'.'.join(path)}: {error['msg'].removeprefix('Value error, ')} ({variable})"


def misspelt(environment: Any) -> list[str]:  # Any: os.environ or a plain dictionary
    """GHOSTBOT_ variables that no setting reads; pydantic-settings ignores those without a word."""
    known = list(_names(Settings, ()))
    found = []
    for name in environment:
        if not name.startswith(PREFIX) or name in (CONFIG_VARIABLE, SECRETS_VARIABLE):
            continue
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not any(_matches(path, pattern) for pattern in known):
            found.append(name)
    return sorted(found)


def _matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    return len(path) <= len(pattern) and all(q in ("*", p) for p, q in zip(path, pattern, strict=False))


def _names(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        here = (*above, name)
        for kind in _models(field.annotation):
            inside = (*here, "*") if get_origin(field.annotation) is dict else here
            yield from _names(kind, inside)
        yield here


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # Any: a type annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (dict, Union, types.UnionType):
        for part in get_args(annotation):
            yield from _models(part)


def _meant(name: str) -> str:
    known = [PREFIX + "__".join(path).upper() for path in _names(Settings, ())]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
