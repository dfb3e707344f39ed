"""The workspace: all its parts, put together once."""

from pathlib import Path

from sandbox.slack import conditions
from sandbox.slack.channels import Channels
from sandbox.slack.faults import Faults
from sandbox.slack.feed import Feed
from sandbox.slack.files import Files
from sandbox.slack.installation import Installation
from sandbox.slack.limits import RateLimits
from sandbox.slack.messages import Messages
from sandbox.slack.people import People
from sandbox.slack.shapes import SLACKBOT, Json
from sandbox.slack.store import Store
from sandbox.slack.text import read, words_of
from sandbox.slack.views import Triggers, Views


class Workspace:
    """People, channels, messages, the installed app, and the rules of the house."""

    def __init__(self, folder: Path, base: str) -> None:
        self.base = base  # http://host:port, without a slash at the end
        self.store = Store(folder)
        self.feed = Feed()
        self.people = People(self.store)
        self.app = Installation(self.store, self.people)
        self.channels = Channels(self.store, self.people)
        self.messages = Messages(self.store, self.channels, self.feed)
        self.views = Views(self.store, self.feed)
        self.files = Files(self.store)
        self.conditions = conditions.load(self.store)
        self.triggers = Triggers()
        self.limits = RateLimits()
        self.faults = Faults()
        self.calls: list[Json] = []

    def whisper(self, channel: Json, to: str, text: str, thread_ts: str | None = None) -> Json:
        """Slackbot tells one person something, as Slack does when a command went wrong."""
        return self.messages.post(channel, SLACKBOT, text, thread_ts=thread_ts, _to=to, is_ephemeral=True)

    def words(self, message: Json) -> str:
        """What a person reads in a message or view."""
        return words_of(message, self.people, self.channels)

    def reads(self, mrkdwn: str) -> str:
        """Marked-up text as a person reads it."""
        return read(mrkdwn, self.people, self.channels)
