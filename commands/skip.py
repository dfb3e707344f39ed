"""/ghost skip VERSION [SITE]: nobody is asked about a version of Ghost any more."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Skipped, UsageError, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class Skip:
    version: str
    site: str | None


def parse(words: Words) -> Skip:
    version, site = words.version_and_site()
    if version is None:
        raise UsageError("Say which version, for example 6.65.0.")
    return Skip(version, site)


async def run(skip: Skip, request: Request, releases: Releases) -> Skipped:
    site = known_site(skip.site, releases.sites)
    await releases.skip_version(skip.version, request.by, site)
    return Skipped(skip.version, site)


COMMAND = Command(
    name="skip",
    usage="skip VERSION [SITE]",
    summary="Leave a version of Ghost out: nobody is asked about it again",
    example="skip 6.65.0 blog",
    needs=Role.RELEASER,
    group=Group.STEER,
    parse=parse,
    run=run,
    about=(Kind.UPGRADE, Kind.UPGRADE_SHARED),
)
