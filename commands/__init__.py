"""The subcommands of /ghost, in the order /ghost help shows them."""

from typing import Any

from commands import (
    backup,
    backups,
    cancel,
    carry,
    help,  # noqa: A004 — the command is called help
    history,
    restore,
    rollback,
    status,
    swap,
    upgrade,
    versions,
)
from commands.command import Command, UsageError, closest

# Each command has an order type of its own that only its parse and run share, hence Any.
COMMANDS: tuple[Command[Any], ...] = (
    upgrade.COMMAND,
    backup.COMMAND,
    restore.COMMAND,
    carry.COMMAND,
    swap.COMMAND,
    rollback.COMMAND,
    cancel.COMMAND,
    status.COMMAND,
    versions.COMMAND,
    history.COMMAND,
    backups.COMMAND,
    help.COMMAND,
)


def find(name: str) -> Command[Any] | None:
    """The command of that name, whatever its case."""
    return next((command for command in COMMANDS if command.name == name.lower()), None)


def unknown(name: str) -> UsageError:
    """The explanation for a name that is no command, with the nearest one."""
    meant = closest(name, [command.name for command in COMMANDS])
    return UsageError(f"There is no command “{name}”." + (f" Did you mean “{meant}”?" if meant else ""))
