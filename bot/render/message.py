"""The pieces every message is made of: escaped, cut to Slack's limits, with a text that says it all."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    ImageBlock,
    MarkdownTextObject,
    PlainTextObject,
    RawTextObject,
    SectionBlock,
    TableBlock,
)
from slack_sdk.models.blocks.basic_components import SlackFile

# docs.slack.dev, reference/block-kit/blocks; text is cut where Slack advises, far below what it refuses.
TEXT = 4000
SECTION = 3000
FIELD = 2000
FIELDS = 10
HEADER = 150
BUTTON = 75
BLOCKS = 50
TABLE_ROWS = 100
CONFIRM_TEXT = 300
CONFIRM_TITLE = 100
CONFIRM_BUTTON = 30

SlackBlock = dict[str, Any]  # Any: Block Kit's JSON


@dataclass(frozen=True)
class Message:
    """What a person sees. `text` is read out by notifications and screen readers and leaves nothing out."""

    text: str
    blocks: tuple[SlackBlock, ...]
    for_all: bool = False
    """Whether an answer to a command is for the whole channel, not only for who typed it."""

    @property
    def digest(self) -> str:
        """The same for messages that look the same."""
        content = json.dumps([self.text, self.blocks], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def message(text: str, *blocks: Block | None) -> Message:
    """A message of the blocks that are there; those beyond Slack's 50 are dropped."""
    shown = [block.to_dict() for block in blocks if block is not None]
    return Message(clip(text, TEXT), tuple(shown[:BLOCKS]))


def joined(messages: Sequence[Message]) -> Message:
    """Several lines as one message, in their order; one message alone stays as it is."""
    if len(messages) == 1:
        return messages[0]
    text = clip("\n".join(message.text for message in messages), TEXT)
    if len(text) <= SECTION:
        return Message(text, (section(text).to_dict(),))
    return Message(text, tuple(block for message in messages for block in message.blocks)[:BLOCKS])


def escape(text: object) -> str:
    """Foreign text, harmless inside mrkdwn: no link, mention or channel call is made of it."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def naming(text: object, *people: str | None) -> str:
    """As `escape`, with the ids of `people` made into mentions: `release` knows people by id alone."""
    escaped = escape(text)
    for user in sorted({user for user in people if user and is_person(user)}):
        escaped = re.sub(rf"(?<![@\w]){user}(?!\w)", person(user), escaped)
    return escaped


def is_person(text: object) -> bool:
    """Whether this is the id of a person in Slack."""
    return re.fullmatch(r"[UW][A-Z0-9]{5,}", str(text)) is not None


def as_typed(text: str, slash: str, words: Sequence[str] = ()) -> str:
    """Every `/ghost rollback blog` in the text as code, by the command's own name.

    Beside versions, ids, options and words in capitals, `words` may be part of it.
    """
    own = sorted((re.escape(escape(word)) for word in words if word and " " not in word), reverse=True)
    more = "|".join([*own, r"\d+\.\d+\.\d+", r"[brs]-[a-z0-9-]+", "--[a-z]+", "[A-Z]{2,}"])
    return re.sub(rf"(?<![`\w/])/ghost( [a-z][a-z-]*(?: (?:{more})(?![\w-]))*)", rf"`{slash}\1`", text)


def typed(message: Message, slash: str, words: Sequence[str] = ()) -> Message:
    """The message with its commands as they are typed here."""

    def shown(part: Any) -> Any:  # Any: Block Kit's JSON
        if isinstance(part, list):
            return [shown(one) for one in part]
        if not isinstance(part, dict):
            return part
        if part.get("type") == "mrkdwn":
            return {**part, "text": as_typed(part["text"], slash, words)}
        return {name: shown(one) for name, one in part.items()}

    blocks = tuple(shown(block) for block in message.blocks)
    return replace(message, text=as_typed(message.text, slash, words), blocks=blocks)


def whole(parts: Sequence[str], limit: int, more: str, between: str = "\n") -> str:
    """As many whole parts as there is room for, and `more`, with how many are left for its {}, if there are any.

    Of a first part that is too long by itself there is as much as fits.
    """
    if len(between.join(parts)) <= limit:
        return between.join(parts)
    room = limit - len(between) - len(more.format(len(parts)))
    shown = [clip(parts[0], room)]
    for part in parts[1:]:
        if len(between.join([*shown, part])) > room:
            break
        shown.append(part)
    left = len(parts) - len(shown)
    return between.join([*shown, more.format(left)] if left else shown)


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, never ending inside an entity (`&am`) or a mention (`<@U1`)."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    if cut.rfind("<") > cut.rfind(">"):
        cut = cut[: cut.rfind("<")]
    return re.sub(r"&[a-z]*$", "", cut) + "…"


def person(user: str | None) -> str:
    """A mention for a person's id; anything else (the bot itself, a schedule) as it is."""
    if user is None:
        return "nobody"
    return f"<@{user}>" if is_person(user) else escape(user)


def audience(ids: Sequence[str]) -> str:
    """Mentions of people and of user groups."""
    return " ".join(f"<!subteam^{who}>" if who.startswith("S") else person(who) for who in ids)


def when(moment: datetime, style: str = "{date_short_pretty} at {time}") -> str:
    """A time in the reader's own zone. `style` is made of Slack's date tokens."""
    moment = moment.astimezone(UTC)
    return f"<!date^{int(moment.timestamp())}^{style}|{moment:%Y-%m-%d %H:%M} UTC>"


def in_their_zone(text: str) -> str:
    """Every `2026-12-01 08:00 UTC` in the text as the reader's own time: `release` knows nobody's zone."""

    def shown(found: re.Match[str]) -> str:
        return when(datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC))

    return re.sub(r"(?<![|\d])(\d{4}-\d\d-\d\d \d\d:\d\d) UTC", shown, text)


def clock_time(moment: datetime) -> str:
    """As `when`, the time of day with seconds."""
    moment = moment.astimezone(UTC)
    return f"<!date^{int(moment.timestamp())}^{{time_secs}}|{moment:%H:%M:%S} UTC>"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if whole < 2 * 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{round(whole / 86400)} days"


def ago(seconds: float) -> str:
    """`just now`, `12 s ago`, `3 min 20 s ago`."""
    return "just now" if seconds < 5 else f"{duration(round(seconds))} ago"


def size(count: int) -> str:
    """Bytes as `12.3 MB`."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def mrkdwn(text: str, most: int) -> MarkdownTextObject:
    """Text, already escaped, cut at `most` characters. A link is what stands in `<...>`, never a bare address in it."""
    return MarkdownTextObject(text=clip(text, most), verbatim=True)


def section(text: str, block_id: str | None = None) -> SectionBlock:
    """A paragraph of mrkdwn, already escaped, cut at 3,000 characters."""
    return SectionBlock(text=mrkdwn(text, SECTION), block_id=block_id)


def fields(*pairs: tuple[str, str] | None) -> SectionBlock:
    """Names over values, two columns. A pair that does not apply is None."""
    texts = [f"*{name}*\n{value}" for name, value in (pair for pair in pairs if pair)]
    return SectionBlock(fields=[mrkdwn(text, FIELD) for text in texts[:FIELDS]])


def header(text: str) -> HeaderBlock:
    """A title in plain text, cut at 150 characters."""
    return HeaderBlock(text=PlainTextObject(text=clip(text, HEADER)))


def image(title: str, alt_text: str, file: str) -> ImageBlock:
    """A picture that Slack has as a file; `alt_text` is read out in its place."""
    return ImageBlock(
        title=PlainTextObject(text=clip(title, HEADER)),
        alt_text=clip(alt_text, FIELD),
        slack_file=SlackFile(id=file),
    )


def context(text: str) -> ContextBlock:
    """A small grey line of mrkdwn, already escaped."""
    return ContextBlock(elements=[mrkdwn(text, FIELD)])


def divider() -> DividerBlock:
    """A thin line across."""
    return DividerBlock()


def confirm(title: str, text: str, yes: str, no: str = "Not now") -> ConfirmObject:
    """The question asked once more before a click that cannot be taken back easily."""
    return ConfirmObject(
        title=PlainTextObject(text=clip(title, CONFIRM_TITLE)),
        text=mrkdwn(text, CONFIRM_TEXT),
        confirm=PlainTextObject(text=clip(yes, CONFIRM_BUTTON)),
        deny=PlainTextObject(text=clip(no, CONFIRM_BUTTON)),
    )


def button(
    label: str, action: str, value: str, style: str | None = None, asks: ConfirmObject | None = None
) -> ButtonElement:
    """`action` picks what happens, `value` says to what: an id, never a secret."""
    return ButtonElement(
        text=PlainTextObject(text=clip(label, BUTTON)),
        action_id=action,
        value=value,
        style=style,
        confirm=asks,
    )


def link_button(label: str, action: str, url: str) -> ButtonElement:
    """A button that opens an address; Slack tells the app of the click all the same."""
    return ButtonElement(text=PlainTextObject(text=clip(label, BUTTON)), action_id=action, url=url)


def buttons(*elements: ButtonElement | None) -> ActionsBlock | None:
    """The buttons that apply now; no block at all when none does."""
    shown = [element for element in elements if element is not None]
    return ActionsBlock(elements=shown) if shown else None


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> TableBlock:
    """One table (Slack allows one a message). Cells are literal: nothing in them is markup."""
    lines = [titles, *rows][:TABLE_ROWS]
    return TableBlock(rows=[[RawTextObject(text=clip(cell, 200) or "-") for cell in line] for line in lines])
