"""/ghost logs [SITE] [SLOT]: the end of a slot's newest log."""

from dataclasses import dataclass

from commands.command import Command, LogReply, Request, Role, UsageError, Words, known_site
from release.releases import Releases

SLOTS = ("production", "staging")


@dataclass(frozen=True)
class Logs:
    site: str | None
    slot: str | None = None


def parse(words: Words) -> Logs:
    slots = [word for word in words.given if word.lower() in SLOTS]
    rest = tuple(word for word in words.given if word not in slots)
    if len(slots) > 1 or len(rest) > 2:
        raise UsageError("I expected one site and one slot.")
    if slots:
        return Logs(Words(rest).site_only(), slots[0].lower())
    return Logs(rest[0] if rest else None, rest[1] if len(rest) == 2 else None)


async def run(logs: Logs, _request: Request, releases: Releases) -> LogReply:
    site = known_site(logs.site, releases.sites)
    return LogReply(await releases.log(site, logs.slot))


COMMAND = Command(
    name="logs",
    usage="logs [SITE] [SLOT]",
    summary="The end of a slot's newest log (production, if you name none)",
    example="logs blog staging",
    needs=Role.EITHER,
    parse=parse,
    run=run,
)
