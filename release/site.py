"""A configured site and the ways to reach it: ARM, each slot's Kudu, and each slot as a visitor."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
from azure.core.credentials_async import AsyncTokenCredential
from azure.mgmt.web.aio import WebSiteManagementClient

from release.azure.arm import SCOPE, speaking_of
from release.azure.kudu import Kudu
from release.azure.sign_in import Password, SignIn
from release.azure.webapp import PRODUCTION, WebApp
from release.connections import COPIES_AT_ONCE
from release.errors import ReleaseError
from release.migrations.config import MigrationConfig
from release.mysql.config import MySqlConfig
from release.shape import Shape

WWWROOT = "site/wwwroot"


class NothingThere(ReleaseError):
    problem = "{0} holds nothing that can be told by its version: {1} is missing or names none."
    remedy = "Check the site's app and slot in ghostbot.toml; the site has to be deployed once before."


@dataclass(frozen=True)
class SiteConfig:
    """What the operator says of a site. Paths are below /home of the App Service, without a slash at the start.

    `backup_command` runs on the SCM site in place of the WebJob, where WebJobs do not run.
    `admin_key` is an Admin API key of the blog ("id:secret"); with it the smoke test also compares
    the totals of posts and members. `probe_rate` is in requests a second; `watch_seconds` is how
    long visitors are watched after a swap, and at most before it, until each page has answered once; limits are
    in seconds. For `observe` after a swap production is asked whether it stays well: sick is what fails every time
    for `sick_seconds`.
    A swap that got no answer counts as not begun when the site has stayed quiet for `swap_doubt` seconds.
    With `close_writes` production refuses writes from the last look until it is swapped out. A swap waits, for
    at most `scheduled_limit`, while a post is scheduled within `scheduled_margin`. `path` is where the site is below
    its address, "/blog" for https://example.com/blog; None: where production's own setting says.
    `migration` is that of a database which both slots share, `mysql` is told of a Ghost whose slots share one.
    `scm_password` is for SCM sites that refuse the bot's identity; staging may have one of its own.
    """

    name: str
    resource_group: str
    app: str
    slot: str = "staging"
    backup_webjob: str = "BackupDb-Manual"
    backup_command: str | None = None
    backup_file: str = f"{WWWROOT}/content/data/backup.db"
    content: str = f"{WWWROOT}/content"
    database: str = f"{WWWROOT}/content/data/ghost.db"
    approval_lasts: timedelta = timedelta(hours=24)
    approvals: int = 1
    stage_new_versions: bool = False
    remind_after: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(hours=1)
    observe: timedelta = timedelta(minutes=5)
    sick_seconds: float = 15
    keep_backups: int = 20
    keep_backups_for: timedelta = timedelta(days=30)
    admin_key: str | None = None
    probe_rate: float = 5
    watch_seconds: float = 3
    scm_patience: float = 90
    start_limit: float = 300
    deploy_limit: float = 1200
    backup_limit: float = 600
    swap_limit: float = 900
    swap_doubt: float = 150  # 15 recorded swaps took 47 to 109 s
    close_writes: bool = False
    scheduled_margin: timedelta = timedelta(minutes=10)
    scheduled_limit: timedelta = timedelta(hours=2)
    path: str | None = None
    stop_old_slot: bool = True
    migration: MigrationConfig | None = None
    mysql: MySqlConfig | None = None
    scm_password: Password | None = None
    staging_scm_password: Password | None = None

    def password(self, slot: str) -> Password | None:
        """What a slot's SCM site may take where it refuses the bot's identity."""
        return self.scm_password if slot == PRODUCTION else self.staging_scm_password or self.scm_password

    def __repr__(self) -> str:  # never the key, wherever a site is shown
        return f"SiteConfig({self.name!r})"


class Site:
    """One site, ready to be worked on. `visitor` asks pages as a visitor would, `http` is for the SCM sites.

    `copies` limits how many files are copied from slot to slot at once, of all sites that share `http`.
    """

    def __init__(
        self,
        config: SiteConfig,
        shape: Shape,
        client: WebSiteManagementClient,
        credential: AsyncTokenCredential,
        http: httpx.AsyncClient,
        visitor: httpx.AsyncClient,
        scheme: str,
        copies: asyncio.Semaphore | None = None,
    ) -> None:
        self.config = config
        self.shape = shape
        self.app = WebApp(client, config.resource_group, config.app, config.slot, scheme, config.swap_doubt)
        self.visitor = visitor
        self._http = http
        self._copies = copies or asyncio.Semaphore(COPIES_AT_ONCE)
        self._credential = credential
        self._kudus: dict[str, Kudu] = {}
        self._origins: dict[str, str] = {}
        self._path = config.path

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def staging(self) -> str:
        return self.config.slot

    async def kudu(self, slot: str) -> Kudu:
        """The slot's SCM site. A slot keeps its addresses through swaps, so they are asked for once."""
        if slot not in self._kudus:
            found = await self.app.slot(slot)
            self._origins[slot] = found.url
            self._kudus[slot] = Kudu(
                found.scm_url,
                self.app.called(slot),
                self._sign_in(slot),
                self._http,
                self.config.scm_patience,
                self._copies,
            )
        return self._kudus[slot]

    async def url(self, slot: str) -> str:
        """Where visitors find the site on a slot: its address, and the path below it; no slash at the end."""
        return await self.origin(slot) + await self.path()

    async def origin(self, slot: str) -> str:
        """The slot's address alone, without a slash at the end."""
        if slot not in self._origins:
            self._origins[slot] = (await self.app.slot(slot)).url
        return self._origins[slot]

    async def path(self) -> str:
        """Where the site is below its address: "/blog", mostly "". Asked for once, and again by each preflight."""
        return await self.learn_path() if self._path is None else self._path

    async def learn_path(self) -> str:
        """The path as it is now: what the operator says, else what production's own setting does."""
        setting = self.shape.address_setting
        if self.config.path is not None or setting is None:
            self._path = self.config.path or ""
        else:
            self._path = path_of((await self.app.settings(PRODUCTION)).get(setting, ""))
        return self._path

    async def version(self, slot: str) -> str:
        """The exact version on a slot. Raises NothingThere where it holds none."""
        return await self.shape.deployment.version(self, slot)

    async def holds(self, slot: str, path: str) -> bool:
        """Whether what is deployed on a slot has this file."""
        return await self.shape.deployment.read(self, slot, path) is not None

    def note(self, name: str) -> str:
        """The path below /home of a note that the bot writes on a slot; it goes along in a swap."""
        return f"{self.shape.deployment.notes}/{name}"

    async def ask(self, url: str, **parts: Any) -> httpx.Response:  # Any: httpx's own
        """What a visitor gets there within 30 seconds, redirects not followed."""
        return await self.visitor.get(url, follow_redirects=False, timeout=30, **parts)

    async def answers(self, slot: str) -> bool:
        """Whether the slot's front page answers as it should within ten seconds."""
        front = self.shape.pages.front
        try:
            url = await self.url(slot) + front.path
            response = await self.visitor.get(url, follow_redirects=False, timeout=10)
        except httpx.HTTPError:
            return False
        return response.status_code == front.status

    def _sign_in(self, slot: str) -> SignIn:
        return SignIn(self._token, self.config.password(slot), partial(self.app.takes_passwords, slot))

    async def _token(self) -> str:
        async with speaking_of("a token for the SCM sites"):
            return (await self._credential.get_token(SCOPE)).token


def path_of(url: str) -> str:
    """The path of an address without a slash at the end; "" where it is no address but, say, a reference to a vault."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.path.rstrip("/") if parts.scheme in ("http", "https") else ""


__all__ = ["PRODUCTION", "WWWROOT", "NothingThere", "Site", "SiteConfig", "path_of"]
