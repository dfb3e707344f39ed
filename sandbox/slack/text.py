"""Text as people type it, as Slack stores it, and as people read it."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.slack.channels import Channels
from sandbox.slack.people import People
from sandbox.slack.shapes import Json

MENTION = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)
CHANNEL = re.compile(r"(?<![\w#&])#([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
LINK = re.compile(r"https?://[^\s<>|]+")
ANGLE = re.compile(r"<([^<>]*)>")
DATE = re.compile(r"!date\^(\d+)\^([^^|]*)(?:\^[^|]*)?(?:\|(.*))?", re.DOTALL)


def escape(text: str) -> str:
    """The three characters that Slack's markup needs escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_typed(text: str, people: People, channels: Channels, *, names_too: bool = False) -> str:
    """What a person typed, as Slack stores it: escaped, with mentions, channels and links marked.

    ``names_too`` writes ``<@U1|ann>`` instead of ``<@U1>``, as escaped slash commands do.
    """

    def mention(match: re.Match[str]) -> str:
        word = match[1].lower().rstrip(".-_")
        rest = match[1][len(word) :]
        if word in ("here", "channel", "everyone"):
            return f"<!{word}>{rest}"
        person = people.find(word)
        if person is not None and person["name"] == word:
            return f"<@{person['id']}|{word}>{rest}" if names_too else f"<@{person['id']}>{rest}"
        group = people.group(word)
        if group is not None:
            return f"<!subteam^{group['id']}|@{group['handle']}>{rest}"
        return match[0]

    def channel(match: re.Match[str]) -> str:
        found = channels.find(match[1].lower())
        if found is None or found.get("is_im"):
            return match[0]
        return f"<#{found['id']}|{found['name']}>"

    parts = []
    for piece, is_link in _split_links(escape(text)):
        parts.append(f"<{piece}>" if is_link else CHANNEL.sub(channel, MENTION.sub(mention, piece)))
    return "".join(parts)


def _split_links(text: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for match in LINK.finditer(text):
        yield text[at : match.start()], False
        yield match[0], True
        at = match.end()
    yield text[at:], False


def read(mrkdwn: str, people: People, channels: Channels) -> str:
    """Marked-up text as a person reads it: names instead of ids, labels instead of links."""

    def angle(match: re.Match[str]) -> str:
        inner = match[1]
        date = DATE.fullmatch(inner)
        if date:
            return date[3] or datetime.fromtimestamp(int(date[1]), UTC).isoformat(timespec="minutes")
        target, _, label = inner.partition("|")
        if target.startswith("@"):
            person = people.find(target[1:])
            return f"@{person['name'] if person else label or target[1:]}"
        if target.startswith("#"):
            found = channels.find(target[1:])
            return f"#{found['name'] if found else label or target[1:]}"
        if target.startswith("!subteam^"):
            group = people.group(target.removeprefix("!subteam^"))
            return f"@{group['handle'] if group else label}"
        if target.startswith("!"):
            return f"@{target[1:]}"
        return label or target.removeprefix("mailto:")

    return html.unescape(ANGLE.sub(angle, mrkdwn))


def words_of(message: Json, people: People, channels: Channels) -> str:
    """Everything a person reads in a message or view, one piece a line."""
    pieces: list[str] = []
    for key in ("title", "submit", "close"):
        pieces += _pieces(message.get(key), people, channels)
    blocks = message.get("blocks")
    if blocks:
        pieces += _pieces(blocks, people, channels)
    else:
        pieces.append(read(str(message.get("text", "")), people, channels))
    pieces += [str(file.get("title") or file.get("name")) for file in message.get("files", [])]
    return "\n".join(piece for piece in pieces if piece)


# The keys of Block Kit that hold words for people; ids, values and urls do not.
SHOWN = (
    "title", "subtitle", "text", "body", "fields", "label", "hint", "placeholder", "accessory", "element",
    "elements", "tasks", "details", "output", "sources", "rows", "options", "child_blocks", "actions",
    "description", "alt_text", "author_name", "rich_text_title", "initial_value", "status",
)  # fmt: skip


def _pieces(node: Any, people: People, channels: Channels) -> list[str]:
    if isinstance(node, str):
        return [read(node, people, channels)]
    if isinstance(node, list):
        return [piece for item in node for piece in _pieces(item, people, channels)]
    if not isinstance(node, dict):
        return []
    kind = node.get("type")
    if kind in ("mrkdwn", "plain_text", "raw_text"):
        return [read(str(node.get("text", "")), people, channels)]
    if kind == "raw_number":
        return [str(node.get("text") or node.get("value", ""))]
    if kind in ("rich_text_section", "rich_text_quote", "rich_text_preformatted"):
        return ["".join(_rich(element, people, channels) for element in node.get("elements", []))]
    found = [piece for key in SHOWN if key in node for piece in _pieces(node[key], people, channels)]
    if kind == "table":
        found = [" | ".join(_pieces(row, people, channels)) for row in node.get("rows", [])]
    return found


def _rich(element: Json, people: People, channels: Channels) -> str:
    kind = element.get("type")
    if kind == "user":
        return read(f"<@{element.get('user_id')}>", people, channels)
    if kind == "channel":
        return read(f"<#{element.get('channel_id')}>", people, channels)
    if kind == "usergroup":
        return read(f"<!subteam^{element.get('usergroup_id')}>", people, channels)
    if kind == "emoji":
        return f":{element.get('name')}:"
    if kind == "broadcast":
        return f"@{element.get('range')}"
    if kind == "date":
        return str(element.get("fallback") or element.get("timestamp", ""))
    return str(element.get("text") or element.get("url") or "")


def controls_of(blocks: Any) -> list[Json]:
    """All interactive elements of blocks, each with the ``block_id`` it stands in."""
    found: list[Json] = []
    for block in blocks or []:
        inside = [block.get("accessory"), block.get("element")]
        if block.get("type") in ("actions", "context_actions", "card"):
            inside += block.get("elements") or []
            inside += block.get("actions") or []
        for element in inside:
            if isinstance(element, dict) and "action_id" in element:
                found.append({**element, "block_id": block.get("block_id")})
        if block.get("type") == "carousel":
            found += controls_of(block.get("elements"))
        found += controls_of(block.get("child_blocks"))
    return found


def label_of(element: Json) -> str:
    """The words on a button, or the placeholder of a menu."""
    text = element.get("text") or element.get("placeholder") or {}
    return str(text.get("text", ""))
