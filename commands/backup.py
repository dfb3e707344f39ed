"""/ghost backup [--verify [ID]] [SITE]: take a checked copy of production's database, and see that Ghost runs on it."""

from dataclasses import dataclass

from commands.command import (
    Command,
    Group,
    Request,
    Role,
    Started,
    UsageError,
    Words,
    backup_and_rest,
    known_site,
)
from release.model import Kind
from release.releases import Releases

# Slack's clients make one long dash of two, and people leave them out.
VERIFY = ("--verify", "\N{EM DASH}verify", "\N{EN DASH}verify", "-verify", "verify")


@dataclass(frozen=True)
class Backup:
    """`verify`: also boot the very version of Ghost on a copy of the backup, and read it back.

    With `kept`, the id of a backup, it is that one, and no new one is taken. `site` None is the only site, or
    the one that backup is of.
    """

    site: str | None
    verify: bool = False
    kept: str | None = None


def parse(words: Words) -> Backup:
    rest = tuple(word for word in words.given if word.lower() not in VERIFY)
    verify = len(rest) < len(words.given)
    kept, rest = backup_and_rest(rest)
    if kept is not None and not verify:
        raise UsageError("With the id of a backup, say what to do with it: verify it, or restore it.")
    return Backup(Words(rest).site_only(), verify, kept)


async def run(backup: Backup, request: Request, releases: Releases) -> Started:
    site = known_site(backup.site, releases.sites)
    if backup.kept is not None:
        return Started(await releases.verify_kept(backup.kept, site, request.by, request.channel))
    begin = releases.verify if backup.verify else releases.back_up
    return Started(await begin(site, request.by, request.channel))


COMMAND = Command(
    name="backup",
    usage="backup [--verify [ID]] [SITE]",
    summary="Take a checked copy of production's database; --verify boots Ghost on it, or on the one named",
    example="backup --verify blog",
    needs=Role.RELEASER,
    group=Group.SAVE,
    parse=parse,
    run=run,
    about=(Kind.BACKUP,),
    can_wait=True,
)
