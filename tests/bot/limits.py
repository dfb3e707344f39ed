"""What Slack refuses (docs.slack.dev, reference/block-kit): a check for every message we render."""

from typing import Any

from bot.render.message import Message

Block = dict[str, Any]  # Any: Block Kit's JSON


def assert_slack_takes(message: Message) -> None:
    """Fail with what Slack would refuse about the message."""
    assert 0 < len(message.text) <= 4000
    assert 0 < len(message.blocks) <= 50
    kinds = [block["type"] for block in message.blocks]
    assert kinds.count("table") <= 1
    ids = [block["block_id"] for block in message.blocks if block.get("block_id")]
    assert len(set(ids)) == len(ids)
    assert all(len(one) <= 255 for one in ids)
    for block in message.blocks:
        CHECKS[block["type"]](block)


def _section(block: Block) -> None:
    if "text" in block:
        _text(block["text"], 3000)
    else:
        assert 0 < len(block["fields"]) <= 10
        for field in block["fields"]:
            _text(field, 2000)


def _header(block: Block) -> None:
    assert block["text"]["type"] == "plain_text"
    _text(block["text"], 150)


def _context(block: Block) -> None:
    assert 0 < len(block["elements"]) <= 10
    for element in block["elements"]:
        _text(element, 3000)


def _actions(block: Block) -> None:
    assert 0 < len(block["elements"]) <= 25
    actions = [element["action_id"] for element in block["elements"]]
    assert len(set(actions)) == len(actions)
    for element in block["elements"]:
        assert len(element["action_id"]) <= 255
        assert len(element.get("value", "")) <= 2000
        assert element.get("style") in {None, "primary", "danger"}
        _text(element["text"], 75)
        if "confirm" in element:
            asked = element["confirm"]
            _text(asked["title"], 100)
            _text(asked["text"], 300)
            _text(asked["confirm"], 30)
            _text(asked["deny"], 30)


def _plan(block: Block) -> None:
    assert block["title"]
    tasks = [task["task_id"] for task in block["tasks"]]
    assert len(set(tasks)) == len(tasks)
    for task in block["tasks"]:
        assert task["status"] in {"pending", "in_progress", "complete", "error"}
        for element in task.get("output", {}).get("elements", ()):
            assert all(part["text"] for part in element["elements"])


def _table(block: Block) -> None:
    assert 0 < len(block["rows"]) <= 100
    assert sum(len(cell["text"]) for row in block["rows"] for cell in row) <= 10_000
    for row in block["rows"]:
        assert 0 < len(row) <= 20
        assert all(cell["text"] for cell in row)


def _divider(block: Block) -> None:
    assert set(block) <= {"type", "block_id"}


def _text(text: Block, limit: int) -> None:
    assert text["type"] in {"mrkdwn", "plain_text"}
    assert 0 < len(text["text"]) <= limit
    if text["type"] == "mrkdwn":
        assert text["verbatim"] is True, "a bare address in what somebody wrote is no link"
        # Foreign text must never call a whole channel.
        assert not any(call in text["text"] for call in ("<!channel", "<!here", "<!everyone"))


CHECKS = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "plan": _plan,
    "table": _table,
    "divider": _divider,
}
