"""files.*: announcing, uploading and sharing."""

from sandbox.slack.api_chat import bot_fields, checked_blocks, thread
from sandbox.slack.arguments import need, structure
from sandbox.slack.methods import Method, visible_channel
from sandbox.slack.people import BOT_USER
from sandbox.slack.shapes import TEAM_ID, Json, SlackRefusal
from sandbox.slack.workspace import Workspace

MOST_CHANNELS = 100


def as_file(workspace: Workspace, file: Json) -> Json:
    """The ``file`` object; its private addresses want the bot's token, as Slack's do."""
    shown = {key: value for key, value in file.items() if not key.startswith("_")}
    private = f"{workspace.base}/files-pri/{TEAM_ID}-{file['id']}/{file['name']}"
    return shown | {
        "url_private": private,
        "url_private_download": private.replace("/files-pri/", "/files-pri/download/"),
        "permalink": f"{workspace.base}/_sandbox/files/{file['id']}",
    }


async def upload_url(workspace: Workspace, arguments: Json) -> Json:
    """files.getUploadURLExternal."""
    need(arguments, "filename", "length")
    try:
        length = int(arguments["length"])
    except (TypeError, ValueError) as error:
        raise SlackRefusal("invalid_arguments") from error
    alt_text = str(arguments.get("alt_txt") or arguments.get("alt_text") or "")
    file = workspace.files.ticket(str(arguments["filename"]), length, alt_text)
    return {"upload_url": f"{workspace.base}/upload/v1/{file['id']}", "file_id": file["id"]}


async def complete(workspace: Workspace, arguments: Json) -> Json:
    """files.completeUploadExternal: one message with all the files, in each of the channels."""
    wanted = structure(arguments, "files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        need({}, "files")
    if not all(isinstance(one, dict) and one.get("id") for one in wanted):
        raise SlackRefusal("invalid_arguments")
    names = [name for name in str(arguments.get("channels") or "").split(",") if name]
    if arguments.get("channel_id"):
        names = [str(arguments["channel_id"])]
    if len(names) > MOST_CHANNELS:
        raise SlackRefusal("channels_limit_exceeded")
    channels = [_channel(workspace, name) for name in names]
    blocks = checked_blocks(workspace, arguments)
    files = [
        workspace.files.complete(str(one["id"]), one.get("title"), [channel["id"] for channel in channels])
        for one in wanted
    ]
    shown = [as_file(workspace, file) for file in files]
    for channel in channels:
        workspace.messages.post(
            channel,
            BOT_USER,
            str(arguments.get("initial_comment") or ""),
            thread_ts=thread(workspace, channel, arguments.get("thread_ts")),
            files=shown,
            blocks=blocks or None,
            upload=True,
            **bot_fields(workspace),
        )
    return {"files": shown}


def _channel(workspace: Workspace, name: str) -> Json:
    channel = visible_channel(workspace, name)
    if BOT_USER not in channel["members"]:
        raise SlackRefusal("not_in_channel")
    return channel


METHODS = (
    Method("files.getUploadURLExternal", upload_url, 4, ("files:write",), takes_json=False),
    Method("files.completeUploadExternal", complete, 4, ("files:write",)),
)
