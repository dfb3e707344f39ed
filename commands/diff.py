"""/ghost diff [SITE]: what differs between staging and production."""

from dataclasses import dataclass

from commands.command import Command, DiffReply, Request, Role, Words, known_site
from release.releases import Releases


@dataclass(frozen=True)
class Diff:
    site: str | None


def parse(words: Words) -> Diff:
    return Diff(words.site_only())


async def run(diff: Diff, _request: Request, releases: Releases) -> DiffReply:
    site = known_site(diff.site, releases.sites)
    return DiffReply(await releases.compare(site))


COMMAND = Command(
    name="diff",
    usage="diff [SITE]",
    summary="What differs between staging and production: settings by name, and pages",
    example="diff blog",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
)
