"""/ghost upgrade [VERSION] [SITE]: put a version on staging and, once approved, into production."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Started, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Upgrade:
    """`version` None means the newest, `site` None the only one."""

    version: str | None
    site: str | None


def parse(words: Words) -> Upgrade:
    return Upgrade(*words.version_and_site())


async def run(upgrade: Upgrade, request: Request, releases: Releases) -> Started:
    site = known_site(upgrade.site, releases.sites)
    return Started(await releases.upgrade(site, upgrade.version, request.by, request.channel))


COMMAND = Command(
    name="upgrade",
    usage="upgrade [VERSION] [SITE]",
    summary="Put a version (the newest, if you name none) on staging, test it, and ask for approval to go live",
    example="upgrade 6.65.0 blog",
    needs=Role.RELEASER,
    group=Group.PUT_LIVE,
    parse=parse,
    run=run,
    about=(Kind.UPGRADE, Kind.UPGRADE_SHARED),
    can_wait=True,
)
