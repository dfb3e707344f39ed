"""Whatever blocks an app sends, they are refused in words or shown; nothing falls over."""

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from sandbox.slack.blocks import message_problems, view_problems
from sandbox.slack.messages import with_ids
from sandbox.slack.text import controls_of
from sandbox.slack.workspace import Workspace

Json = dict[str, Any]
WORDS: Json = {"type": "plain_text", "text": "words"}
RICH: Json = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "a", "style": {"bold": True}}]},
        {
            "type": "rich_text_list",
            "style": "bullet",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}]}],
        },
    ],
}
OPTION: Json = {"text": WORDS, "value": "1"}
CONFIRM: Json = {"title": WORDS, "text": WORDS, "confirm": WORDS, "deny": WORDS}
BUTTON: Json = {"type": "button", "action_id": "b", "text": WORDS, "confirm": CONFIRM, "url": "https://x.y"}
SELECT: Json = {"type": "static_select", "action_id": "s", "options": [OPTION], "initial_option": OPTION}
GROUPS: Json = {
    "type": "static_select",
    "action_id": "g",
    "option_groups": [{"label": WORDS, "options": [OPTION]}],
}
TASK: Json = {
    "type": "task_card",
    "task_id": "1",
    "title": "t",
    "status": "complete",
    "details": RICH,
    "sources": [{"type": "url", "url": "https://x.y", "text": "s"}],
}
PICTURE: Json = {"type": "image", "image_url": "https://x.y", "alt_text": "x"}
COMMON: list[Json] = [
    {"type": "section", "text": WORDS, "fields": [WORDS], "accessory": SELECT},
    {
        "type": "actions",
        "elements": [BUTTON, GROUPS, {"type": "overflow", "action_id": "o", "options": [OPTION]}],
    },
    {"type": "context", "elements": [WORDS, PICTURE]},
    {"type": "header", "text": WORDS},
    {"type": "divider"},
    PICTURE | {"title": WORDS},
    RICH,
]
MESSAGE: list[Json] = [
    *COMMON,
    {"type": "plan", "title": "p", "tasks": [TASK]},
    {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": "x"}, RICH, {"type": "raw_number", "value": 1}]],
    },
    {"type": "markdown", "text": "# x"},
    {"type": "card", "title": WORDS, "actions": [BUTTON], "icon": PICTURE},
    {"type": "carousel", "elements": [{"type": "card", "body": WORDS, "actions": [BUTTON]}]},
    {
        "type": "container",
        "title": WORDS,
        "child_blocks": [{"type": "section", "text": WORDS, "accessory": BUTTON}],
    },
]
DATE: Json = {"type": "datepicker", "action_id": "d", "initial_date": "2026-01-02"}
VIEW: Json = {
    "type": "modal",
    "title": WORDS,
    "submit": WORDS,
    "blocks": [
        *COMMON,
        {"type": "alert", "text": WORDS, "level": "info"},
        {"type": "input", "label": WORDS, "element": {"type": "plain_text_input", "action_id": "i", "max_length": 9}},
        {"type": "input", "label": WORDS, "element": {"type": "checkboxes", "action_id": "c", "options": [OPTION]}},
        {"type": "input", "label": WORDS, "element": DATE},
    ],
}  # fmt: skip
JUNK: tuple[Any, ...] = (
    None,
    "",
    0,
    1.5,
    True,
    [],
    {},
    [None],
    {"type": None},
    {"type": []},
    "x" * 5000,
    ["x"],
    [{}],
)


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every place in a structure where something can be put instead."""
    pairs = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
    found: list[tuple[Any, Any]] = [(node, key) for key, _ in pairs]
    return found + [place for _, value in pairs if isinstance(value, dict | list) for place in places(value)]


def spoiled(whole: Any, chance: random.Random) -> Any:
    """A copy with one or two places replaced by junk or taken away."""
    copied = copy.deepcopy(whole)
    for _ in range(chance.randint(1, 2)):
        node, key = chance.choice(places(copied))
        if chance.random() < 0.3 and isinstance(node, dict):
            node.pop(key, None)
        elif isinstance(node, dict) or key < len(node):
            node[key] = copy.deepcopy(chance.choice(JUNK))
    return copied


def test_the_examples_themselves_are_fine() -> None:
    assert message_problems(MESSAGE) == []
    assert view_problems(VIEW) == []


@pytest.mark.parametrize("seed", range(4))
def test_spoiled_blocks_are_refused_or_shown(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    workspace = Workspace(tmp_path, "http://127.0.0.1:1")
    for _ in range(300):
        blocks = spoiled(MESSAGE, chance)
        if not message_problems(blocks):
            shown = with_ids(blocks)
            controls_of(shown)
            workspace.words({"text": "x", "blocks": shown})
        view = spoiled(VIEW, chance)
        if not view_problems(view):
            shown = with_ids(view["blocks"])
            controls_of(shown)
            workspace.words(view | {"blocks": shown})
    workspace.store.close()
