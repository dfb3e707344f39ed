"""Messages: posted, edited, deleted, threaded, seen by all or by one person only."""

import secrets
from typing import Any

from sandbox.slack.channels import Channels
from sandbox.slack.feed import Feed
from sandbox.slack.shapes import TEAM_ID, Json, now
from sandbox.slack.store import Store


class Messages:
    """All messages by channel and ts. Keys that start with an underscore are ours, not Slack's.

    ``_to`` is the only person who sees an ephemeral message; ``_edits`` counts changes, for followers.
    """

    def __init__(self, store: Store, channels: Channels, feed: Feed) -> None:
        self._store = store
        self._channels = channels
        self._feed = feed
        self._by_channel: dict[str, dict[str, Json]] = {}
        self._threads: dict[tuple[str, str], dict[str, Json]] = {}  # a message with its replies
        self._last_ts = 0
        for message in store.all("message"):
            self._add(message)
            self._last_ts = max(self._last_ts, int(message["ts"].replace(".", "")))

    def new_ts(self) -> str:
        """A time stamp no other message has; later ones compare greater."""
        self._last_ts = max(self._last_ts + 1, int(now() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def post(self, channel: Json, user: str, text: str, **fields: Any) -> Json:
        """Add a message. ``fields`` are further fields of Slack's message, or ours with an underscore."""
        ts = self.new_ts()
        message: Json = {"type": "message", "user": user, "ts": ts, "text": text, "team": TEAM_ID}
        message |= {key: value for key, value in fields.items() if value is not None}
        message["_channel"] = channel["id"]
        if message.get("blocks"):
            message["blocks"] = with_ids(message["blocks"])
        self._add(message)
        self._keep(message)
        self._count_replies(channel["id"], message.get("thread_ts"))
        self.announce("message", message)
        return message

    def change(self, message: Json, **fields: Any) -> Json:
        """Replace fields of a message; a field set to None is taken away."""
        for key, value in fields.items():
            if value is None:
                message.pop(key, None)
            else:
                message[key] = with_ids(value) if key == "blocks" else value
        message["_edits"] = message.get("_edits", 0) + 1
        self._keep(message)
        self.announce("message_changed", message)
        return message

    def delete(self, message: Json) -> None:
        """Take a message away; one with replies leaves a tombstone, as in Slack."""
        channel, ts = message["_channel"], message["ts"]
        if message.get("reply_count"):
            message.pop("blocks", None)
            self.change(message, text="This message was deleted.", subtype="tombstone", files=None)
            return
        self._by_channel[channel].pop(ts, None)
        self._thread_of(message).pop(ts, None)
        self._store.drop("message", f"{channel}/{ts}")
        self._count_replies(channel, message.get("thread_ts"))
        self.announce("message_deleted", message)

    def find(self, channel: str, ts: str) -> Json | None:
        """One message, ephemeral ones included."""
        return self._by_channel.get(channel, {}).get(ts)

    def visible(self, channel: str, viewer: str) -> list[Json]:
        """What a person sees in a channel and its threads, oldest first."""
        found = self._by_channel.get(channel, {}).values()
        return [message for message in found if message.get("_to") in (None, viewer)]

    def history(self, channel: str) -> list[Json]:
        """What conversations.history covers: no ephemeral messages, no replies but broadcast ones."""
        return [
            message
            for message in self._by_channel.get(channel, {}).values()
            if "_to" not in message
            and (not is_reply(message) or message.get("subtype") == "thread_broadcast")
        ]

    def thread(self, channel: str, ts: str) -> list[Json]:
        """A message and its replies, oldest first, without ephemeral ones."""
        return [m for m in self._threads.get((channel, ts), {}).values() if "_to" not in m]

    def announce(self, kind: str, message: Json) -> None:
        """Tell those who may see the message."""
        channel = self._channels.the(message["_channel"])
        to = message.get("_to")
        audience = frozenset((to,)) if to else self._channels.readers(channel)
        self._feed.tell(kind, audience, channel=channel["id"], message=for_page(message))

    def _count_replies(self, channel: str, thread_ts: str | None) -> None:
        parent = None if thread_ts is None else self.find(channel, thread_ts)
        if parent is None:
            return
        replies = [m for m in self.thread(channel, parent["ts"]) if is_reply(m)]
        for key in ("reply_count", "reply_users", "reply_users_count", "latest_reply"):
            parent.pop(key, None)
        parent["thread_ts"] = parent["ts"]
        if replies:
            users = list(dict.fromkeys(reply["user"] for reply in replies))
            parent |= {
                "reply_count": len(replies),
                "reply_users": users[:5],
                "reply_users_count": len(users),
                "latest_reply": replies[-1]["ts"],
            }
        else:
            parent.pop("thread_ts")
        parent["_edits"] = parent.get("_edits", 0) + 1
        self._keep(parent)
        self.announce("message_changed", parent)

    def _add(self, message: Json) -> None:
        self._by_channel.setdefault(message["_channel"], {})[message["ts"]] = message
        self._thread_of(message)[message["ts"]] = message

    def _thread_of(self, message: Json) -> dict[str, Json]:
        top = str(message.get("thread_ts") or message["ts"])
        return self._threads.setdefault((message["_channel"], top), {})

    def _keep(self, message: Json) -> None:
        self._store.put("message", f"{message['_channel']}/{message['ts']}", message)


def is_reply(message: Json) -> bool:
    """True for a message inside a thread, false for the one that began it."""
    return message.get("thread_ts") not in (None, message["ts"])


def public(message: Json) -> Json:
    """The message as Slack's API shows it."""
    return {key: value for key, value in message.items() if not key.startswith("_")}


def for_page(message: Json) -> Json:
    """The message as the page gets it: Slack's fields and whether only one person sees it."""
    return public(message) | {
        "channel": message["_channel"],
        "ephemeral": "_to" in message,
        "edits": message.get("_edits", 0),
    }


def with_ids(blocks: list[Json]) -> list[Json]:
    """The blocks with the ids that Slack makes up where an app gave none."""
    return [_with_ids(block) for block in blocks]


def _with_ids(block: Json) -> Json:
    block = {**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)[:5]}
    for key in ("accessory", "element"):
        if isinstance(block.get(key), dict):
            block[key] = _with_action_id(block[key])
    for key in ("elements", "actions"):
        if isinstance(block.get(key), list) and block["type"] in ("actions", "context_actions", "card"):
            block[key] = [_with_action_id(element) for element in block[key]]
    for key in ("tasks", "child_blocks"):
        if isinstance(block.get(key), list):
            block[key] = with_ids(block[key])
    if block["type"] == "carousel":
        block["elements"] = with_ids(block["elements"])
    return block


def _with_action_id(element: Json) -> Json:
    if element.get("type") == "image":
        return element
    return {**element, "action_id": element.get("action_id") or secrets.token_urlsafe(4)[:5]}
