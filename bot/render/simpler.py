"""The same message for a Slack that refuses plans, tables or pictures: a checklist, aligned text, and words."""

from bot.render.message import Message, SlackBlock, escape, section

SIGNS = {
    "pending": ":white_circle: waiting:",
    "in_progress": ":hourglass_flowing_sand: now:",
    "complete": ":white_check_mark: done:",
    "error": ":x: failed:",
}


def simplified(message: Message) -> Message:
    """`message` without its plan, table and image blocks; what they say is kept as text."""
    return Message(message.text, tuple(_simple(block) for block in message.blocks))


def _simple(block: SlackBlock) -> SlackBlock:
    match block["type"]:
        case "plan":
            lines = [f"*{escape(block['title'])}*"]
            lines += [f"{SIGNS[task['status']]} {escape(task['title'])}" for task in block["tasks"]]
            text = "\n".join(lines)
        case "table":
            text = "\n".join(" | ".join(escape(cell["text"]) for cell in row) for row in block["rows"])
        case "image":
            text = f"*{escape(block['title']['text'])}*: {escape(block['alt_text'])}"
        case _:
            return block
    return section(text).to_dict()
