"""The payloads that Slack delivers, spelled out."""

from sandbox.slack.installation import APP_ID
from sandbox.slack.people import BOT_USER, team_of
from sandbox.slack.shapes import TEAM_DOMAIN, TEAM_ID, Json, new_id, now
from sandbox.slack.workspace import Workspace


def channel_name(channel: Json) -> str:
    """What payloads call a channel: direct messages and private channels have stock names."""
    if channel.get("is_im"):
        return "directmessage"
    return "privategroup" if channel.get("is_private") else str(channel["name"])


def command(
    workspace: Workspace, person: Json, channel: Json, words: tuple[str, str], trigger: str, url: str
) -> Json:
    """A slash command. ``team_id`` is the workspace of the person, not always ours."""
    team = team_of(person)
    return {
        "token": workspace.app.verification_token,
        "team_id": team,
        "team_domain": TEAM_DOMAIN if team == TEAM_ID else "elsewhere",
        "channel_id": channel["id"],
        "channel_name": channel_name(channel),
        "user_id": person["id"],
        "user_name": person["name"],
        "command": words[0],
        "text": words[1],
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": url,
        "trigger_id": trigger,
    }


def interaction(workspace: Workspace, kind: str, person: Json, trigger: str | None) -> Json:
    """What clicks and modals have in common.

    ``team`` is ours even when the person is of another workspace; only ``user.team_id`` tells the truth.
    """
    payload: Json = {
        "type": kind,
        "user": {
            "id": person["id"],
            "username": person["name"],
            "name": person["name"],
            "team_id": team_of(person),
        },
        "api_app_id": APP_ID,
        "token": workspace.app.verification_token,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    return payload if trigger is None else payload | {"trigger_id": trigger}


def event(workspace: Workspace, inner: Json, channel: Json | None = None) -> Json:
    """An event in its outer envelope."""
    return {
        "token": workspace.app.verification_token,
        "team_id": TEAM_ID,
        "context_team_id": TEAM_ID,
        "context_enterprise_id": None,
        "api_app_id": APP_ID,
        "event": inner,
        "type": "event_callback",
        "event_id": new_id("Ev"),
        "event_time": int(now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": bool(channel and channel.get("is_ext_shared")),
        "event_context": f"4-{new_id('x')}",
    }


def message_event(kind: str, message: Json, channel: Json, person: Json) -> Json:
    """app_mention or message, from a message in a channel."""
    inner: Json = {
        "type": kind,
        "user": message["user"],
        "text": message["text"],
        "ts": message["ts"],
        "team": team_of(person),
        "channel": channel["id"],
        "event_ts": message["ts"],
    }
    for key in (
        "client_msg_id",
        "thread_ts",
        "bot_id",
        "app_id",
        "blocks",
        "files",
        "subtype",
        "bot_profile",
    ):
        if key in message:
            inner[key] = message[key]
    if "thread_ts" in message and message["thread_ts"] != message["ts"]:
        inner["parent_user_id"] = message.get("_parent_user", "")
    if team_of(person) != TEAM_ID:
        # People of other workspaces are marked so in shared channels.
        inner |= {
            "user_team": team_of(person),
            "source_team": team_of(person),
            "user_profile": _profile(person),
        }
    if kind == "message":
        inner["channel_type"] = (
            "im" if channel.get("is_im") else "group" if channel.get("is_private") else "channel"
        )
    return inner


def _profile(person: Json) -> Json:
    return {"name": person["name"], "real_name": person.get("real_name", ""), "team": team_of(person)}


def mentions(text: str) -> list[str]:
    """The ids of those mentioned in stored text."""
    return [piece.split("|")[0].split(">")[0] for piece in text.split("<@")[1:]]
