"""/ghost history [SITE]: the last releases and how they ended."""

from dataclasses import dataclass

from commands.command import Command, HistoryReply, Request, Role, Words, known_site
from release.releases import Releases


@dataclass(frozen=True)
class History:
    site: str | None


def parse(words: Words) -> History:
    return History(words.site_only())


async def run(history: History, _request: Request, releases: Releases) -> HistoryReply:
    site = known_site(history.site, releases.sites)
    return HistoryReply(site, await releases.history(site))


COMMAND = Command(
    name="history",
    usage="history [SITE]",
    summary="The last releases and how they ended",
    example="history blog",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
)
