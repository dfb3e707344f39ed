"""/ghost check [SITE]: everything a release of a site will need, looked at now. Changes nothing."""

import asyncio
from dataclasses import dataclass

from commands.command import CheckReply, Command, Request, Role, Words, known_site
from release.checking import check_site
from release.releases import Releases


@dataclass(frozen=True)
class Check:
    site: str | None


def parse(words: Words) -> Check:
    return Check(words.site_only())


async def run(check: Check, _request: Request, releases: Releases) -> CheckReply:
    chosen = releases.chosen(known_site(check.site, releases.sites))
    return CheckReply(tuple(await asyncio.gather(*(check_site(site) for site in chosen))))


COMMAND = Command(
    name="check",
    usage="check [SITE]",
    summary="Look at everything a release of a site will need, and change nothing",
    example="check blog",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
)
