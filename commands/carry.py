"""/ghost carry [SITE]: put what came late to the last release on staging and, once approved, into production."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Started, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Carry:
    site: str | None


def parse(words: Words) -> Carry:
    return Carry(words.site_only())


async def run(carry: Carry, request: Request, releases: Releases) -> Started:
    site = known_site(carry.site, releases.sites)
    return Started(await releases.carry_over(site, request.by, request.channel))


COMMAND = Command(
    name="carry",
    usage="carry [SITE]",
    summary="Carry over what was written on the old version at the last moment",
    example="carry blog",
    needs=Role.RELEASER,
    group=Group.PUT_LIVE,
    parse=parse,
    run=run,
    about=(Kind.CARRY_OVER,),
)
