"""/ghost restore ID [SITE]: put a backup on staging and, once approved, into production."""

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


@dataclass(frozen=True)
class Restore:
    """`site` None means the one the backup is of."""

    backup: str
    site: str | None


def parse(words: Words) -> Restore:
    """The id and a site, in either order."""
    backup, rest = backup_and_rest(words.given)
    if backup is None:
        raise UsageError("Say which backup, by its id: /ghost backups lists them.")
    return Restore(backup, Words(rest).site_only())


async def run(restore: Restore, request: Request, releases: Releases) -> Started:
    site = known_site(restore.site, releases.sites)
    return Started(await releases.restore(restore.backup, site, request.by, request.channel))


COMMAND = Command(
    name="restore",
    usage="restore ID [SITE]",
    summary="Put a backup on staging, test it, and ask for approval to go back to it",
    example="restore b-20260301-120000-7f3a blog",
    needs=Role.RELEASER,
    group=Group.SAVE,
    parse=parse,
    run=run,
    about=(Kind.RESTORE,),
)
