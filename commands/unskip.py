"""/ghost unskip VERSION [SITE]: a skipped version of Ghost is offered again."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Unskipped, UsageError, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Unskip:
    version: str
    site: str | None


def parse(words: Words) -> Unskip:
    version, site = words.version_and_site()
    if version is None:
        raise UsageError("Say which version, for example 6.65.0.")
    return Unskip(version, site)


async def run(unskip: Unskip, request: Request, releases: Releases) -> Unskipped:
    site = known_site(unskip.site, releases.sites)
    await releases.unskip_version(unskip.version, request.by, site)
    return Unskipped(unskip.version, site)


COMMAND = Command(
    name="unskip",
    usage="unskip VERSION [SITE]",
    summary="Take a skip back: the version is offered again",
    example="unskip 6.65.0 blog",
    needs=Role.RELEASER,
    group=Group.STEER,
    parse=parse,
    run=run,
    about=(Kind.UPGRADE, Kind.UPGRADE_SHARED),
)
