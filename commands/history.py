"""/ghost history [SITE]: the last releases, how they ended, and who did what."""

from dataclasses import dataclass

from commands.command import Command, HistoryReply, Request, Role, Words, known_site
from release.releases import Releases

LOOKED_THROUGH, SHOWN = 200, 10
ONLY_TALK = ("answered", "not understood")
"""Nothing came of it, or what came of it has an entry of its own."""


@dataclass(frozen=True)
class History:
    site: str | None


def parse(words: Words) -> History:
    return History(words.site_only())


async def run(history: History, _request: Request, releases: Releases) -> HistoryReply:
    site = known_site(history.site, releases.sites)
    audited = await releases.records.audited(site, LOOKED_THROUGH)
    deeds = tuple(entry for entry in audited if not entry.deed.outcome.startswith(ONLY_TALK))
    return HistoryReply(site, await releases.history(site), deeds[:SHOWN])


COMMAND = Command(
    name="history",
    usage="history [SITE]",
    summary="The last releases, how they ended, and who did what",
    example="history blog",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
)
