"""chat.*, reactions.* and pins.*: messages of the bot."""

import re
from typing import Any

from sandbox.slack.arguments import flag, need, structure
from sandbox.slack.blocks import MARKDOWN_LONGEST, message_problems
from sandbox.slack.installation import APP_ID, BOT_ID
from sandbox.slack.messages import is_reply, public
from sandbox.slack.methods import Method, visible_channel
from sandbox.slack.people import BOT_USER
from sandbox.slack.shapes import Json, SlackRefusal
from sandbox.slack.workspace import Workspace

TRUNCATED_AT = 40_000  # characters of a posted text that Slack keeps
UPDATE_LONGEST = 4_000
BLOCKS_LONGEST = 12_000  # characters of all texts in the blocks together: bolt-js issues 2509 and 2867
MOST_ATTACHMENTS = 100
BARE_AMPERSAND = re.compile(r"&(?!amp;|lt;|gt;)")
FALLBACK = "This content can't be displayed."


def content(workspace: Workspace, arguments: Json, *, longest: int | None = None) -> Json:
    """The checked text, blocks and attachments of a message to be.

    Raises no_text, invalid_blocks and their kin. ``longest`` bounds the text; without it a text is cut.
    """
    blocks = checked_blocks(workspace, arguments)
    attachments = _attachments(arguments)
    text = str(arguments.get("text") or "")
    markdown = arguments.get("markdown_text")
    if markdown:
        if text or blocks:
            raise SlackRefusal("markdown_text_conflict")
        if len(str(markdown)) > MARKDOWN_LONGEST:
            raise SlackRefusal("msg_too_long")
        blocks = [{"type": "markdown", "text": str(markdown)}]
        text = str(markdown)
    if not text.strip() and not blocks and not attachments:
        raise SlackRefusal("no_text")
    if longest is not None and len(text) > longest:
        raise SlackRefusal("msg_too_long")
    return {
        "text": BARE_AMPERSAND.sub("&amp;", text[:TRUNCATED_AT]) or FALLBACK,
        "blocks": blocks or None,
        "attachments": attachments or None,
        "metadata": _metadata(arguments),
    }


def checked_blocks(workspace: Workspace, arguments: Json) -> list[Json]:
    """The blocks among the arguments; invalid_blocks with Slack's messages when they are wrong."""
    blocks = structure(arguments, "blocks", "invalid_blocks_format")
    if blocks is None:
        return []
    if not isinstance(blocks, list):
        raise SlackRefusal("invalid_blocks_format")
    refuse("invalid_blocks", message_problems(blocks) + unknown_files(workspace, blocks))
    return blocks


def check_size(blocks: list[Json] | None) -> None:
    """Refuse blocks whose texts together are too long for chat.postMessage and chat.update."""
    if _text_length(blocks) > BLOCKS_LONGEST:
        raise SlackRefusal("msg_blocks_too_long")


def _text_length(node: Any) -> int:
    if isinstance(node, list):
        return sum(_text_length(one) for one in node)
    if not isinstance(node, dict):
        return 0
    own = sum(len(node[key]) for key in ("text", "title") if isinstance(node.get(key), str))
    return own + sum(_text_length(value) for value in node.values() if isinstance(value, dict | list))


def unknown_files(workspace: Workspace, blocks: list[Json]) -> list[str]:
    """Pictures that name an uploaded file must name one that exists, is a picture, and was looked through."""
    problems = []
    for number, block in enumerate(blocks):
        picture = block.get("slack_file") or (block.get("accessory") or {}).get("slack_file")
        if picture and (not isinstance(picture, dict) or not _file_of(workspace, picture)):
            problems.append(f"invalid slack file [json-pointer:/blocks/{number}/slack_file]")
    return problems


def _file_of(workspace: Workspace, picture: Json) -> Json | None:
    identifier = picture.get("id")
    if identifier is None:
        found = re.search(r"[-/](F0[A-Z0-9]{9})/", str(picture.get("url", "")))
        identifier = found[1] if found else ""
    return workspace.files.picture(str(identifier), workspace.conditions.file_seconds)


def refuse(error: str, problems: list[str]) -> None:
    """Refuse with Slack's two lists of problems, if there are any."""
    if problems:
        raise SlackRefusal(
            error, errors=problems, response_metadata={"messages": [f"[ERROR] {one}" for one in problems]}
        )


def _attachments(arguments: Json) -> Any:
    attachments = structure(arguments, "attachments", "invalid_attachments")
    if attachments is None:
        return None
    if not isinstance(attachments, list):
        raise SlackRefusal("invalid_attachments")
    if len(attachments) > MOST_ATTACHMENTS:
        raise SlackRefusal("too_many_attachments")
    for number, attachment in enumerate(attachments):
        if isinstance(attachment, dict) and attachment.get("blocks"):
            where = f"/attachments/{number}/blocks"
            refuse(
                "invalid_blocks",
                [p.replace("/blocks", where) for p in message_problems(attachment["blocks"])],
            )
    return attachments


def _metadata(arguments: Json) -> Any:
    metadata = structure(arguments, "metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackRefusal("invalid_metadata_format")
    if not metadata.get("event_type"):
        raise SlackRefusal("invalid_metadata_schema")
    return metadata


def target(workspace: Workspace, which: object) -> Json:
    """Where chat.postMessage posts: an id, a channel's name, or a person (their direct message)."""
    name = str(which)
    person = workspace.people.find(name) if name.startswith("U") else None
    if person is not None:
        if person.get("deleted"):
            raise SlackRefusal("channel_not_found")
        return workspace.channels.direct(BOT_USER, person["id"])[0]
    found = workspace.channels.find(name)
    channel = visible_channel(workspace, found["id"] if found else None)
    if channel.get("is_im") and not workspace.app.manifest.messages_tab:
        raise SlackRefusal("messages_tab_disabled")
    if channel.get("is_archived"):
        raise SlackRefusal("is_archived")
    if BOT_USER not in channel["members"] and "chat:write.public" not in workspace.app.manifest.scopes:
        raise SlackRefusal("not_in_channel")
    return channel


def thread(workspace: Workspace, channel: Json, thread_ts: object) -> str | None:
    """The ts of the thread's first message; replies to a reply land in the same thread."""
    if not thread_ts:
        return None
    parent = workspace.messages.find(channel["id"], str(thread_ts))
    if parent is None:
        raise SlackRefusal("thread_not_found")
    if "_to" in parent:
        raise SlackRefusal("cannot_reply_to_message")
    return str(parent["thread_ts"] if is_reply(parent) else parent["ts"])


def bot_fields(workspace: Workspace) -> Json:
    """What makes a message one of the bot's."""
    return {"bot_id": BOT_ID, "app_id": APP_ID, "bot_profile": workspace.app.bot_profile()}


async def post_message(workspace: Workspace, arguments: Json) -> Json:
    """chat.postMessage."""
    need(arguments, "channel")
    channel = target(workspace, arguments["channel"])
    fields = content(workspace, arguments)
    check_size(fields["blocks"])
    text = fields.pop("text")
    parent = thread(workspace, channel, arguments.get("thread_ts"))
    broadcast = parent is not None and flag(arguments, "reply_broadcast")
    if broadcast:
        fields |= {"subtype": "thread_broadcast"}
    message = workspace.messages.post(
        channel, BOT_USER, text, thread_ts=parent, **fields, **bot_fields(workspace)
    )
    answer: Json = {"channel": channel["id"], "ts": message["ts"], "message": public(message)}
    if len(str(arguments.get("text") or "")) > TRUNCATED_AT:
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


async def post_ephemeral(workspace: Workspace, arguments: Json) -> Json:
    """chat.postEphemeral."""
    need(arguments, "channel", "user")
    channel = visible_channel(workspace, arguments["channel"])
    if channel.get("is_archived"):
        raise SlackRefusal("is_archived")
    if BOT_USER not in channel["members"]:
        raise SlackRefusal("not_in_channel")
    if arguments["user"] not in channel["members"]:
        raise SlackRefusal("user_not_in_channel")
    fields = content(workspace, arguments, longest=TRUNCATED_AT)
    text = fields.pop("text")
    parent = thread(workspace, channel, arguments.get("thread_ts"))
    message = workspace.messages.post(
        channel, BOT_USER, text, thread_ts=parent, _to=arguments["user"], **fields, **bot_fields(workspace)
    )
    return {"message_ts": message["ts"]}


def own_message(workspace: Workspace, arguments: Json, refusal: str) -> Json:
    """The bot's own message named by channel and ts."""
    need(arguments, "channel", "ts")
    channel = visible_channel(workspace, arguments["channel"])
    message = workspace.messages.find(channel["id"], str(arguments["ts"]))
    if message is None or "_to" in message or message.get("subtype") == "tombstone":
        raise SlackRefusal("message_not_found")
    if message["user"] != BOT_USER:
        raise SlackRefusal(refusal)
    return message


async def update(workspace: Workspace, arguments: Json) -> Json:
    """chat.update: with only a text, the blocks go and "(edited)" comes."""
    message = own_message(workspace, arguments, "cant_update_message")
    fields = content(workspace, arguments, longest=UPDATE_LONGEST)
    check_size(fields["blocks"])
    if fields["metadata"] is None:
        fields.pop("metadata")
    edited = None if fields["blocks"] else {"user": BOT_USER, "ts": workspace.messages.new_ts()}
    workspace.messages.change(message, edited=edited, **fields)
    return {
        "channel": message["_channel"],
        "ts": message["ts"],
        "text": message["text"],
        "message": public(message),
    }


async def delete(workspace: Workspace, arguments: Json) -> Json:
    """chat.delete."""
    message = own_message(workspace, arguments, "cant_delete_message")
    workspace.messages.delete(message)
    return {"channel": message["_channel"], "ts": message["ts"]}


async def permalink(workspace: Workspace, arguments: Json) -> Json:
    """chat.getPermalink: here, an address that the page opens."""
    need(arguments, "channel", "message_ts")
    message = _message(workspace, arguments["channel"], arguments["message_ts"])
    address = f"{workspace.base}/archives/{message['_channel']}/p{message['ts'].replace('.', '')}"
    if is_reply(message):
        address += f"?thread_ts={message['thread_ts']}&cid={message['_channel']}"
    return {"channel": message["_channel"], "permalink": address}


def _message(
    workspace: Workspace, channel_id: object, ts: object, missing: str = "message_not_found"
) -> Json:
    channel = visible_channel(workspace, channel_id)
    message = workspace.messages.find(channel["id"], str(ts))
    if message is None or "_to" in message:
        raise SlackRefusal(missing)
    return message


def _for_reaction(workspace: Workspace, arguments: Json) -> tuple[Json, str]:
    need(arguments, "name")
    if not arguments.get("channel") or not arguments.get("timestamp"):
        raise SlackRefusal("no_item_specified")
    name = str(arguments["name"]).strip(":")
    if not re.fullmatch(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?", name):
        raise SlackRefusal("invalid_name")
    return _message(workspace, arguments["channel"], arguments["timestamp"]), name


async def add_reaction(workspace: Workspace, arguments: Json) -> Json:
    """reactions.add."""
    message, name = _for_reaction(workspace, arguments)
    reactions = [dict(reaction) for reaction in message.get("reactions", [])]
    mine = next((reaction for reaction in reactions if reaction["name"] == name), None)
    if mine is None:
        reactions.append({"name": name, "users": [BOT_USER], "count": 1})
    elif BOT_USER in mine["users"]:
        raise SlackRefusal("already_reacted")
    else:
        mine |= {"users": [*mine["users"], BOT_USER], "count": mine["count"] + 1}
    workspace.messages.change(message, reactions=reactions)
    return {}


async def remove_reaction(workspace: Workspace, arguments: Json) -> Json:
    """reactions.remove."""
    message, name = _for_reaction(workspace, arguments)
    reactions = message.get("reactions", [])
    if not any(reaction["name"] == name and BOT_USER in reaction["users"] for reaction in reactions):
        raise SlackRefusal("no_reaction")
    left = [
        {**reaction, "users": users, "count": len(users)}
        for reaction in reactions
        if (users := [u for u in reaction["users"] if reaction["name"] != name or u != BOT_USER])
    ]
    workspace.messages.change(message, reactions=left or None)
    return {}


async def add_pin(workspace: Workspace, arguments: Json) -> Json:
    """pins.add."""
    if not arguments.get("timestamp"):
        raise SlackRefusal("no_item_specified")
    message = _message(workspace, arguments.get("channel"), arguments["timestamp"])
    if BOT_USER not in workspace.channels.the(message["_channel"])["members"]:
        raise SlackRefusal("not_in_channel")
    if message.get("pinned_to"):
        raise SlackRefusal("already_pinned")
    workspace.messages.change(message, pinned_to=[message["_channel"]])
    return {}


WRITE = ("chat:write",)
METHODS = (
    Method("chat.postMessage", post_message, 5, WRITE),
    Method("chat.postEphemeral", post_ephemeral, 4, WRITE),
    Method("chat.update", update, 3, WRITE),
    Method("chat.delete", delete, 3, WRITE),
    Method("chat.getPermalink", permalink, 5, takes_json=False),
    Method("reactions.add", add_reaction, 3, ("reactions:write",)),
    Method("reactions.remove", remove_reaction, 2, ("reactions:write",)),
    Method("pins.add", add_pin, 2, ("pins:write",)),
)
