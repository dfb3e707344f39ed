"""/ghost unfreeze [SITE]: new versions may go live again."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Unfrozen, Words, known_site
from release.releases import Releases


@dataclass(frozen=True)
class Unfreeze:
    site: str | None


def parse(words: Words) -> Unfreeze:
    return Unfreeze(words.site_only())


async def run(unfreeze: Unfreeze, request: Request, releases: Releases) -> Unfrozen:
    site = known_site(unfreeze.site, releases.sites)
    return Unfrozen(await releases.unfreeze(site, request.by))


COMMAND = Command(
    name="unfreeze",
    usage="unfreeze [SITE]",
    summary="Let new versions go live again",
    example="unfreeze blog",
    needs=Role.EITHER,
    group=Group.STEER,
    parse=parse,
    run=run,
)
