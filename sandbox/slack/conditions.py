"""The rules of the house that a test or a demo may change: deadlines, retries, rate limits, the plan."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sandbox.slack.shapes import Json, NotPossible
from sandbox.slack.store import Store


@dataclass(frozen=True)
class Conditions:
    """All times in seconds. The defaults are Slack's own."""

    ack_seconds: float = 3.0
    event_retry_seconds: tuple[float, ...] = (0.0, 60.0, 300.0)
    trigger_seconds: float = 3.0
    response_url_seconds: float = 1800.0
    response_url_uses: int = 5
    rate_limits: str = "slack"  # "slack", "generous" (a hundred times as much) or "off"
    file_seconds: float = 0.7  # until an uploaded file may be shown in a message: Slack looks through it
    user_groups: bool = True  # False: the workspace has no paid plan
    socket_refresh_seconds: float = 10_800.0
    socket_warning_seconds: float = 10.0
    ping_seconds: float = 10.0


def load(store: Store) -> Conditions:
    """The conditions as last set."""
    return change(Conditions(), store.get("conditions", "now") or {})


def keep(store: Store, conditions: Conditions) -> None:
    """Remember the conditions for the next start."""
    store.put("conditions", "now", asdict(conditions))


def change(conditions: Conditions, changes: Json) -> Conditions:
    """The conditions with some of them changed; NotPossible names a wrong one."""
    known = {field.name: type(getattr(conditions, field.name)) for field in fields(conditions)}
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise NotPossible(f"There is no condition {name}; there are: {', '.join(known)}.")
        try:
            clean[name] = tuple(map(float, value)) if known[name] is tuple else known[name](value)
        except (TypeError, ValueError) as error:
            raise NotPossible(f"{value!r} is no value for {name}.") from error
    if clean.get("rate_limits", "slack") not in ("slack", "generous", "off"):
        raise NotPossible("rate_limits is slack, generous or off.")
    return replace(conditions, **clean)
