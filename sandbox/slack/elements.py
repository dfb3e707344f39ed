"""The interactive elements of Block Kit, checked as Slack checks them (reference/block-kit/block-elements)."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from sandbox.slack.check import TEXT_KINDS, Check, parts

Node = dict[str, Any]
SELECTS = ("users_select", "conversations_select", "channels_select", "external_select")
MULTI_SELECTS = tuple(f"multi_{kind}" for kind in (*SELECTS, "static_select"))
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def confirm(check: Check, node: Node, at: str) -> None:
    """The dialog that asks before an action is sent."""
    value = node.get("confirm")
    if value is None:
        return
    at = f"{at}/confirm"
    if not check.is_object(value, at):
        return
    check.keys(value, at, "title text confirm deny", "style")
    check.text(value, "title", at, 100)
    check.text(value, "text", at, 300, TEXT_KINDS)
    check.text(value, "confirm", at, 30)
    check.text(value, "deny", at, 30)
    check.one_of(value, "style", at, ("primary", "danger"))


def button(check: Check, node: Node, at: str) -> None:
    """A button."""
    check.keys(node, at, "text", "action_id url value style confirm accessibility_label agent_prompt")
    check.text(node, "text", at, 75)
    check.url(node, "url", at)
    check.string(node, "value", at, 2000)
    check.one_of(node, "style", at, ("primary", "danger"))
    check.string(node, "accessibility_label", at, 75)
    confirm(check, node, at)


def option(check: Check, value: Any, at: str, *, overflow: bool = False, longest: int = 75) -> None:
    """One choice of a menu, of radio buttons or of checkboxes."""
    if not check.is_object(value, at):
        return
    check.keys(value, at, "text value", "description url" if overflow else "description")
    check.text(value, "text", at, longest, TEXT_KINDS)
    check.string(value, "value", at, 150)
    check.text(value, "description", at, 75, TEXT_KINDS)
    check.url(value, "url", at)


def options(check: Check, node: Node, at: str, most: int, **how: bool) -> None:
    """A list of choices with different values."""
    found = check.items(node, "options", at, most)
    for number, one in enumerate(found):
        option(check, one, f"{at}/options/{number}", **how)
    values = [one.get("value") for one in found if isinstance(one, dict)]
    if len(values) != len(set(map(str, values))):
        check.fail(f"{at}/options", "all options must have a unique value")


def _initial(check: Check, node: Node, at: str) -> None:
    wanted = [*check.items(node, "initial_options", at, 100)]
    if node.get("initial_option") is not None:
        wanted.append(node["initial_option"])
    grouped = [one for group in parts(node, "option_groups") for one in parts(group, "options")]
    known = [one.get("value") for one in (parts(node, "options") or grouped)]
    if any(not isinstance(one, dict) or one.get("value") not in known for one in wanted):
        check.fail(at, "must be one of the provided options")


def static_select(check: Check, node: Node, at: str) -> None:
    """A menu with its choices written out, single or multiple."""
    single = node["type"] == "static_select"
    check.keys(
        node,
        at,
        "",
        "action_id placeholder options option_groups confirm focus_on_load "
        + ("initial_option" if single else "initial_options max_selected_items"),
    )
    if (node.get("options") is None) == (node.get("option_groups") is None):
        check.fail(at, "must define either `options` or `option_groups`, not both")
    options(check, node, at, 100)
    for number, group in enumerate(check.items(node, "option_groups", at, 100)):
        inside = f"{at}/option_groups/{number}"
        if check.is_object(group, inside) and check.keys(group, inside, "label options"):
            check.text(group, "label", inside, 75)
            options(check, group, inside, 100)
    check.text(node, "placeholder", at, 150)
    _initial(check, node, at)
    confirm(check, node, at)


def other_select(check: Check, node: Node, at: str) -> None:
    """A menu whose choices Slack or the app supplies."""
    check.keys(
        node,
        at,
        "",
        "action_id placeholder confirm focus_on_load initial_user initial_users initial_conversation "
        "initial_conversations initial_channel initial_channels initial_option initial_options "
        "default_to_current_conversation response_url_enabled filter min_query_length max_selected_items",
    )
    check.text(node, "placeholder", at, 150)
    confirm(check, node, at)


def overflow(check: Check, node: Node, at: str) -> None:
    """The menu behind three dots."""
    check.keys(node, at, "options", "action_id confirm")
    options(check, node, at, 5, overflow=True)
    confirm(check, node, at)


def choices(check: Check, node: Node, at: str) -> None:
    """Checkboxes and radio buttons."""
    first = "initial_option" if node["type"] == "radio_buttons" else "initial_options"
    check.keys(node, at, "options", f"action_id confirm focus_on_load {first}")
    options(check, node, at, 10)
    _initial(check, node, at)
    confirm(check, node, at)


def datepicker(check: Check, node: Node, at: str) -> None:
    """A date, a time, or both."""
    kind = node["type"]
    initial = {
        "datepicker": "initial_date",
        "timepicker": "initial_time",
        "datetimepicker": "initial_date_time",
    }
    extra = "timezone" if kind == "timepicker" else ""
    check.keys(node, at, "", f"action_id placeholder confirm focus_on_load {initial[kind]} {extra}")
    check.text(node, "placeholder", at, 150)
    value = node.get(initial[kind])
    if kind == "datepicker" and value is not None:
        try:
            date.fromisoformat(str(value))
        except ValueError:
            check.fail(f"{at}/initial_date", "must be a valid date in the format YYYY-MM-DD")
    if kind == "timepicker" and value is not None and not CLOCK.fullmatch(str(value)):
        check.fail(f"{at}/initial_time", "must be a valid time in the format HH:mm")
    confirm(check, node, at)


def text_input(check: Check, node: Node, at: str) -> None:
    """A field to type into."""
    kind = node["type"]
    extra = {
        "plain_text_input": "multiline min_length max_length",
        "number_input": "is_decimal_allowed min_value max_value",
    }.get(kind, "")
    needed = "is_decimal_allowed" if kind == "number_input" else ""
    check.keys(
        node, at, needed, f"action_id placeholder initial_value dispatch_action_config focus_on_load {extra}"
    )
    check.text(node, "placeholder", at, 150)
    check.string(node, "initial_value", at, 3000, 0)
    for key in ("min_length", "max_length"):
        value = node.get(key)
        if value is not None and not (isinstance(value, int) and 0 <= value <= 3000):
            check.fail(f"{at}/{key}", "must be less than 3001")


def file_input(check: Check, node: Node, at: str) -> None:
    """A field to drop files into."""
    check.keys(node, at, "", "action_id filetypes max_files")


def feedback(check: Check, node: Node, at: str) -> None:
    """Thumbs up and thumbs down."""
    check.keys(node, at, "positive_button negative_button", "action_id")


def icon_button(check: Check, node: Node, at: str) -> None:
    """A small button with an icon."""
    check.keys(node, at, "icon text", "action_id value confirm accessibility_label visible_to_user_ids")
    check.one_of(node, "icon", at, ("trash",))
    check.text(node, "text", at, 75)
    confirm(check, node, at)


def image(check: Check, node: Node, at: str) -> None:
    """A picture in a context block or beside a section."""
    check.keys(node, at, "alt_text", "image_url slack_file")
    if (node.get("image_url") is None) == (node.get("slack_file") is None):
        check.fail(at, "must define either `image_url` or `slack_file`, not both")
    check.url(node, "image_url", at)
    check.string(node, "alt_text", at, 2000)


CHECKS: dict[str, Callable[[Check, Node, str], None]] = {
    "button": button,
    "static_select": static_select,
    "multi_static_select": static_select,
    **dict.fromkeys((*SELECTS, *MULTI_SELECTS[:-1]), other_select),
    "overflow": overflow,
    "checkboxes": choices,
    "radio_buttons": choices,
    "datepicker": datepicker,
    "timepicker": datepicker,
    "datetimepicker": datepicker,
    "plain_text_input": text_input,
    "email_text_input": text_input,
    "url_text_input": text_input,
    "number_input": text_input,
    "rich_text_input": text_input,
    "file_input": file_input,
    "feedback_buttons": feedback,
    "icon_button": icon_button,
    "image": image,
}
MENUS = ("static_select", *SELECTS)
PICKERS = ("datepicker", "timepicker", "datetimepicker")
IN_ACTIONS = ("button", *MENUS, *MULTI_SELECTS, "overflow", "checkboxes", "radio_buttons", *PICKERS)
IN_SECTION = (*IN_ACTIONS, "image")
IN_INPUT = (
    *MENUS, *MULTI_SELECTS, "checkboxes", "radio_buttons", *PICKERS, "plain_text_input", "email_text_input",
    "url_text_input", "number_input", "rich_text_input", "file_input",
)  # fmt: skip
ONLY_IN_MODALS = ("file_input",)


def element(check: Check, node: Any, at: str, allowed: tuple[str, ...]) -> None:
    """Check one element that must be of an allowed type."""
    if not check.is_object(node, at):
        return
    kind = node.get("type")
    if not isinstance(kind, str) or kind not in allowed:
        check.fail(f"{at}/type", f"unsupported type: {kind}")
        return
    check.string(node, "action_id", at, 255)
    CHECKS[kind](check, node, at)
