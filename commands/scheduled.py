"""/ghost scheduled [SITE]: what is asked for and not begun yet."""

from dataclasses import dataclass

from commands.command import Command, Group, Request, Role, ScheduledReply, Words, known_site
from release.releases import Releases


@dataclass(frozen=True)
class ScheduledOf:
    site: str | None


def parse(words: Words) -> ScheduledOf:
    return ScheduledOf(words.site_only())


async def run(scheduled: ScheduledOf, _request: Request, releases: Releases) -> ScheduledReply:
    site = known_site(scheduled.site, releases.sites)
    return ScheduledReply(await releases.records.scheduled(site))


COMMAND = Command(
    name="scheduled",
    usage="scheduled [SITE]",
    summary="What waits for a time, or for its site to be free",
    example="scheduled blog",
    needs=Role.ANYONE,
    group=Group.STEER,
    parse=parse,
    run=run,
)
