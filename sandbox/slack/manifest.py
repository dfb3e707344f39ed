"""What an app's manifest says about it: commands, scopes, where to deliver."""

import json
from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.slack.shapes import Json, NotPossible

PERMISSIVE: Json = {
    "display_information": {"name": "ghostbot", "description": "Releases Ghost"},
    "features": {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": "ghostbot", "always_online": True},
        "slash_commands": [
            {
                "command": "/ghost",
                "description": "Upgrade, deploy, swap and roll back a site",
                "usage_hint": "help",
                "should_escape": True,
            }
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write",
                "chat:write.public", "commands", "files:read", "files:write", "groups:history", "groups:read",
                "im:history", "im:read", "im:write", "pins:write", "reactions:read", "reactions:write",
                "team:read", "usergroups:read", "users:read",
            ]
        }
    },
    "settings": {
        "event_subscriptions": {
            "bot_events": ["app_home_opened", "app_mention", "member_joined_channel", "message.im"]
        },
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}  # fmt: skip

# Which scope an event needs, from the events' reference pages. Events not named here need none.
EVENT_SCOPES = {
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "member_joined_channel": "channels:read",
    "reaction_added": "reactions:read",
}


# How many characters Slack takes, from its schema of manifests.
LENGTHS = {
    ("display_information", "name"): (1, 35),
    ("display_information", "description"): (1, 140),
    ("display_information", "long_description"): (175, 4000),
    ("features", "bot_user", "display_name"): (1, 80),
}
COMMAND_LENGTHS = {"command": (2, 32), "description": (1, 2000), "usage_hint": (1, 1000)}


@dataclass(frozen=True)
class Manifest:
    """An installed app, read from its manifest. URLs are empty in Socket Mode."""

    source: Json
    name: str
    bot_name: str
    commands: tuple[Json, ...]
    scopes: tuple[str, ...]
    bot_events: tuple[str, ...]
    socket_mode: bool
    interactivity: bool
    interactivity_url: str
    events_url: str
    home_tab: bool
    messages_tab: bool

    def command(self, name: str) -> Json | None:
        """The declared slash command of that name, or None."""
        return next((command for command in self.commands if command["command"] == name), None)

    def hears(self, event: str) -> bool:
        """Whether the app is subscribed to an event and holds the scope that it needs."""
        scope = EVENT_SCOPES.get(event)
        return event in self.bot_events and (scope is None or scope in self.scopes)


def read_manifest(text: str | Json) -> Manifest:
    """Read a manifest from JSON or YAML text, or from an object. NotPossible says what is wrong."""
    source = text if isinstance(text, dict) else _parse(text)
    try:
        return _read(source)
    except (AttributeError, KeyError, TypeError) as error:
        raise NotPossible(
            f"This is not an app manifest: {error!r} is missing or of the wrong kind."
        ) from error


def _parse(text: str) -> Json:
    try:
        found: Any = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise NotPossible(f"The manifest is neither JSON nor YAML: {error}") from error
    if not isinstance(found, dict):
        raise NotPossible("A manifest is an object.")
    return found


def _read(source: Json) -> Manifest:
    features = source.get("features") or {}
    settings = source.get("settings") or {}
    events = settings.get("event_subscriptions") or {}
    interactivity = settings.get("interactivity") or {}
    home = features.get("app_home") or {}
    name = str(source["display_information"]["name"])
    socket_mode = bool(settings.get("socket_mode_enabled"))
    for path, bounds in LENGTHS.items():
        _check_length(".".join(path), _at(source, path), bounds)
    commands = tuple(dict(command) for command in features.get("slash_commands") or ())
    for command in commands:
        _check_command(command, socket_mode)
    return Manifest(
        source=source,
        name=name,
        bot_name=str((features.get("bot_user") or {}).get("display_name") or name),
        commands=commands,
        scopes=tuple((source.get("oauth_config") or {}).get("scopes", {}).get("bot") or ()),
        bot_events=tuple(events.get("bot_events") or ()),
        socket_mode=socket_mode,
        interactivity=bool(interactivity.get("is_enabled")),
        interactivity_url=str(interactivity.get("request_url") or ""),
        events_url=str(events.get("request_url") or ""),
        home_tab=bool(home.get("home_tab_enabled")),
        messages_tab=bool(home.get("messages_tab_enabled", True)),
    )


def _check_command(command: Json, socket_mode: bool) -> None:
    spelled = str(command["command"])
    if not spelled.startswith("/") or " " in spelled:
        raise NotPossible(f"{spelled} cannot be a slash command.")
    if not command.get("description"):
        raise NotPossible(f"{spelled} needs a description.")
    for name, bounds in COMMAND_LENGTHS.items():
        _check_length(f"{name} of {spelled}", command.get(name), bounds)
    if not socket_mode and not command.get("url"):
        raise NotPossible(f"{spelled} needs a url when Socket Mode is off.")


def _check_length(what: str, value: Any, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if value is not None and not least <= len(str(value)) <= most:
        raise NotPossible(f"{what} has {len(str(value))} characters; Slack takes {least} to {most}.")


def _at(source: Json, path: tuple[str, ...]) -> Any:
    """What stands there; None where nothing does."""
    found: Any = source
    for key in path:
        found = (found or {}).get(key)
    return found
