"""Someone types: messages, mentions and slash commands."""

import uuid

from sandbox.slack import payloads
from sandbox.slack.deliveries import Deliveries
from sandbox.slack.messages import is_reply
from sandbox.slack.outcome import Outcome, Problem
from sandbox.slack.people import BOT_USER, is_guest, team_of
from sandbox.slack.response_urls import ResponseUrls
from sandbox.slack.shapes import TEAM_ID, Json, NotPossible, SlackRefusal
from sandbox.slack.text import as_typed, escape
from sandbox.slack.workspace import Workspace

LONGEST = 12_000  # characters Slack's composer takes before it offers a snippet
NO_ANSWER = "{0} failed because the app did not respond"
TOO_SLOW = '{0} failed with the error "operation_timeout"'
REFUSED = '{0} failed with the error "dispatch_failed"'
UNKNOWN = (
    '{0} is not a valid command. In Slack, all messages that start with the "/" character are interpreted '
    'as commands. If you are trying to send a message and not run a command, try preceding the "/" with '
    "an empty space."
)
COMPLAINTS = {Problem.UNREACHABLE: NO_ANSWER, Problem.TIMEOUT: TOO_SLOW, Problem.REFUSED: REFUSED}


class Composer:
    """What happens when a person presses Enter."""

    def __init__(self, workspace: Workspace, deliveries: Deliveries, urls: ResponseUrls) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._urls = urls

    async def type(self, who: str, where: str, text: str, thread_ts: str | None = None) -> Json:
        """Type as someone. Returns the message, or for a command how its delivery went."""
        person = active(self._workspace.people.the(who))
        channel = self.place(person, where)
        if not text.strip():
            raise NotPossible("There is nothing to send.")
        if len(text) > LONGEST:
            raise NotPossible(f"Your message is too long: {len(text)} characters of {LONGEST}.")
        if text.startswith("/"):
            return await self._command(person, channel, text.strip(), thread_ts)
        return self._message(person, channel, text, thread_ts)

    def place(self, person: Json, where: str) -> Json:
        """The conversation someone may write in; ``where`` may be @someone, for a direct message."""
        workspace = self._workspace
        if where.startswith("@"):
            return workspace.channels.direct(person["id"], workspace.people.the(where)["id"])[0]
        channel = workspace.channels.the(where)
        if person["id"] in channel["members"]:
            return channel
        if not workspace.channels.may_read(channel, person["id"]):
            raise NotPossible(f"{person['name']} cannot see {where}.")
        raise NotPossible(f"{person['name']} is not in #{channel['name']} and has to join it first.")

    def join(self, who: str, where: str) -> Json:
        """Join a public channel."""
        person = active(self._workspace.people.the(who))
        channel = self._workspace.channels.the(where)
        if not self._workspace.channels.may_read(channel, person["id"]) or is_guest(person):
            raise NotPossible(f"{person['name']} cannot join {where}.")
        self._add(channel, person)
        return channel

    def open_home(self, who: str, tab: str) -> None:
        """Someone opens the app's tab: the app hears app_home_opened."""
        workspace = self._workspace
        person = active(workspace.people.the(who))
        channel, _ = workspace.channels.direct(person["id"], BOT_USER)
        if not workspace.app.manifest.hears("app_home_opened"):
            return
        view = workspace.views.home(person["id"])
        inner: Json = {
            "type": "app_home_opened",
            "user": person["id"],
            "channel": channel["id"],
            "tab": tab,
            "event_ts": workspace.messages.new_ts(),
        }
        if tab == "home" and view is not None:
            inner["view"] = {key: value for key, value in view.items() if not key.startswith("_")}
        self._deliveries.event(payloads.event(workspace, inner))

    def bot_posted(self, answer: Json) -> None:
        """The app hears its own messages, too, where it is subscribed; ``answer`` is chat.postMessage's."""
        channel = self._workspace.channels.the(answer["channel"])
        message = self._workspace.messages.find(channel["id"], answer["ts"])
        if message is not None and BOT_USER in channel["members"]:
            self._send_message_event(message, channel, self._workspace.people.the(BOT_USER))

    def _send_message_event(self, message: Json, channel: Json, person: Json) -> None:
        kind = "im" if channel.get("is_im") else "groups" if channel.get("is_private") else "channels"
        if self._workspace.app.manifest.hears(f"message.{kind}"):
            self._send_event("message", message, channel, person)

    def _message(self, person: Json, channel: Json, text: str, thread_ts: str | None) -> Json:
        workspace = self._workspace
        with_bot = channel.get("is_im") and BOT_USER in channel["members"]
        home = workspace.app.manifest.source.get("features", {}).get("app_home", {})
        if with_bot and (
            not workspace.app.manifest.messages_tab or home.get("messages_tab_read_only_enabled")
        ):
            raise NotPossible("Sending messages to this app has been turned off.")
        parent = None
        if thread_ts:
            parent = workspace.messages.find(channel["id"], thread_ts)
            if parent is None or "_to" in parent:
                raise NotPossible("There is no such thread.")
            thread_ts = parent["thread_ts"] if is_reply(parent) else parent["ts"]
        stored = as_typed(text, workspace.people, workspace.channels)
        message = workspace.messages.post(
            channel,
            person["id"],
            stored,
            thread_ts=thread_ts,
            client_msg_id=str(uuid.uuid4()),
            team=team_of(person),
            _parent_user=parent["user"] if parent else None,
        )
        self._tell_app(message, channel, person)
        return message

    def _tell_app(self, message: Json, channel: Json, person: Json) -> None:
        manifest = self._workspace.app.manifest
        if BOT_USER not in channel["members"]:
            if BOT_USER in payloads.mentions(message["text"]):
                bot = self._workspace.people.the(BOT_USER)["name"]
                self._workspace.whisper(
                    channel, person["id"], f"You mentioned @{bot}, but they're not in this channel."
                )
            return
        if (
            not channel.get("is_im")
            and BOT_USER in payloads.mentions(message["text"])
            and manifest.hears("app_mention")
        ):
            self._send_event("app_mention", message, channel, person)
        self._send_message_event(message, channel, person)

    def _send_event(self, kind: str, message: Json, channel: Json, person: Json) -> None:
        inner = payloads.message_event(kind, message, channel, person)
        self._deliveries.event(payloads.event(self._workspace, inner, channel))

    async def _command(self, person: Json, channel: Json, text: str, thread_ts: str | None) -> Json:
        workspace = self._workspace
        name, _, rest = text.partition(" ")
        whisper_to = person["id"]
        if name == "/invite":
            return self._invite(person, channel, rest)
        declared = (
            workspace.app.manifest.command(name) if "commands" in workspace.app.manifest.scopes else None
        )
        if declared is None:
            workspace.whisper(channel, whisper_to, UNKNOWN.format(escape(name)), thread_ts)
            return {"ok": False, "error": "not_a_command"}
        if thread_ts:
            workspace.whisper(channel, whisper_to, f"{name} is not supported in threads. Sorry!", thread_ts)
            return {"ok": False, "error": "not_supported_in_threads"}
        words = self._words(declared, rest.strip())
        url, place = self._urls.new("commands", person["id"], channel["id"], None, escape(text))
        trigger = workspace.triggers.new(person["id"], workspace.conditions.trigger_seconds)
        payload = payloads.command(workspace, person, channel, (name, words), trigger, url)
        outcome = await self._deliveries.command(str(declared.get("url") or ""), payload)
        return self._answered(name, channel, person, outcome, place)

    def _words(self, declared: Json, text: str) -> str:
        if declared.get("should_escape"):
            return as_typed(text, self._workspace.people, self._workspace.channels, names_too=True)
        return escape(text)

    def _answered(self, name: str, channel: Json, person: Json, outcome: Outcome, place: Json) -> Json:
        workspace = self._workspace
        if outcome.problem is not None:
            complaint = COMPLAINTS[outcome.problem].format(name)
            workspace.whisper(channel, person["id"], complaint)
            error = "operation_timeout" if outcome.problem is Problem.TIMEOUT else "dispatch_failed"
            return {"ok": False, "error": error, "text": complaint}
        if outcome.payload:
            try:
                self._urls.apply(place, outcome.payload)
            except SlackRefusal as refusal:
                workspace.whisper(channel, person["id"], REFUSED.format(name))
                return {"ok": False, "error": refusal.error}
        return {"ok": True}

    def _invite(self, person: Json, channel: Json, rest: str) -> Json:
        guest = self._workspace.people.find(rest.strip().removeprefix("@"))
        if guest is None or channel.get("is_im"):
            self._workspace.whisper(channel, person["id"], "That person couldn't be found here.")
            return {"ok": False, "error": "user_not_found"}
        self._add(channel, guest)
        return {"ok": True}

    def _add(self, channel: Json, person: Json) -> None:
        workspace = self._workspace
        if not workspace.channels.add_member(channel, person["id"]):
            return
        workspace.messages.post(
            channel, person["id"], f"<@{person['id']}> has joined the channel", subtype="channel_join"
        )
        workspace.feed.tell("channels")
        if BOT_USER in channel["members"] and workspace.app.manifest.hears("member_joined_channel"):
            inner: Json = {
                "type": "member_joined_channel",
                "user": person["id"],
                "channel": channel["id"],
                "channel_type": "G" if channel.get("is_private") else "C",
                "team": TEAM_ID,
                "event_ts": workspace.messages.new_ts(),
            }
            self._deliveries.event(payloads.event(workspace, inner, channel))


def active(person: Json) -> Json:
    """The person, if they can do anything at all."""
    if person.get("deleted"):
        raise NotPossible(f"{person['name']}'s account is deactivated.")
    if person.get("is_bot") or person["id"] == "USLACKBOT":
        raise NotPossible(f"{person['name']} is not a person.")
    return person
