"""/ghost cancel [SITE]: stop a site's release before its next step."""

from dataclasses import dataclass

from commands.command import CancelAsked, Command, Request, Role, Words, known_site
from release.releases import Releases


@dataclass(frozen=True)
class Cancel:
    site: str | None


def parse(words: Words) -> Cancel:
    return Cancel(words.site_only())


async def run(cancel: Cancel, request: Request, releases: Releases) -> CancelAsked:
    site = known_site(cancel.site, releases.sites)
    return CancelAsked(await releases.cancel(site, request.by))


COMMAND = Command(
    name="cancel",
    usage="cancel [SITE]",
    summary="Stop the release that is under way; production stays as it is",
    example="cancel blog",
    needs=Role.RELEASER,
    parse=parse,
    run=run,
)
