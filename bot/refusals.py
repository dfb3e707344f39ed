"""What Slack's refusals mean for who tells it something: later, never again, or simpler."""

from slack_sdk.errors import SlackApiError

GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
CLOSED_CHANNEL = frozenset({"channel_not_found", "is_archived", "not_in_channel"})
TOO_RICH = frozenset({"invalid_blocks", "invalid_blocks_format"})
SILENT = frozenset(
    {
        "no answer",
        "fatal_error",
        "internal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})


def is_about_a_file(error: SlackApiError) -> bool:
    """Whether a message shows a file that Slack has not looked through yet, or never will."""
    return any("slack file" in str(one) for one in error.response.get("errors") or ())


class Later(Exception):
    """A turn of events rather than an error: this cannot be told now; try again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Away(Later):
    """Slack as a whole does not answer."""


def slack_error(error: SlackApiError) -> str:
    """Slack's own word for what went wrong; `no answer` where it gave none."""
    return str(error.response.get("error") or "no answer")


def is_limited(error: SlackApiError) -> bool:
    return slack_error(error) in LIMITED or status_of(error) == 429


def is_silent(error: SlackApiError) -> bool:
    return slack_error(error) in SILENT or status_of(error) >= 500


def status_of(error: SlackApiError) -> int:
    response = error.response
    return int(response["status"] if isinstance(response, dict) else response.status_code)


def retry_after(error: SlackApiError) -> float:
    """The seconds that Slack asks for; 1 where it names none."""
    response = error.response
    headers = response.get("headers", {}) if isinstance(response, dict) else response.headers
    found = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
    try:
        return max(float(found), 0.1)
    except ValueError:
        return 1.0
