"""/ghost rollback [SITE]: put the version before the last release back into production, after telling what it costs."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Started, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Rollback:
    site: str | None


def parse(words: Words) -> Rollback:
    return Rollback(words.site_only())


async def run(rollback: Rollback, request: Request, releases: Releases) -> Started:
    site = known_site(rollback.site, releases.sites)
    return Started(await releases.roll_back(site, request.by, request.channel))


COMMAND = Command(
    name="rollback",
    usage="rollback [SITE]",
    summary="Put the version from before the last release back into production",
    example="rollback blog",
    needs=Role.RELEASER,
    group=Group.SAVE,
    parse=parse,
    run=run,
    about=(Kind.ROLLBACK, Kind.SWAP_BACK, Kind.ROLLBACK_SHARED),
)
