"""users.*, usergroups.*, bots.info, team.info, auth.test and api.test."""

from sandbox.slack.arguments import flag, need, page
from sandbox.slack.installation import APP_ID, BOT_ID
from sandbox.slack.methods import Method, Token
from sandbox.slack.people import BOT_USER, as_user, as_usergroup
from sandbox.slack.shapes import TEAM_DOMAIN, TEAM_ID, TEAM_NAME, Json, SlackRefusal
from sandbox.slack.workspace import Workspace


async def api_test(_workspace: Workspace, arguments: Json) -> Json:
    """api.test: an echo."""
    if arguments.get("error"):
        raise SlackRefusal(str(arguments["error"]), args=arguments)
    return {"args": arguments}


async def auth_test(workspace: Workspace, _arguments: Json) -> Json:
    """auth.test: who the bot is."""
    bot = workspace.people.the(BOT_USER)
    return {
        # Where permalinks begin: the workspace's address, here the page's.
        "url": f"{workspace.base}/",
        "team": TEAM_NAME,
        "user": bot["name"],
        "team_id": TEAM_ID,
        "user_id": BOT_USER,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


async def bots_info(workspace: Workspace, arguments: Json) -> Json:
    """bots.info."""
    if arguments.get("bot") not in (BOT_ID, None):
        raise SlackRefusal("bot_not_found")
    profile = workspace.app.bot_profile()
    return {
        "bot": {
            "id": BOT_ID,
            "deleted": False,
            "name": profile["name"],
            "updated": profile["updated"],
            "app_id": APP_ID,
            "user_id": BOT_USER,
            "icons": {},
        }
    }


async def users_info(workspace: Workspace, arguments: Json) -> Json:
    """users.info: everyone the workspace can see, other workspaces' people and deleted ones included."""
    wanted = arguments.get("user")  # without one Slack says the same as of one that is not there
    person = workspace.people.find(str(wanted))
    if person is None or person["id"] != wanted:
        raise SlackRefusal("user_not_found")
    user = as_user(person)
    return {"user": user | ({"locale": "en-GB"} if flag(arguments, "include_locale") else {})}


async def users_list(workspace: Workspace, arguments: Json) -> Json:
    """users.list."""
    found, metadata = page(workspace.people.all(), "id", arguments)
    members = [as_user(person) for person in found]
    return {"members": members, "cache_ts": 1_700_000_000, "response_metadata": metadata}


def _need_plan(workspace: Workspace) -> None:
    if not workspace.conditions.user_groups:
        raise SlackRefusal("plan_upgrade_required")


async def usergroups_list(workspace: Workspace, arguments: Json) -> Json:
    """usergroups.list."""
    _need_plan(workspace)
    users, count = flag(arguments, "include_users"), flag(arguments, "include_count")
    disabled = flag(arguments, "include_disabled")
    groups = [group for group in workspace.people.groups() if disabled or not group.get("disabled")]
    return {"usergroups": [as_usergroup(group, users=users, count=count) for group in groups]}


async def usergroup_users(workspace: Workspace, arguments: Json) -> Json:
    """usergroups.users.list."""
    need(arguments, "usergroup")
    _need_plan(workspace)
    group = workspace.people.group(str(arguments["usergroup"]))
    hidden = group is not None and group.get("disabled") and not flag(arguments, "include_disabled")
    if group is None or group["id"] != arguments["usergroup"] or hidden:
        raise SlackRefusal("no_such_subteam")
    return {"users": group["users"]}


async def team_info(_workspace: Workspace, arguments: Json) -> Json:
    """team.info."""
    if arguments.get("team") not in (TEAM_ID, None):
        raise SlackRefusal("team_not_found")
    return {
        "team": {
            "id": TEAM_ID,
            "name": TEAM_NAME,
            "domain": TEAM_DOMAIN,
            "email_domain": "",
            "url": f"https://{TEAM_DOMAIN}.slack.com/",
            "icon": {"image_default": True},
        }
    }


METHODS = (
    Method("api.test", api_test, 4, token=Token.NONE),
    Method("auth.test", auth_test, 5),
    Method("bots.info", bots_info, 3, ("users:read",), takes_json=False),
    Method("users.info", users_info, 4, ("users:read",), takes_json=False),
    Method("users.list", users_list, 2, ("users:read",), takes_json=False),
    Method("usergroups.list", usergroups_list, 2, ("usergroups:read",), takes_json=False),
    Method("usergroups.users.list", usergroup_users, 2, ("usergroups:read",), takes_json=False),
    Method("team.info", team_info, 3, ("team:read",)),
)
