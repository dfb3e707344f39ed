"""What a person filled in or chose, as Slack spells it in actions and in ``state.values``.

A value is Any: a string, a number or a list, as the kind of field has it.
"""

import re
from typing import Any

from sandbox.slack.people import People
from sandbox.slack.shapes import Json, NotPossible
from sandbox.slack.text import controls_of, label_of

MANY = ("checkboxes", "multi_static_select")
ONE = ("static_select", "radio_buttons", "overflow")
PLAIN = {
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "rich_text_input": "rich_text_value",
}
REQUIRED = "Please complete this required field."
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def options_of(element: Json) -> list[Json]:
    """All choices of a menu, groups flattened."""
    grouped = [option for group in element.get("option_groups") or [] for option in group["options"]]
    return [*(element.get("options") or []), *grouped]


def _option(element: Json, wanted: Any) -> Json:
    for option in options_of(element):
        if wanted in (option, option["value"], option["text"]["text"]):
            return option
    raise NotPossible(f"{label_of(element) or element['action_id']} offers no {wanted!r}.")


def filled(element: Json, value: Any, people: People) -> Json:
    """The element's state with a value, or with nothing when the value is None."""
    kind = element["type"]
    if kind in ONE:
        return {"type": kind, "selected_option": None if value in (None, "") else _option(element, value)}
    if kind in MANY:
        wanted = value if isinstance(value, list) else [value] if value else []
        return {"type": kind, "selected_options": [_option(element, one) for one in wanted]}
    key = PLAIN.get(kind)
    if key is None:
        return {"type": kind}
    if kind in ("users_select", "multi_users_select") and value:
        several = isinstance(value, list)
        ids = [people.the(str(one))["id"] for one in (value if several else [value])]
        return {"type": kind, key: ids if several else ids[0]}
    if key == "value" and value is not None:
        value = str(value)
    return {"type": kind, key: value if value != "" else None}


def initial(element: Json) -> Any:
    """What an element holds before anyone touched it, in the form ``filled`` takes."""
    for key, value in element.items():
        if key.startswith("initial_") and value is not None:
            return value
    return None


def read_form(blocks: list[Json], given: Json, before: Json, people: People) -> Json:
    """``state.values`` of a form. ``given`` names fields by action_id, block_id or label, or nests them
    as Slack does ({block_id: {action_id: value}}); what it leaves out keeps its value from ``before``.
    """
    values: Json = {}
    unused = set(given)
    for block in blocks:
        for element in controls_of([block]):
            if element["type"] == "button":
                continue
            block_id, action_id = block["block_id"], element["action_id"]
            old = before.get(block_id, {}).get(action_id)
            state = (
                old if old and old["type"] == element["type"] else filled(element, initial(element), people)
            )
            names = (action_id, block_id, (block.get("label") or {}).get("text"))
            for name in names:
                if name in given:
                    unused.discard(name)
                    value = given[name]
                    if isinstance(value, dict) and action_id in value:
                        value = value[action_id]
                    state = filled(element, value, people)
                    break
            values.setdefault(block_id, {})[action_id] = state
    if unused:
        raise NotPossible(f"There is no field called {', '.join(sorted(unused))}.")
    return values


def missing(blocks: list[Json], values: Json) -> dict[str, str]:
    """What Slack itself objects to before it asks the app: by block_id."""
    errors = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        state = values.get(block["block_id"], {}).get(element["action_id"], {})
        held = next((value for key, value in state.items() if key != "type"), None)
        if not held:
            if not block.get("optional"):
                errors[block["block_id"]] = REQUIRED
            continue
        complaint = _complaint(element, held)
        if complaint:
            errors[block["block_id"]] = complaint
    return errors


def _complaint(element: Json, held: Any) -> str | None:
    kind = element["type"]
    if kind == "plain_text_input":
        if len(held) < int(element.get("min_length") or 0):
            return f"Please enter at least {element['min_length']} characters."
        if len(held) > int(element.get("max_length") or 3000):
            return f"Please enter at most {element.get('max_length') or 3000} characters."
    if kind == "email_text_input" and not EMAIL.fullmatch(held):
        return "Please enter a valid email address."
    if kind == "url_text_input" and not held.startswith(("http://", "https://")):
        return "Please enter a valid URL."
    if kind == "number_input":
        return _number_complaint(element, held)
    return None


def _number_complaint(element: Json, held: str) -> str | None:
    pattern = r"-?\d+(\.\d+)?" if element.get("is_decimal_allowed") else r"-?\d+"
    if not re.fullmatch(pattern, held):
        return "Please enter a valid number."
    lowest, highest = element.get("min_value"), element.get("max_value")
    if lowest is not None and float(held) < float(lowest):
        return f"Please enter a number of at least {lowest}."
    if highest is not None and float(held) > float(highest):
        return f"Please enter a number of at most {highest}."
    return None
