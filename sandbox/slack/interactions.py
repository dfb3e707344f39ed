"""Someone presses a button, picks from a menu, submits or closes a modal."""

from typing import Any

from sandbox.slack import payloads
from sandbox.slack.api_views import checked_view
from sandbox.slack.composer import active
from sandbox.slack.deliveries import Deliveries
from sandbox.slack.messages import public
from sandbox.slack.outcome import Problem
from sandbox.slack.response_urls import ResponseUrls
from sandbox.slack.shapes import Json, NotPossible, SlackRefusal
from sandbox.slack.text import controls_of, label_of
from sandbox.slack.values import filled, missing, read_form
from sandbox.slack.workspace import Workspace

TROUBLE = "We had some trouble connecting. Try again?"
ERRORS = {
    Problem.UNREACHABLE: "dispatch_failed",
    Problem.TIMEOUT: "operation_timeout",
    Problem.REFUSED: "dispatch_failed",
}


class Interactions:
    """What happens when a person uses what the app put on the screen."""

    def __init__(self, workspace: Workspace, deliveries: Deliveries, urls: ResponseUrls) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._urls = urls

    async def click(self, who: str, wish: Json) -> Json:
        """Use a control. ``wish`` says where (channel and ts, or view_id, or home) and which

        (action_id, or text: the label), perhaps a ``value`` to pick, ``values`` typed beside it, and
        ``confirm`` when the control asks first. Answers {"ok": false, "error": ...} when the app did
        not take the click: then it can be pressed again.
        """
        person = self._workspace.people.the(who)
        if not wish.get("even_deactivated"):
            active(person)
        self._need_interactivity()
        surface = self._surface(person, wish)
        element = _find(surface["blocks"], wish)
        if element.get("confirm") and not wish.get("confirm"):
            if wish.get("confirm") is None:
                raise NotPossible(f"{label_of(element)} asks first: say confirm true or false.")
            return {"ok": True, "sent": False}
        payload = self._payload(person, surface, element, wish)
        outcome = await self._deliveries.interaction(payload)
        if outcome.problem is not None:
            return {"ok": False, "error": ERRORS[outcome.problem], "text": TROUBLE}
        return {"ok": True, "sent": True}

    def _need_interactivity(self) -> None:
        if not self._workspace.app.manifest.interactivity:
            raise NotPossible("This app is not configured to handle interactive responses.")

    def _surface(self, person: Json, wish: Json) -> Json:
        workspace = self._workspace
        if wish.get("view_id"):
            view = workspace.views.find(str(wish["view_id"]))
        elif wish.get("home"):
            view = workspace.views.home(person["id"])
        else:
            channel = workspace.channels.the(str(wish.get("channel", "")))
            message = workspace.messages.find(channel["id"], str(wish.get("ts", "")))
            if message is None or not self._sees(message, channel, person):
                raise NotPossible(f"{person['name']} sees no such message.")
            return {"blocks": message.get("blocks") or [], "message": message, "channel": channel}
        if view is None or view["_user"] != person["id"]:
            raise NotPossible(f"{person['name']} has no such view open.")
        return {"blocks": view["blocks"], "view": view}

    def _sees(self, message: Json, channel: Json, person: Json) -> bool:
        if "_to" in message:
            return bool(message["_to"] == person["id"])
        return self._workspace.channels.may_read(channel, person["id"])

    def _payload(self, person: Json, surface: Json, element: Json, wish: Json) -> Json:
        workspace = self._workspace
        trigger = workspace.triggers.new(person["id"], workspace.conditions.trigger_seconds)
        payload = payloads.interaction(workspace, "block_actions", person, trigger)
        typed = dict(wish.get("values") or {})
        if wish.get("value") is not None and element["type"] != "button":
            typed[element["action_id"]] = wish["value"]
        view = surface.get("view")
        before = (
            view["state"]["values"] if view else surface["message"].get("_states", {}).get(person["id"], {})
        )
        values = read_form(surface["blocks"], typed, before, workspace.people)
        if view:
            view["state"] = {"values": values}
            payload |= {
                "container": {"type": "view", "view_id": view["id"]},
                "view": public(view),
                "actions": [self._action(element, wish)],
            }
            return payload
        message, channel = surface["message"], surface["channel"]
        message.setdefault("_states", {})[person["id"]] = values
        url, _ = self._urls.new("actions", person["id"], channel["id"], message["ts"])
        container: Json = {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel["id"],
            "is_ephemeral": "_to" in message,
        }
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        payload |= {
            "container": container,
            "channel": {"id": channel["id"], "name": payloads.channel_name(channel)},
            "state": {"values": values},
            "response_url": url,
            "actions": [self._action(element, wish)],
        }
        # An ephemeral message is kept nowhere, so its clicks come without it.
        return payload if "_to" in message else payload | {"message": public(message)}

    def _action(self, element: Json, wish: Json) -> Json:
        shown: Json = {
            key: element[key]
            for key in ("type", "action_id", "block_id", "text", "value", "style", "placeholder", "confirm")
            if key in element
        }
        if element["type"] != "button":
            shown |= filled(element, wish.get("value"), self._workspace.people)
        return shown | {"action_ts": self._workspace.messages.new_ts()}

    async def submit(self, who: str, view_id: str, given: Json) -> Json:
        """Press a modal's submit button. Answers {"ok": false, "errors": {block_id: text}} or

        {"ok": false, "error": ..., "text": ...} when the modal stays open.
        """
        workspace = self._workspace
        person = active(workspace.people.the(who))
        view = workspace.views.top(person["id"])
        if view is None or view["id"] != view_id:
            raise NotPossible(f"{person['name']} does not have this modal in front.")
        values = read_form(view["blocks"], given, view["state"]["values"], workspace.people)
        view["state"] = {"values": values}
        errors = missing(view["blocks"], values)
        if errors:
            return {"ok": False, "errors": errors}
        trigger = workspace.triggers.new(person["id"], workspace.conditions.trigger_seconds)
        payload = payloads.interaction(workspace, "view_submission", person, trigger)
        payload |= {"view": public(view), "response_urls": []}
        outcome = await self._deliveries.interaction(payload)
        if outcome.problem is not None:
            return {"ok": False, "error": ERRORS[outcome.problem], "text": TROUBLE}
        try:
            return self._respond(person["id"], view, outcome.payload)
        except SlackRefusal as refusal:
            return {"ok": False, "error": refusal.error, "text": TROUBLE, **refusal.fields}

    def _respond(self, user: str, view: Json, answer: Json) -> Json:
        """Do what the acknowledgement of a submission says."""
        views = self._workspace.views
        action = answer.get("response_action")
        if action is None:
            # Only this modal closes, if the app did not replace it in the meantime.
            if views.top(user) is view:
                views.close(user)
        elif action == "clear":
            views.close(user, everything=True)
        elif action == "errors":
            return self._errors(view, answer.get("errors"))
        elif action in ("update", "push"):
            wish = checked_view({"view": answer.get("view")}, "modal")
            if action == "update":
                views.update(view, wish)
            else:
                views.push(user, wish)
        else:
            raise SlackRefusal("invalid_response_action")
        return {"ok": True}

    def _errors(self, view: Json, errors: Any) -> Json:
        inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            raise SlackRefusal("invalid_errors")
        return {"ok": False, "errors": {key: str(text) for key, text in errors.items()}}

    async def close(self, who: str, *, everything: bool = False) -> Json:
        """Close the modal in front or the whole stack; the app hears of it where it asked to."""
        workspace = self._workspace
        person = active(workspace.people.the(who))
        top = workspace.views.top(person["id"])
        everything = everything or bool(top and top["clear_on_close"])
        for view in workspace.views.close(person["id"], everything=everything)[::-1]:
            if view["notify_on_close"]:
                payload = payloads.interaction(workspace, "view_closed", person, None)
                await self._deliveries.interaction(payload | {"view": public(view), "is_cleared": everything})
        return {"ok": True}


def _find(blocks: list[Json], wish: Json) -> Json:
    """The control that a wish names by action_id (and block_id) or by its label."""
    controls = controls_of(blocks)
    found = [
        element
        for element in controls
        if (not wish.get("action_id") or element["action_id"] == wish["action_id"])
        and (not wish.get("block_id") or element["block_id"] == wish["block_id"])
        and (not wish.get("text") or label_of(element) == wish["text"])
    ]
    if not found or not (wish.get("action_id") or wish.get("text")):
        there = ", ".join(label_of(element) or element["action_id"] for element in controls) or "none"
        raise NotPossible(
            f"There is no control {wish.get('text') or wish.get('action_id')!r}; there are: {there}."
        )
    return found[0]
