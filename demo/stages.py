"""What stands in production when the demo begins: a real Ghost, or the Ghost-shaped site."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.blog.prepare import lay_out, prepare
from demo.tiny.registry import start_registry
from demo.tiny.seed import seed
from demo.tiny.versions import VERSIONS, edition
from demo.world import World
from release.errors import ReleaseError
from release.ghost.cache import Cache
from release.ghost.errors import UnknownVersion
from release.ghost.npm import Npm, carried_node, registry_of_user, user_environment
from release.ghost.releases import Releases as PublishedGhosts
from release.version import Version
from release.warm_up import WARM_UP_PATH, WARM_UP_STATUSES

# This pair takes least to set up: both bring a pnpm lock file (pnpm installs them in seconds, npm in
# minutes), and both ask for the same SQLite driver, so it is built once where no prebuilt one can be had.
REAL = ("6.50.0", "6.65.0")
TINY = ("5.118.1", "6.4.0")
REAL_NODE = 22
TINY_NODE = 24


class NotOlder(ReleaseError):
    problem = "The demo upgrades, and {0} is not older than {1}."
    remedy = "Give --from an older version than --to."


@dataclass(frozen=True)
class Opening:
    """A site that is ready to be put on the local App Service. `registry` None: the npm client's own."""

    before: str
    after: str
    node_major: int
    node: Path
    registry: str | None
    cache: Path
    fill: Callable[[Path], Awaitable[str]]


@asynccontextmanager
async def tiny_opening(
    before: str | None, after: str | None, cache: Path, progress: Callable[[str], None]
) -> AsyncIterator[Opening]:
    """The Ghost-shaped site, with a little npm registry of its own for the length of the block."""
    versions = _pair(before or TINY[0], after or TINY[1])
    known = {one.version for one in VERSIONS}
    for version in versions:
        if version not in known:
            raise UnknownVersion(version, ", ".join(sorted(known)))
    progress("starting the tiny Ghost's npm registry")
    registry = await start_registry()

    async def fill(wwwroot: Path) -> str:
        return (await asyncio.to_thread(seed, wwwroot, versions[0])).admin_key

    try:
        yield Opening(
            *versions, TINY_NODE, carried_node().node, registry.url, cache / f"tiny-{edition()}", fill
        )
    finally:
        await registry.close()


@asynccontextmanager
async def real_opening(
    before: str | None, after: str | None, cache: Path, progress: Callable[[str], None]
) -> AsyncIterator[Opening]:
    """A real older Ghost with content; minutes the first time, seconds from the cache."""
    versions = _pair(before or REAL[0], after or REAL[1])
    npm = Npm(Cache(cache), await registry_of_user(user_environment()))
    await PublishedGhosts(npm).find(Version.parse(versions[1]))  # a wrong --to is told before the long work
    blog = await prepare(Version.parse(versions[0]), REAL_NODE, npm, progress)

    async def fill(wwwroot: Path) -> str:
        await lay_out(blog, wwwroot)
        return blog.admin_key

    node = Path(blog.package.node_prefix) / "bin" / "node"
    yield Opening(*versions, REAL_NODE, node, None, cache, fill)


def _pair(before: str, after: str) -> tuple[str, str]:
    if Version.parse(before) >= Version.parse(after):
        raise NotOlder(before, after)
    return before, after


async def put_on_stage(
    world: World, opening: Opening, site: str, slots: tuple[str, ...] = ("staging",)
) -> str:
    """The site runs in production of the local App Service, its slots are empty; returns its Admin API key."""
    await world.put_site(site, slots=list(slots), node=opening.node_major, running=False)
    wwwroot = await world.wwwroot(site)
    if wwwroot.exists():
        await asyncio.to_thread(_remove_if_empty, wwwroot)
    admin_key = await opening.fill(wwwroot)
    await world.put_site(
        site,
        node=opening.node_major,
        sticky=["url"],
        production={"settings": await settings_of(world, site, "production"), "running": True},
        slots={slot: {"settings": await settings_of(world, site, slot), "running": False} for slot in slots},
    )
    await world.wait_until_well(site)
    return admin_key


async def settings_of(world: World, site: str, slot: str) -> dict[str, str]:
    """App settings as an operator gives them to a Ghost on App Service with SQLite."""
    return {
        "NODE_ENV": "production",
        "url": await world.url(site, slot),
        "database__client": "sqlite3",
        "database__connection__filename": "content/data/ghost.db",
        "database__useNullAsDefault": "true",
        "logging__transports": '["stdout"]',
        "privacy__useUpdateCheck": "false",
        "security__staffDeviceVerification": "false",
        "mail__transport": "SMTP",
        "mail__options__host": "127.0.0.1",
        "mail__options__port": "2525",
        "mail__from": "blog@example.com",
        WARM_UP_PATH: "/",
        WARM_UP_STATUSES: "200",
    }


def _remove_if_empty(wwwroot: Path) -> None:
    for leftover in wwwroot.iterdir():
        leftover.unlink()  # the sandbox's own start page
    wwwroot.rmdir()
