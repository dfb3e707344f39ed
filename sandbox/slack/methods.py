"""What a Web API method is: its name, who may call it, how often, and what it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from sandbox.slack.people import BOT_USER
from sandbox.slack.shapes import Json, SlackRefusal
from sandbox.slack.workspace import Workspace

Run = Callable[[Workspace, Json], Awaitable[Json]]


class Token(Enum):
    """Which kind of token a method takes."""

    BOT = "bot"
    APP = "app"
    NONE = "none"


@dataclass(frozen=True)
class Method:
    """One method. ``scopes``: holding one of them is enough to enter; tiers are explained in limits.py.

    Without ``takes_json`` a JSON body is not looked at, as if no argument had been given: most methods that only read.
    """

    name: str
    run: Run
    tier: int
    scopes: tuple[str, ...] = ()
    token: Token = Token.BOT
    takes_json: bool = True


def require_scope(workspace: Workspace, *scopes: str) -> None:
    """Refuse when the app holds none of the scopes."""
    held = workspace.app.manifest.scopes
    if scopes and not any(scope in held for scope in scopes):
        raise SlackRefusal("missing_scope", needed=",".join(scopes), provided=",".join(held))


def kind_scope(channel: Json, verb: str) -> str:
    """The scope for a kind of conversation, such as groups:read."""
    if channel.get("is_im"):
        return f"im:{verb}"
    return f"groups:{verb}" if channel.get("is_private") else f"channels:{verb}"


def visible_channel(workspace: Workspace, which: object, error: str = "channel_not_found") -> Json:
    """The channel with that id, if the bot may know of it: private ones exist only for their members."""
    channel = workspace.channels.find(str(which)) if which else None
    if channel is None or channel["id"] != which:
        raise SlackRefusal(error)
    hidden = channel.get("is_private") or channel.get("is_im")
    if hidden and BOT_USER not in channel["members"]:
        raise SlackRefusal(error)
    return channel
