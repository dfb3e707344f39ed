"""The subcommands of /ghost, in the order /ghost help shows them."""

from typing import Any

from commands import (
    backup,
    backups,
    cancel,
    carry,
    check,
    deploy,
    diff,
    freeze,
    help,  # noqa: A004 — the command is called help
    history,
    logs,
    restore,
    rollback,
    scheduled,
    skip,
    status,
    swap,
    undo_migration,
    unfreeze,
    unskip,
    upgrade,
    versions,
)
from commands.command import Command, UsageError, closest

DECISIONS = ("approve", "approved", "reject", "rejected")
"""Words that people type where they mean a button."""

# Each command has an order type of its own that only its parse and run share, hence Any.
COMMANDS: tuple[Command[Any], ...] = (
    upgrade.COMMAND,
    deploy.COMMAND,
    backup.COMMAND,
    restore.COMMAND,
    carry.COMMAND,
    swap.COMMAND,
    rollback.COMMAND,
    undo_migration.COMMAND,
    cancel.COMMAND,
    scheduled.COMMAND,
    freeze.COMMAND,
    unfreeze.COMMAND,
    status.COMMAND,
    check.COMMAND,
    diff.COMMAND,
    logs.COMMAND,
    versions.COMMAND,
    skip.COMMAND,
    unskip.COMMAND,
    history.COMMAND,
    backups.COMMAND,
    help.COMMAND,
)


def named(deploy_command: str) -> tuple[Command[Any], ...]:
    """The commands, with the one that deploys called as a team calls it. Raises ValueError if another is called so."""
    if deploy_command == deploy.COMMAND.name:
        return COMMANDS
    if find(deploy_command) is not None:
        raise ValueError(f"there is another command called {deploy_command}")
    return tuple(
        command.called(deploy_command) if command is deploy.COMMAND else command for command in COMMANDS
    )


def find(name: str, commands: tuple[Command[Any], ...] = COMMANDS) -> Command[Any] | None:
    """The command of that name, whatever its case."""
    return next((command for command in commands if command.name == name.lower()), None)


def unknown(name: str, commands: tuple[Command[Any], ...] = COMMANDS) -> UsageError:
    """The explanation for a name that is no command, with the nearest one."""
    if name.lower() in DECISIONS:
        return UsageError(
            "Approving and rejecting is done with the buttons on the card in the release's thread."
        )
    meant = closest(name, [command.name for command in commands])
    return UsageError(f"There is no command “{name}”." + (f" Did you mean “{meant}”?" if meant else ""))
