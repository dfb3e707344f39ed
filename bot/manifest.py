"""The Slack app as Slack makes it of a manifest: for the mode, the address and the commands that a team has chosen."""

from collections.abc import Mapping
from typing import Any

import yaml

from commands import COMMANDS
from commands.command import Command

HEAD = """\
# The Slack app, for "Create an app from a manifest" at https://api.slack.com/apps. `ghostbot manifest` prints it.
"""
BY_SOCKET = (
    "# Then install it, create an app-level token with connections:write, and invite the bot to a channel.\n"
)
BY_HTTP = "# Then install it, take its signing secret, and invite the bot to a channel.\n"
# Slack refuses a longer one.
LONGEST_HINT = 1000
DESCRIPTION = (
    "Type {0} upgrade in a channel. ghostbot backs production up, builds the new version of Ghost, migrates a copy of "
    "the database, puts both on staging, tests it, and asks for approval with buttons. One click swaps it into "
    "production while a probe watches what visitors see, and one more click takes it back. New versions of Ghost are "
    "announced by themselves."
)
SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "chat:write.public",
    "commands",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:write",
    "usergroups:read",
    "users:read",
)
EVENTS = ("app_home_opened", "app_mention", "message.im")


def manifest(
    slash: str = "/ghost",
    sites: Mapping[str, str] | None = None,
    address: str | None = None,
    commands: tuple[Command[Any], ...] = COMMANDS,  # Any: each has an order of its own
) -> str:
    """The manifest, as YAML. `sites` are the sites' own commands, command to site.

    `address` is where Slack sends to in HTTP mode; None is Socket Mode.
    """
    typed = [_command(slash, "Upgrade, deploy, back up, swap and roll back", _hint(commands), address)]
    typed += [
        _command(own, f"The same for {site} alone", "upgrade [VERSION] | status | rollback | help", address)
        for own, site in (sites or {}).items()
    ]
    told = {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "ghostbot",
            "description": "Upgrade Ghost on Azure without losing a write or a visitor",
            "long_description": DESCRIPTION.format(slash),
            "background_color": "#15171a",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "ghostbot", "always_online": True},
            "slash_commands": typed,
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**_sent_to(address), "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **_sent_to(address)},
            "org_deploy_enabled": False,
            "socket_mode_enabled": address is None,
            "token_rotation_enabled": False,
        },
    }
    return HEAD + (BY_HTTP if address else BY_SOCKET) + yaml.safe_dump(told, sort_keys=False, width=110)


def _sent_to(address: str | None) -> dict[str, str]:
    return {} if address is None else {"request_url": address}


def _command(name: str, description: str, hint: str, address: str | None) -> dict[str, object]:
    where = {} if address is None else {"url": address}
    return {"command": name, **where, "description": description, "usage_hint": hint, "should_escape": True}


def _hint(commands: tuple[Command[Any], ...]) -> str:
    """What can be typed, as Slack shows it while somebody types; the first words where all of it is too long."""
    first = ("upgrade [VERSION] [SITE]", "deploy [SITE] ARTEFACT", "restore ID")
    words = [next((one for one in first if one.split()[0] == each.name), each.name) for each in commands]
    hint = " | ".join(words)
    return hint if len(hint) <= LONGEST_HINT else hint[: hint.rindex(" | ", 0, LONGEST_HINT)]
