"""/ghost help [COMMAND]: what there is to type, or one command in detail."""

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


async def run(asked: Help, request: Request, _releases: Releases) -> HelpReply:
    if asked.topic is None:
        return HelpReply(request.commands)
    named = tuple(command for command in request.commands if command.name == asked.topic)
    if not named:
        meant = closest(asked.topic, [command.name for command in request.commands])
        raise UsageError(
            f"There is no command “{asked.topic}”." + (f" Did you mean “{meant}”?" if meant else "")
        )
    return HelpReply(named)


COMMAND = Command(
    name="help",
    usage="help [COMMAND]",
    summary="This list, or one command in detail",
    example="help upgrade",
    needs=Role.ANYONE,
    parse=parse,
    run=run,
)
