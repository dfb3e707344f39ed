"""/ghost versions [SITE]: Ghost's newest versions and how far behind each site is."""

from dataclasses import dataclass

from commands.command import Command, Request, Role, VersionsReply, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Versions:
    site: str | None


def parse(words: Words) -> Versions:
    return Versions(words.site_only())


async def run(asked: Versions, _request: Request, releases: Releases) -> VersionsReply:
    site = known_site(asked.site, releases.sites)
    return VersionsReply(await releases.versions(site))


COMMAND = Command(
    name="versions",
    usage="versions [SITE]",
    summary="Ghost's newest versions, and how far behind each site is",
    example="versions blog",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
    about=(Kind.UPGRADE, Kind.UPGRADE_SHARED),
)
