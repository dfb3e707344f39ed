"""/ghost backup [--verify] [SITE]: take a checked copy of production's database, and see that Ghost runs on it."""

from dataclasses import dataclass

from commands.command import Command, Request, Role, Started, Words, known_site
from release.releases import Releases

# Slack's clients make one long dash of two, and people leave them out.
VERIFY = ("--verify", "\N{EM DASH}verify", "\N{EN DASH}verify", "-verify", "verify")


@dataclass(frozen=True)
class Backup:
    """`verify`: also boot the very version of Ghost on a copy of the backup, and read it back."""

    site: str | None
    verify: bool = False


def parse(words: Words) -> Backup:
    rest = tuple(word for word in words.given if word.lower() not in VERIFY)
    return Backup(Words(rest).site_only(), verify=len(rest) < len(words.given))


async def run(backup: Backup, request: Request, releases: Releases) -> Started:
    site = known_site(backup.site, releases.sites)
    begin = releases.verify if backup.verify else releases.back_up
    return Started(await begin(site, request.by, request.channel))


COMMAND = Command(
    name="backup",
    usage="backup [--verify] [SITE]",
    summary="Take a checked copy of production's database; --verify also boots Ghost on it and reads it back",
    example="backup --verify blog",
    needs=Role.RELEASER,
    parse=parse,
    run=run,
)
