"""/ghost undo-migration [SITE]: run the down migration of the last release that migrated, which is not live."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, Started, Words, known_site
from release.model import Kind
from release.releases import Releases


@dataclass(frozen=True)
class UndoMigration:
    site: str | None


def parse(words: Words) -> UndoMigration:
    return UndoMigration(words.site_only())


async def run(undo: UndoMigration, request: Request, releases: Releases) -> Started:
    site = known_site(undo.site, releases.sites)
    return Started(await releases.undo_migration(site, request.by, request.channel))


COMMAND = Command(
    name="undo-migration",
    usage="undo-migration [SITE]",
    summary="Run the down migration of a release that is not live, when production cannot live with its schema",
    example="undo-migration shop",
    needs=Role.APPROVER,
    group=Group.SAVE,
    parse=parse,
    run=run,
    about=(Kind.MIGRATE_DOWN,),
)
