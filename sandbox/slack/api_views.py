"""views.*: modals and Home tabs."""

import json

from sandbox.slack.api_chat import refuse
from sandbox.slack.arguments import need, structure
from sandbox.slack.blocks import view_problems
from sandbox.slack.messages import public
from sandbox.slack.methods import Method
from sandbox.slack.shapes import Json, SlackRefusal
from sandbox.slack.workspace import Workspace

LARGEST = 250_000  # bytes of a view's JSON


def checked_view(arguments: Json, kind: str | None = None) -> Json:
    """The view among the arguments; invalid_arguments with Slack's messages when it is wrong."""
    need(arguments, "view")
    view = structure(arguments, "view", "invalid_arguments")
    refuse("invalid_arguments", view_problems(view))
    if kind is not None and view["type"] != kind:
        refuse("invalid_arguments", [f"unsupported type: {view['type']} [json-pointer:/view/type]"])
    if len(json.dumps(view)) > LARGEST:
        raise SlackRefusal("view_too_large")
    return dict(view)


def _person_at(workspace: Workspace, arguments: Json) -> str:
    trigger = arguments.get("trigger_id") or arguments.get("interactivity_pointer")
    need({"trigger_id": trigger}, "trigger_id")
    return workspace.triggers.use(trigger)


async def opening(workspace: Workspace, arguments: Json) -> Json:
    """views.open: the modal takes the place of what is open."""
    view = checked_view(arguments, "modal")
    user = _person_at(workspace, arguments)
    workspace.views.close(user, everything=True)
    return {"view": public(workspace.views.push(user, view))}


async def push(workspace: Workspace, arguments: Json) -> Json:
    """views.push: on top of an open modal."""
    view = checked_view(arguments, "modal")
    user = _person_at(workspace, arguments)
    if not workspace.views.stack(user):
        raise SlackRefusal("not_found")
    return {"view": public(workspace.views.push(user, view))}


async def update(workspace: Workspace, arguments: Json) -> Json:
    """views.update, by id or external_id; a hash guards against racing updates."""
    wish = checked_view(arguments)
    view_id, external_id = arguments.get("view_id"), arguments.get("external_id")
    if not view_id and not external_id:
        need(arguments, "view_id")
    view = workspace.views.find(str(view_id)) if view_id else workspace.views.find_external(str(external_id))
    if view is None or view["type"] != wish["type"]:
        raise SlackRefusal("not_found")
    if arguments.get("hash") and arguments["hash"] != view["hash"]:
        raise SlackRefusal("hash_conflict")
    return {"view": public(workspace.views.update(view, wish))}


async def publish(workspace: Workspace, arguments: Json) -> Json:
    """views.publish: the Home tab of one person."""
    need(arguments, "user_id")
    if not workspace.app.manifest.home_tab:
        raise SlackRefusal("not_enabled")
    wish = checked_view(arguments, "home")
    if workspace.people.find(str(arguments["user_id"])) is None:
        refuse("invalid_arguments", ["invalid `user_id` [json-pointer:/user_id]"])
    before = workspace.views.home(str(arguments["user_id"]))
    if arguments.get("hash") and (before is None or arguments["hash"] != before["hash"]):
        raise SlackRefusal("hash_conflict")
    return {"view": public(workspace.views.publish(str(arguments["user_id"]), wish))}


METHODS = (
    Method("views.open", opening, 4),
    Method("views.push", push, 4),
    Method("views.update", update, 4),
    Method("views.publish", publish, 4),
)
