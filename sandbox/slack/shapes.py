"""Words shared by all parts of the local Slack: JSON, identifiers, time stamps, refusals."""

import secrets
import string
import time
from typing import Any

Json = dict[str, Any]  # Slack's objects are open-ended JSON: this is the edge where Any is allowed

TEAM_ID = "T0SANDBOX01"
TEAM_NAME = "Ghost Writers"
TEAM_DOMAIN = "ghost-writers"
ELSEWHERE_ID = "T0ELSEWHERE"
SLACKBOT = "USLACKBOT"
ALPHABET = string.ascii_uppercase + string.digits


class SlackRefusal(Exception):
    """A Web API call answered with ``ok: false``; ``fields`` go into the answer beside ``error``."""

    def __init__(self, error: str, **fields: Any) -> None:
        super().__init__(error)
        self.error = error
        self.fields = fields


class NotPossible(Exception):
    """A person (or a test) asked the page for something it cannot do; the text is for them to read."""


def new_id(prefix: str) -> str:
    """A fresh identifier as Slack writes them, such as ``C07A1B2C3D4``."""
    return f"{prefix}0" + "".join(secrets.choice(ALPHABET) for _ in range(9))


def now() -> float:
    """Seconds since 1970, as everything here counts time."""
    return time.time()


def plain(text: str) -> Json:
    """A plain_text object."""
    return {"type": "plain_text", "text": text, "emoji": True}
