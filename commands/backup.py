"""/ghost backup [SITE]: take a checked copy of production's database and content."""

from dataclasses import dataclass

from commands.command import Command, Request, Role, Started, Words, known_site
from release.releases import Releases


@dataclass(frozen=True)
class Backup:
    site: str | None


def parse(words: Words) -> Backup:
    return Backup(words.site_only())


async def run(backup: Backup, request: Request, releases: Releases) -> Started:
    site = known_site(backup.site, releases.sites)
    return Started(await releases.back_up(site, request.by, request.channel))


COMMAND = Command(
    name="backup",
    usage="backup [SITE]",
    summary="Take a checked copy of production's database",
    example="backup blog",
    needs=Role.RELEASER,
    parse=parse,
    run=run,
)
