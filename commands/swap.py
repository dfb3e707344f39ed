"""/ghost swap [SITE]: test what is on staging and, once approved, put it into production."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Started, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Swap:
    site: str | None


def parse(words: Words) -> Swap:
    return Swap(words.site_only())


async def run(swap: Swap, request: Request, releases: Releases) -> Started:
    site = known_site(swap.site, releases.sites)
    return Started(await releases.swap(site, request.by, request.channel))


COMMAND = Command(
    name="swap",
    usage="swap [SITE]",
    summary="Test what is on staging now, and ask for approval to put it into production",
    example="swap blog",
    needs=Role.RELEASER,
    group=Group.PUT_LIVE,
    parse=parse,
    run=run,
    about=(Kind.SWAP,),
    can_wait=True,
)
