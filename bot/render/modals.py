"""The two questions that want words: why not, and why alone."""

import json
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    InputBlock,
    PlainTextInputElement,
    PlainTextObject,
)
from slack_sdk.models.views import View

from bot.render.message import Message, section
from bot.render.words import release_title
from release.model import Release

REASON = "reason"
LONGEST_REASON = 500


def why_rejected(release: Release, approval: str, channel: str) -> View:
    """Asks why the release is not to go live."""
    told = f"{release_title(release)} does not go live then. Production stays as it is."
    return _asks("reject", "Reject this release?", told, "Why not?", "Reject", (approval, channel))


def why_alone(release: Release, approval: str, channel: str) -> View:
    """Asks why one person decides what takes more than one."""
    told = (
        f"{release_title(release)} goes live at once, without a second pair of eyes, and even in a freeze. "
        "The channel is told that you did it, and why."
    )
    return _asks(
        "break_glass", "Break the glass?", told, "Why can it not wait?", "Put it live", (approval, channel)
    )


def refused(told: Message) -> View:
    """In the place of a question: why this person is not asked."""
    return View(
        type="modal",
        title=PlainTextObject(text="Not possible"),
        close=PlainTextObject(text="Close"),
        blocks=list(told.blocks),
    )


def _asks(what: str, title: str, told: str, label: str, yes: str, about: tuple[str, str]) -> View:
    blocks: list[Block] = [
        section(told),
        InputBlock(
            block_id=REASON,
            label=PlainTextObject(text=label),
            element=PlainTextInputElement(
                action_id=REASON, multiline=True, min_length=3, max_length=LONGEST_REASON
            ),
        ),
    ]
    return View(
        type="modal",
        callback_id=what,
        title=PlainTextObject(text=title),
        submit=PlainTextObject(text=yes),
        close=PlainTextObject(text="Not now"),
        private_metadata=json.dumps(about),
        blocks=blocks,
    )


def answered(view: dict[str, Any]) -> tuple[str, str, str]:  # Any: Slack's view
    """The approval, the channel it is told in, and the reason that was written."""
    approval, channel = json.loads(view["private_metadata"])
    reason = " ".join(str(view["state"]["values"][REASON][REASON]["value"] or "").split())
    return str(approval), str(channel), reason
