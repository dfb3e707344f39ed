"""Blocks of messages, checked as Slack checks them (reference/block-kit/blocks)."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from sandbox.slack.check import TEXT_KINDS, Check, part, parts
from sandbox.slack.elements import IN_ACTIONS, IN_INPUT, IN_SECTION, ONLY_IN_MODALS, element, image

Node = dict[str, Any]
RICH_PARTS = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
RICH_LEAVES = (
    "text", "link", "user", "channel", "usergroup", "emoji", "broadcast", "date", "color", "team",
)  # fmt: skip
TASK_STATES = ("pending", "in_progress", "complete", "error")
MARKDOWN_LONGEST = 12_000  # of all markdown blocks of one message together
MESSAGE_MOST = 50
VIEW_MOST = 100


def section(check: Check, node: Node, at: str) -> None:
    """Text, fields and one element beside them."""
    check.keys(node, at, "", "text fields accessory expand")
    if node.get("text") is None and node.get("fields") is None:
        check.fail(at, "must define either `text` or `fields`")
    check.text(node, "text", at, 3000, TEXT_KINDS)
    for number, field in enumerate(check.items(node, "fields", at, 10)):
        check.text_object(field, f"{at}/fields/{number}", 2000)
    if node.get("accessory") is not None:
        element(check, node["accessory"], f"{at}/accessory", IN_SECTION)


def header(check: Check, node: Node, at: str) -> None:
    """A headline."""
    check.keys(node, at, "text", "level")
    check.text(node, "text", at, 150)


def divider(check: Check, node: Node, at: str) -> None:
    """A line."""
    check.keys(node, at, "")


def context(check: Check, node: Node, at: str) -> None:
    """Small print: texts and pictures."""
    check.keys(node, at, "elements")
    for number, one in enumerate(check.items(node, "elements", at, 10)):
        inside = f"{at}/elements/{number}"
        if isinstance(one, dict) and one.get("type") == "image":
            image(check, one, inside)
        else:
            check.text_object(one, inside, 2000)


def actions(check: Check, node: Node, at: str) -> None:
    """A row of buttons and menus."""
    check.keys(node, at, "elements")
    for number, one in enumerate(check.items(node, "elements", at, 25)):
        element(check, one, f"{at}/elements/{number}", IN_ACTIONS)


def context_actions(check: Check, node: Node, at: str) -> None:
    """Feedback and icon buttons."""
    check.keys(node, at, "elements")
    for number, one in enumerate(check.items(node, "elements", at, 5)):
        element(check, one, f"{at}/elements/{number}", ("feedback_buttons", "icon_button"))


def image_block(check: Check, node: Node, at: str) -> None:
    """A picture of its own."""
    check.keys(node, at, "alt_text", "image_url slack_file title")
    if (node.get("image_url") is None) == (node.get("slack_file") is None):
        check.fail(at, "must define either `image_url` or `slack_file`, not both")
    check.url(node, "image_url", at)
    check.string(node, "alt_text", at, 2000)
    check.text(node, "title", at, 2000)


def input_block(check: Check, node: Node, at: str) -> None:
    """A labelled field."""
    check.keys(node, at, "label element", "hint optional dispatch_action")
    check.text(node, "label", at, 2000)
    check.text(node, "hint", at, 2000)
    check.flag(node, "optional", at)
    check.flag(node, "dispatch_action", at)
    if node.get("element") is not None:
        element(check, node["element"], f"{at}/element", IN_INPUT)


def markdown(check: Check, node: Node, at: str) -> None:
    """Standard markdown."""
    check.keys(node, at, "text")
    check.string(node, "text", at, MARKDOWN_LONGEST)


def rich_text(check: Check, node: Node, at: str) -> None:
    """Formatted text, as Slack's own composer writes it."""
    check.keys(node, at, "elements")
    for number, one in enumerate(check.items(node, "elements", at, 1000, 0)):
        inside = f"{at}/elements/{number}"
        if not check.is_object(one, inside):
            continue
        if one.get("type") not in RICH_PARTS:
            check.fail(f"{inside}/type", f"unsupported type: {one.get('type')}")
            continue
        check.keys(one, inside, "elements", "style indent offset border language")
        for leaf_number, leaf in enumerate(check.items(one, "elements", inside, 1000, 0)):
            _rich_leaf(check, leaf, f"{inside}/elements/{leaf_number}", one["type"] == "rich_text_list")


def _rich_leaf(check: Check, leaf: Any, at: str, in_list: bool) -> None:
    allowed = ("rich_text_section",) if in_list else RICH_LEAVES
    if not check.is_object(leaf, at):
        return
    if leaf.get("type") not in allowed:
        check.fail(f"{at}/type", f"unsupported type: {leaf.get('type')}")
    elif in_list:
        check.keys(leaf, at, "elements")
        for number, one in enumerate(check.items(leaf, "elements", at, 1000, 0)):
            _rich_leaf(check, one, f"{at}/elements/{number}", False)
    elif leaf["type"] == "text":
        check.string(leaf, "text", at, 40_000)
        if leaf.get("text") is None:
            check.fail(at, "missing required field: text")


def table(check: Check, node: Node, at: str) -> None:
    """Rows of cells."""
    check.keys(node, at, "rows", "column_settings")
    for number, row in enumerate(check.items(node, "rows", at, 100)):
        for column, cell in enumerate(check.listing(row, f"{at}/rows/{number}", 20)):
            inside = f"{at}/rows/{number}/{column}"
            if not check.is_object(cell, inside):
                continue
            kind = cell.get("type")
            if kind == "raw_text":
                check.keys(cell, inside, "text")
                check.string(cell, "text", inside, 3000)
            elif kind == "raw_number":
                check.keys(cell, inside, "value", "text")
            elif kind == "rich_text":
                rich_text(check, cell, inside)
            else:
                check.fail(f"{inside}/type", f"unsupported type: {kind}")
    for number, setting in enumerate(check.items(node, "column_settings", at, 20)):
        if setting is not None and check.is_object(setting, f"{at}/column_settings/{number}"):
            check.one_of(setting, "align", f"{at}/column_settings/{number}", ("left", "center", "right"))


def task_card(check: Check, node: Node, at: str) -> None:
    """One task and its state."""
    check.keys(node, at, "task_id title", "details output sources status")
    check.string(node, "task_id", at, 255)
    check.string(node, "title", at, 255)
    check.one_of(node, "status", at, TASK_STATES)
    for key in ("details", "output"):
        text = node.get(key)
        if text is not None and check.is_object(text, f"{at}/{key}"):
            if text.get("type") != "rich_text":
                check.fail(f"{at}/{key}/type", f"unsupported type: {text.get('type')}")
            else:
                rich_text(check, text, f"{at}/{key}")
    for number, source in enumerate(check.items(node, "sources", at, 50, 0)):
        inside = f"{at}/sources/{number}"
        if check.is_object(source, inside):
            check.keys(source, inside, "url text")
            check.url(source, "url", inside)


def plan(check: Check, node: Node, at: str) -> None:
    """Tasks under one title."""
    check.keys(node, at, "title", "tasks")
    check.string(node, "title", at, 255)
    tasks = check.items(node, "tasks", at, MESSAGE_MOST, 0)
    for number, task in enumerate(tasks):
        inside = f"{at}/tasks/{number}"
        if check.is_object(task, inside):
            if task.get("type") != "task_card":
                check.fail(f"{inside}/type", f"unsupported type: {task.get('type')}")
            else:
                task_card(check, task, inside)
    seen = Counter(str(task.get("task_id")) for task in tasks if isinstance(task, dict))
    for task_id, times in seen.items():
        if times > 1:
            check.fail(f"{at}/tasks", f"duplicate task_id: {task_id}")


def alert(check: Check, node: Node, at: str) -> None:
    """A coloured notice."""
    check.keys(node, at, "text", "level")
    check.text(node, "text", at, 3000, TEXT_KINDS)
    check.one_of(node, "level", at, ("default", "info", "warning", "error", "success"))


def card(check: Check, node: Node, at: str) -> None:
    """A card with picture, words and buttons."""
    check.keys(node, at, "", "hero_image icon title subtitle body actions")
    if all(node.get(key) is None for key in ("hero_image", "title", "actions", "body")):
        check.fail(at, "must define at least one of `hero_image`, `title`, `actions` or `body`")
    for key, longest in (("title", 150), ("subtitle", 150), ("body", 200)):
        check.text(node, key, at, longest, TEXT_KINDS)
    for key in ("hero_image", "icon"):
        if node.get(key) is not None:
            element(check, node[key], f"{at}/{key}", ("image",))
    for number, one in enumerate(check.items(node, "actions", at, 5)):
        element(check, one, f"{at}/actions/{number}", ("button", "overflow"))


def carousel(check: Check, node: Node, at: str) -> None:
    """Cards side by side."""
    check.keys(node, at, "elements")
    for number, one in enumerate(check.items(node, "elements", at, 10)):
        inside = f"{at}/elements/{number}"
        if check.is_object(one, inside):
            if one.get("type") == "card":
                card(check, one, inside)
            else:
                check.fail(f"{inside}/type", f"unsupported type: {one.get('type')}")


def container(check: Check, node: Node, at: str) -> None:
    """Blocks inside a frame."""
    check.keys(
        node,
        at,
        "child_blocks",
        "title rich_text_title subtitle width icon is_collapsible default_collapsed has_header_divider",
    )
    if node.get("title") is None and node.get("rich_text_title") is None:
        check.fail(at, "must define either `title` or `rich_text_title`")
    check.text(node, "title", at, 150)
    check.text(node, "subtitle", at, 150, TEXT_KINDS)
    check.one_of(node, "width", at, ("narrow", "standard", "wide", "full"))
    if node.get("is_collapsible") and node.get("has_header_divider"):
        check.fail(at, "`has_header_divider` cannot be set when `is_collapsible` is true")
    children = check.items(node, "child_blocks", at, 10)
    for number, child in enumerate(children):
        block(check, child, f"{at}/child_blocks/{number}", MESSAGE_BLOCKS - {"container"})


def video(check: Check, node: Node, at: str) -> None:
    """A film. Slack wants links.embed:write and an https address for it."""
    check.keys(
        node,
        at,
        "alt_text title thumbnail_url video_url",
        "author_name description provider_icon_url provider_name title_url",
    )
    check.text(node, "title", at, 200)


CHECKS: dict[str, Callable[[Check, Node, str], None]] = {
    "section": section,
    "header": header,
    "divider": divider,
    "context": context,
    "actions": actions,
    "context_actions": context_actions,
    "image": image_block,
    "input": input_block,
    "markdown": markdown,
    "rich_text": rich_text,
    "table": table,
    "task_card": task_card,
    "plan": plan,
    "alert": alert,
    "card": card,
    "carousel": carousel,
    "container": container,
    "video": video,
}
EVERYWHERE = frozenset(
    {"section", "header", "divider", "context", "actions", "image", "input", "rich_text", "video"}
)
MESSAGE_BLOCKS = EVERYWHERE | {
    "context_actions", "markdown", "table", "task_card", "plan", "card", "carousel", "container",
}  # fmt: skip
MODAL_BLOCKS = EVERYWHERE | {"alert"}


def block(check: Check, node: Any, at: str, allowed: frozenset[str]) -> None:
    """Check one block that must be of a type allowed on its surface."""
    if not check.is_object(node, at):
        return
    kind = node.get("type")
    if kind is None:
        check.fail(at, "missing required field: type")
    elif not isinstance(kind, str) or kind not in allowed:
        check.fail(f"{at}/type", f"unsupported type: {kind}")
    else:
        check.string(node, "block_id", at, 255)
        CHECKS[kind](check, node, at)
        _unique_actions(check, node, at)


def _unique_actions(check: Check, node: Node, at: str) -> None:
    key = "elements" if node["type"] in ("actions", "context_actions") else "actions"
    names = [str(one["action_id"]) for one in parts(node, key) if one.get("action_id")]
    for name, times in Counter(names).items():
        if times > 1:
            check.fail(at, f"duplicate action_id: {name}")


def all_blocks(check: Check, value: Any, at: str, most: int, allowed: frozenset[str]) -> list[Node]:
    """Check a list of blocks and their block_ids; returns those that are objects."""
    found = check.listing(value, at, most, 0)
    for number, one in enumerate(found):
        block(check, one, f"{at}/{number}", allowed)
    nodes = [one for one in found if isinstance(one, dict)]
    seen = Counter(str(one["block_id"]) for one in nodes if one.get("block_id"))
    for block_id, times in seen.items():
        if times > 1:
            check.fail(at, f"duplicate block_id: {block_id}")
    return nodes


def message_problems(value: Any) -> list[str]:
    """What Slack would say against the blocks of a message; empty when they are fine."""
    check = Check()
    nodes = all_blocks(check, value, "/blocks", MESSAGE_MOST, MESSAGE_BLOCKS)
    kinds = Counter(str(node.get("type")) for node in nodes)
    if kinds["table"] > 1:
        check.fail("/blocks", "only_one_table_allowed")
    if kinds["plan"] and kinds["task_card"]:
        check.fail("/blocks", "a plan and a stand-alone task_card cannot be mixed")
    texts = [str(node.get("text", "")) for node in nodes if node.get("type") == "markdown"]
    if sum(map(len, texts)) > MARKDOWN_LONGEST and len(texts) > 1:
        check.fail("/blocks", f"markdown text must be less than {MARKDOWN_LONGEST + 1} characters in total")
    for number, node in enumerate(nodes):
        if node.get("type") == "input" and part(node, "element").get("type") in ONLY_IN_MODALS:
            check.fail(f"/blocks/{number}/element/type", f"unsupported type: {node['element']['type']}")
    return check.problems


def view_problems(view: Any) -> list[str]:
    """What Slack would say against a modal or a Home tab; empty when it is fine."""
    check = Check()
    if not check.is_object(view, "/view"):
        return check.problems
    kind = view.get("type")
    if kind not in ("modal", "home"):
        check.fail("/view/type", f"unsupported type: {kind}")
        return check.problems
    common = "callback_id private_metadata external_id"
    modal = kind == "modal"
    if modal:
        check.keys(
            view,
            "/view",
            "title blocks",
            f"close submit clear_on_close notify_on_close submit_disabled {common}",
        )
    else:
        check.keys(view, "/view", "blocks", common)
    for key in ("title", "close", "submit"):
        check.text(view, key, "/view", 24)
    check.string(view, "callback_id", "/view", 255, 0)
    check.string(view, "external_id", "/view", 255, 0)
    check.string(view, "private_metadata", "/view", 3000, 0)
    check.flag(view, "clear_on_close", "/view")
    check.flag(view, "notify_on_close", "/view")
    allowed = MODAL_BLOCKS if modal else EVERYWHERE
    blocks = [] if view.get("blocks") is None else view["blocks"]
    nodes = all_blocks(check, blocks, "/view/blocks", VIEW_MOST, allowed)
    if modal and view.get("submit") is None and any(node.get("type") == "input" for node in nodes):
        check.fail("/view", "missing required field: submit")
    focused = [node for node in nodes if part(node, "element").get("focus_on_load")]
    if len(focused) > 1:
        check.fail("/view/blocks", "only one element may have focus_on_load")
    return check.problems
