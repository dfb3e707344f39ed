"""The small tools with which Block Kit is checked, and Slack's words for what is wrong.

Values are Any throughout: an app may send whatever JSON can hold, and that is what is being checked.
"""

from typing import Any

TEXT_KINDS = ("plain_text", "mrkdwn")


class Check:
    """Collects problems, each with the JSON pointer of the place, in the wording of Slack's answers."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def fail(self, at: str, message: str) -> None:
        """Note one problem."""
        self.problems.append(f"{message} [json-pointer:{at}]")

    def is_object(self, node: Any, at: str) -> bool:
        """Whether the node is an object; a problem if not."""
        if not isinstance(node, dict):
            self.fail(at, "must provide an object")
            return False
        return True

    def keys(self, node: dict[str, Any], at: str, required: str, optional: str = "") -> bool:
        """Exactly these keys; both are lists of words. False when a required one is missing."""
        needed = required.split()
        for key in needed:
            if node.get(key) is None:
                self.fail(at, f"missing required field: {key}")
        for key in node:
            if key not in needed and key not in optional.split() and key not in ("type", "block_id"):
                self.fail(at, f"invalid additional property: {key}")
        return all(node.get(key) is not None for key in needed)

    def string(self, node: dict[str, Any], key: str, at: str, longest: int, shortest: int = 1) -> None:
        """An optional string of bounded length."""
        value = node.get(key)
        if value is None:
            return
        if not isinstance(value, str):
            self.fail(f"{at}/{key}", "must provide a string")
            return
        self.length(value, f"{at}/{key}", longest, shortest)

    def length(self, value: str, at: str, longest: int, shortest: int = 1) -> None:
        """The bounds of a string, as Slack words them."""
        if len(value) < shortest:
            self.fail(at, f"must be more than {shortest - 1} characters")
        if len(value) > longest:
            self.fail(at, f"must be less than {longest + 1} characters")

    def text(
        self, node: dict[str, Any], key: str, at: str, longest: int, kinds: tuple[str, ...] = ("plain_text",)
    ) -> None:
        """An optional text object of the allowed kinds."""
        if node.get(key) is not None:
            self.text_object(node[key], f"{at}/{key}", longest, kinds)

    def text_object(self, value: Any, at: str, longest: int, kinds: tuple[str, ...] = TEXT_KINDS) -> None:
        """A text object: kind, length and keys."""
        if not self.is_object(value, at):
            return
        if value.get("type") not in kinds:
            self.fail(f"{at}/type", f"must be a valid text object type: {' or '.join(kinds)}")
            return
        allowed = "text emoji" if value["type"] == "plain_text" else "text verbatim"
        if not self.keys(value, at, "text", allowed):
            return
        self.flag(value, "verbatim", at)
        if not isinstance(value["text"], str):
            self.fail(f"{at}/text", "must provide a string")
            return
        self.length(value["text"], f"{at}/text", longest)

    def items(self, node: dict[str, Any], key: str, at: str, most: int, least: int = 1) -> list[Any]:
        """An optional list with a bounded number of items; returns what can be looked at."""
        value = node.get(key)
        if value is None:
            return []
        return self.listing(value, f"{at}/{key}", most, least)

    def listing(self, value: Any, at: str, most: int, least: int = 1) -> list[Any]:
        """The bounds of a list, as Slack words them."""
        if not isinstance(value, list):
            self.fail(at, "must provide an array")
            return []
        if len(value) < least:
            self.fail(at, f"no less than {least} items allowed" if least > 1 else "must not be empty")
        if len(value) > most:
            self.fail(at, f"no more than {most} items allowed")
        return value

    def one_of(self, node: dict[str, Any], key: str, at: str, allowed: tuple[str, ...]) -> None:
        """An optional word out of a list."""
        if node.get(key) is not None and node[key] not in allowed:
            self.fail(f"{at}/{key}", f"must be one of: {', '.join(allowed)}")

    def flag(self, node: dict[str, Any], key: str, at: str) -> None:
        """An optional boolean."""
        if node.get(key) is not None and not isinstance(node[key], bool):
            self.fail(f"{at}/{key}", "must provide a boolean")

    def url(self, node: dict[str, Any], key: str, at: str, longest: int = 3000) -> None:
        """An optional web address."""
        self.string(node, key, at, longest)
        value = node.get(key)
        if isinstance(value, str) and value and not value.startswith(("http://", "https://", "mailto:")):
            self.fail(f"{at}/{key}", "invalid url")


def part(node: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under a key; empty when there is none or something else."""
    value = node.get(key)
    return value if isinstance(value, dict) else {}


def parts(node: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in the list under a key; whatever else is there is passed over."""
    value = node.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
