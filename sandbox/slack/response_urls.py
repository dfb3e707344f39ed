"""response_url: five answers within thirty minutes, and the answers inside acknowledgements."""

import secrets

from sandbox.slack.api_chat import bot_fields, content
from sandbox.slack.people import BOT_USER
from sandbox.slack.shapes import TEAM_ID, Json, SlackRefusal, new_id, now
from sandbox.slack.workspace import Workspace


class ResponseUrls:
    """The addresses handed out with commands and clicks. They survive a restart of the sandbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def new(
        self, kind: str, user: str, channel: str, original: str | None, typed: str = ""
    ) -> tuple[str, Json]:
        """An address and what it stands for. ``kind`` is ``commands`` or ``actions``."""
        place: Json = {
            "id": f"{kind}-{secrets.token_hex(12)}",
            "user": user,
            "channel": channel,
            "original": original,
            "typed": typed,
            "uses": 0,
            "expires": now() + self._workspace.conditions.response_url_seconds,
        }
        self._keep(place)
        return f"{self._workspace.base}/{kind}/{TEAM_ID}/{new_id('R')}/{place['id']}", place

    def use(self, name: str, answer: Json) -> None:
        """An answer to an address; refuses used-up, late and unknown ones."""
        place = self._workspace.store.get("response_url", name)
        if place is None or place["expires"] < now():
            raise SlackRefusal("expired_url")
        if place["uses"] >= self._workspace.conditions.response_url_uses:
            raise SlackRefusal("used_url")
        self.apply(place, answer)
        place["uses"] += 1
        self._keep(place)

    def apply(self, place: Json, answer: Json) -> None:
        """Carry an answer out: delete, replace, post for all or for one."""
        messages = self._workspace.messages
        original = messages.find(place["channel"], place["original"]) if place["original"] else None
        if answer.get("delete_original"):
            if original is not None:
                messages.delete(original)
            return
        fields = content(self._workspace, answer)
        if answer.get("replace_original") and original is not None:
            edited = (
                None if fields["blocks"] or "_to" in original else {"user": BOT_USER, "ts": messages.new_ts()}
            )
            messages.change(original, edited=edited, **fields)
            return
        self._post(place, answer, fields)

    def _post(self, place: Json, answer: Json, fields: Json) -> None:
        messages = self._workspace.messages
        channel = self._workspace.channels.the(place["channel"])
        for_all = answer.get("response_type") == "in_channel"
        if for_all and place["typed"]:
            # A command answered for all to see is itself shown to all.
            messages.post(channel, place["user"], place["typed"])
            place["typed"] = ""
        text = fields.pop("text")
        message = messages.post(
            channel,
            BOT_USER,
            text,
            thread_ts=answer.get("thread_ts"),
            _to=None if for_all else place["user"],
            **fields,
            **bot_fields(self._workspace),
        )
        if place["original"] is None:
            place["original"] = message["ts"]

    def _keep(self, place: Json) -> None:
        self._workspace.store.put("response_url", place["id"], place)
