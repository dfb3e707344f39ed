"""/ghost backups [SITE]: the backups that are kept, newest first."""

from dataclasses import dataclass

from commands.command import BackupsReply, Command, Request, Role, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Backups:
    site: str | None


def parse(words: Words) -> Backups:
    return Backups(words.site_only())


async def run(asked: Backups, _request: Request, releases: Releases) -> BackupsReply:
    site = known_site(asked.site, releases.sites)
    return BackupsReply(site, await releases.backups(site))


COMMAND = Command(
    name="backups",
    usage="backups [SITE]",
    summary="The backups that are kept: what they hold, and whether they were verified",
    example="backups blog",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
    about=(Kind.BACKUP,),
)
