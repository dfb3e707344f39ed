"""/ghost help [COMMAND or SITE]: what there is to type, what of it a site can do, or one command in detail."""

from dataclasses import dataclass

from commands.command import Command, HelpReply, Request, Role, UsageError, Words, closest
from release.releases import Releases


@dataclass(frozen=True)
class Help:
    topic: str | None


def parse(words: Words) -> Help:
    if len(words.given) > 1:
        raise UsageError("I can explain one command at a time.")
    return Help(words.given[0].lower() if words.given else None)


async def run(asked: Help, request: Request, releases: Releases) -> HelpReply:
    if asked.topic is None:
        kinds = frozenset(kind for site in releases.sites for kind in releases.shape(site).kinds)
        return HelpReply(tuple(command for command in request.commands if command.suits(kinds)))
    if asked.topic in releases.sites:
        shape = releases.shape(asked.topic)
        commands = tuple(command for command in request.commands if command.suits(shape.kinds))
        return HelpReply(commands, asked.topic, shape.words)
    named = tuple(command for command in request.commands if command.name == asked.topic)
    if not named:
        meant = closest(asked.topic, [*(command.name for command in request.commands), *releases.sites])
        raise UsageError(
            f"There is no command and no site “{asked.topic}”."
            + (f" Did you mean “{meant}”?" if meant else "")
        )
    return HelpReply(named)


COMMAND = Command(
    name="help",
    usage="help [COMMAND or SITE]",
    summary="This list, what a site can do, or one command in detail",
    example="help upgrade",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
)
