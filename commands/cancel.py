"""/ghost cancel [SITE]: stop a site's release before its next step; or take back what is scheduled."""

import re
from dataclasses import dataclass

from commands.command import CancelAsked, Command, Group, Request, Role, Unscheduled, Words, known_site
from release.releases import Releases

SCHEDULED = re.compile(r"s-[a-z0-9]{5}")


@dataclass(frozen=True)
class Cancel:
    """`scheduled` is the id of an order that waits; else it is the site's release."""

    site: str | None
    scheduled: str | None = None


def parse(words: Words) -> Cancel:
    word = words.site_only()
    if word is not None and SCHEDULED.fullmatch(word.lower()):
        return Cancel(None, word.lower())
    return Cancel(word)


async def run(cancel: Cancel, request: Request, releases: Releases) -> CancelAsked | Unscheduled:
    if cancel.scheduled is not None:
        return Unscheduled(await releases.unschedule(cancel.scheduled, request.by))
    site = known_site(cancel.site, releases.sites)
    return CancelAsked(await releases.cancel(site, request.by))


COMMAND = Command(
    name="cancel",
    usage="cancel [SITE]",
    summary="Stop the release that is under way; production stays as it is",
    example="cancel blog",
    needs=Role.RELEASER,
    group=Group.STEER,
    parse=parse,
    run=run,
)
