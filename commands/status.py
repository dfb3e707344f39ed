"""/ghost status [SITE]: what runs on both slots, and what is under way."""

from dataclasses import dataclass

from commands.command import Command, Request, Role, StatusReply, Words, known_site
from release.releases import Releases


@dataclass(frozen=True)
class Status:
    site: str | None


def parse(words: Words) -> Status:
    return Status(words.site_only())


async def run(status: Status, _request: Request, releases: Releases) -> StatusReply:
    site = known_site(status.site, releases.sites)
    return StatusReply(await releases.status(site))


COMMAND = Command(
    name="status",
    usage="status [SITE]",
    summary="What runs on production and staging, and what is under way",
    example="status blog",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
)
