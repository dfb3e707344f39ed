"""The clients of Azure and npm, made from the settings: for the bot itself and for `ghostbot check`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential

from bot.settings import DeploySettings, Settings, SiteKind, StorageSettings
from release.artefacts.downloads import Downloads
from release.artefacts.source import Source
from release.azure.arm import arm_client
from release.azure.blobs import Blobs, container_of
from release.connections import COPIES_AT_ONCE, direct
from release.ghost.cache import Cache
from release.ghost.npm import Npm, registry_of_user, user_environment, without_password
from release.ghost.release_notes import GhostNotes
from release.ghost.releases import Releases as PublishedGhosts
from release.holding import BeforeActing, no_fence
from release.site import Site


@dataclass(frozen=True)
class Clients:
    """Everything outside Slack that a release talks to.

    `blobs` is None where the bot's own disk is the storage, `notes` where nobody wants release notes.
    """

    sites: dict[str, Site]
    npm: Npm
    ghosts: PublishedGhosts
    blobs: Blobs | None
    artefacts: dict[str, Source]
    notes: GhostNotes | None


@asynccontextmanager
async def open_clients(settings: Settings, before_acting: BeforeActing = no_fence) -> AsyncIterator[Clients]:
    """The clients, closed at the end of the block. Opens no connection yet.

    `before_acting` is awaited right before every request to Azure that changes anything.
    """

    async def fenced(request: httpx.Request) -> None:
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            await before_acting()

    async with AsyncExitStack() as stack:
        credential = await stack.enter_async_context(DefaultAzureCredential())
        azure = settings.azure
        client = await stack.enter_async_context(
            arm_client(
                credential,
                azure.subscription,
                azure.arm_url,
                azure.polling_seconds,
                before_acting=before_acting,
            )
        )
        tls = httpx.create_ssl_context()
        through_a_proxy = httpx.Limits(max_connections=100, max_keepalive_connections=40)
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=direct(tls),
                verify=tls,
                http2=True,
                limits=through_a_proxy,
                timeout=httpx.Timeout(30, read=120, write=120),
                event_hooks={"request": [fenced]},
            )
        )
        # Connections and cookies of its own: App Service's affinity cookie would bind every visitor to one instance.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        visitor = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=direct(tls),
                verify=tls,
                http2=True,
                limits=through_a_proxy,
                timeout=httpx.Timeout(30),
                cookies=no_cookies,
            )
        )
        scheme = azure.arm_url.partition("://")[0]
        copies = asyncio.Semaphore(COPIES_AT_ONCE)
        registry = await registry_of_user(user_environment())
        if settings.npm_registry:
            registry = replace(registry, url=without_password(settings.npm_registry))
        npm = Npm(Cache(settings.cache_folder.resolve()), registry)
        yield Clients(
            sites={
                name: Site(site.config(name), site.shape(), client, credential, http, visitor, scheme, copies)
                for name, site in settings.sites.items()
            },
            npm=npm,
            ghosts=PublishedGhosts(npm),
            blobs=await stack.enter_async_context(_storage(settings.storage, credential)),
            artefacts={
                name: await stack.enter_async_context(_source(name, site.deploy, visitor, credential))
                for name, site in settings.sites.items()
                if site.kind is SiteKind.WEB_APP
            },
            notes=GhostNotes(visitor, settings.release_notes_url) if settings.release_notes_url else None,
        )


@asynccontextmanager
async def _storage(storage: StorageSettings, credential: AsyncTokenCredential) -> AsyncIterator[Blobs | None]:
    """The container that the settings name, if they name one."""
    if storage.container is None:
        yield None
        return
    secret = storage.connection_string.get_secret_value() if storage.connection_string else None
    async with container_of(storage.container, storage.account_url, secret, credential) as client:
        yield Blobs(client)


@asynccontextmanager
async def _source(
    site: str, deploy: DeploySettings, http: httpx.AsyncClient, credential: AsyncTokenCredential
) -> AsyncIterator[Source]:
    """Where the artefacts of a web app come from."""
    most_bytes = int(deploy.most_megabytes * 1_000_000)
    downloads = Downloads(http, deploy.hosts, deploy.private_addresses, most_bytes) if deploy.hosts else None
    async with _storage(deploy.storage, credential) as blobs:
        yield Source(site, downloads, deploy.folder, blobs, deploy.storage.prefix, most_bytes)
