"""conversations.* and users.conversations: where the bot is and what was said there."""

from sandbox.slack.arguments import flag, need, page
from sandbox.slack.channels import as_conversation
from sandbox.slack.messages import public
from sandbox.slack.methods import Method, kind_scope, require_scope, visible_channel
from sandbox.slack.people import BOT_USER
from sandbox.slack.shapes import Json, SlackRefusal
from sandbox.slack.workspace import Workspace

KINDS = ("public_channel", "private_channel", "mpim", "im")
READ = ("channels:read", "groups:read", "im:read", "mpim:read")
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")


def _known(workspace: Workspace, arguments: Json, verb: str) -> Json:
    need(arguments, "channel")
    channel = visible_channel(workspace, arguments["channel"])
    require_scope(workspace, kind_scope(channel, verb))
    return channel


async def info(workspace: Workspace, arguments: Json) -> Json:
    """conversations.info."""
    channel = _known(workspace, arguments, "read")
    return {"channel": as_conversation(channel, num_members=flag(arguments, "include_num_members"))}


def _listed(workspace: Workspace, arguments: Json) -> list[Json]:
    kinds = str(arguments.get("types") or "public_channel").replace(" ", "").split(",")
    if any(kind not in KINDS for kind in kinds):
        raise SlackRefusal("invalid_types")
    wanted = {
        "public_channel": "channels:read",
        "private_channel": "groups:read",
        "im": "im:read",
        "mpim": "mpim:read",
    }
    for kind in kinds:
        require_scope(workspace, wanted[kind])
    found = []
    for channel in workspace.channels.all():
        kind = (
            "im"
            if channel.get("is_im")
            else "private_channel"
            if channel.get("is_private")
            else "public_channel"
        )
        known = kind == "public_channel" or BOT_USER in channel["members"]
        archived = channel.get("is_archived") and flag(arguments, "exclude_archived")
        if kind in kinds and known and not archived:
            found.append(channel)
    return found


async def listing(workspace: Workspace, arguments: Json) -> Json:
    """conversations.list."""
    found, metadata = page(_listed(workspace, arguments), "id", arguments)
    channels = [as_conversation(channel, num_members=not channel.get("is_im")) for channel in found]
    return {"channels": channels, "response_metadata": metadata}


async def joined(workspace: Workspace, arguments: Json) -> Json:
    """users.conversations, for the bot itself or for a person."""
    user = str(arguments.get("user") or BOT_USER)
    if workspace.people.find(user) is None:
        raise SlackRefusal("user_not_found")
    mine = [channel for channel in _listed(workspace, arguments) if user in channel["members"]]
    found, metadata = page(mine, "id", arguments)
    return {"channels": [as_conversation(channel) for channel in found], "response_metadata": metadata}


async def members(workspace: Workspace, arguments: Json) -> Json:
    """conversations.members."""
    channel = _known(workspace, arguments, "read")
    found, metadata = page([{"id": member} for member in channel["members"]], "id", arguments)
    return {"members": [member["id"] for member in found], "response_metadata": metadata}


def _between(messages: list[Json], arguments: Json) -> list[Json]:
    oldest = _ts(arguments, "oldest", "0", "invalid_ts_oldest")
    latest = _ts(arguments, "latest", "9999999999", "invalid_ts_latest")
    edges = flag(arguments, "inclusive")
    return [
        message
        for message in messages
        if oldest < float(message["ts"]) < latest or (edges and float(message["ts"]) in (oldest, latest))
    ]


def _ts(arguments: Json, name: str, otherwise: str, error: str) -> float:
    try:
        return float(arguments.get(name) or otherwise)
    except ValueError as reason:
        raise SlackRefusal(error) from reason


async def history(workspace: Workspace, arguments: Json) -> Json:
    """conversations.history: newest first, only where the bot is a member."""
    channel = _known(workspace, arguments, "history")
    if BOT_USER not in channel["members"]:
        raise SlackRefusal("not_in_channel")
    messages = _between(workspace.messages.history(channel["id"]), arguments)[::-1]
    found, metadata = page(messages, "ts", arguments, most=999)
    answer: Json = {"messages": [public(message) for message in found], "pin_count": 0}
    answer["has_more"] = bool(metadata["next_cursor"])
    return answer | ({"response_metadata": metadata} if answer["has_more"] else {})


async def replies(workspace: Workspace, arguments: Json) -> Json:
    """conversations.replies: the thread's first message, then its replies, oldest first."""
    need(arguments, "ts")
    channel = _known(workspace, arguments, "history")
    if BOT_USER not in channel["members"]:
        raise SlackRefusal("not_in_channel")
    message = workspace.messages.find(channel["id"], str(arguments["ts"]))
    if message is None or "_to" in message:
        raise SlackRefusal("thread_not_found")
    parent = str(message.get("thread_ts") or message["ts"])
    messages = workspace.messages.thread(channel["id"], parent)
    wanted = messages[:1] + _between(messages[1:], arguments)
    found, metadata = page(wanted, "ts", arguments, usual=1000)
    answer: Json = {"messages": [public(one) for one in found], "has_more": bool(metadata["next_cursor"])}
    return answer | ({"response_metadata": metadata} if answer["has_more"] else {})


async def opening(workspace: Workspace, arguments: Json) -> Json:
    """conversations.open: the direct message with one person."""
    if arguments.get("channel"):
        channel = visible_channel(workspace, arguments["channel"])
        return {"no_op": True, "already_open": True, "channel": {"id": channel["id"]}}
    users = [user for user in str(arguments.get("users") or "").split(",") if user]
    if not users:
        raise SlackRefusal("users_list_not_supplied")
    if len(users) > 8:
        raise SlackRefusal("too_many_users")
    people = [workspace.people.find(user) for user in users]
    if any(person is None for person in people):
        raise SlackRefusal("user_not_found")
    if any(person and person.get("deleted") for person in people):
        raise SlackRefusal("user_disabled")
    if len(users) > 1:
        # Group messages are the one kind of conversation this workspace does not have.
        require_scope(workspace, "mpim:write")
        raise SlackRefusal("method_not_supported_for_channel_type")
    require_scope(workspace, "im:write")
    channel, known = workspace.channels.direct(BOT_USER, users[0])
    shown = as_conversation(channel) if flag(arguments, "return_im") else {"id": channel["id"]}
    return {"channel": shown} | ({"no_op": True, "already_open": True} if known else {})


async def join(workspace: Workspace, arguments: Json) -> Json:
    """conversations.join: public channels only."""
    need(arguments, "channel")
    channel = visible_channel(workspace, arguments["channel"])
    if channel.get("is_private") or channel.get("is_im"):
        raise SlackRefusal("method_not_supported_for_channel_type")
    if channel.get("is_archived"):
        raise SlackRefusal("is_archived")
    fresh = workspace.channels.add_member(channel, BOT_USER)
    answer: Json = {"channel": as_conversation(channel)}
    return answer if fresh else answer | {"warning": "already_in_channel"}


METHODS = (
    Method("conversations.info", info, 3, READ, takes_json=False),
    Method("conversations.list", listing, 2, READ, takes_json=False),
    Method("conversations.members", members, 4, READ, takes_json=False),
    Method("conversations.history", history, 3, HISTORY),
    Method("conversations.replies", replies, 3, HISTORY, takes_json=False),
    Method("conversations.open", opening, 3, ("channels:manage", "groups:write", "im:write", "mpim:write")),
    Method("conversations.join", join, 3, ("channels:join",)),
    Method("users.conversations", joined, 3, READ, takes_json=False),
)
