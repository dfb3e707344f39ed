"""The people of the workspace, the app's bot user and the user groups."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.slack.shapes import ELSEWHERE_ID, SLACKBOT, TEAM_ID, Json, NotPossible, new_id, now
from sandbox.slack.store import Store

BOT_USER = "U0GHOSTBOT1"
COLOURS = ("9f69e7", "4bbe2e", "e7392d", "3c989f", "674b1b", "e96699", "2b6836", "d58247")
FLAGS = (
    "deleted",
    "is_admin",
    "is_owner",
    "is_restricted",
    "is_ultra_restricted",
    "is_bot",
    "is_stranger",
)
SEED: tuple[Json, ...] = (
    {"id": "U0ANN000001", "name": "ann", "real_name": "Ann Archer", "tz": "Europe/Berlin"},
    {"id": "U0BEN000001", "name": "ben", "real_name": "Ben Okafor", "tz": "America/New_York"},
    {
        "id": "U0CLEO00001",
        "name": "cleo",
        "real_name": "Cleo Marsh",
        "tz": "Europe/London",
        "is_admin": True,
        "is_owner": True,
    },
    {
        "id": "U0GUS000001",
        "name": "gus",
        "real_name": "Gus Pereira",
        "tz": "America/Sao_Paulo",
        "is_restricted": True,
        "is_ultra_restricted": True,
    },
    {
        "id": "U0DORA00001",
        "name": "dora",
        "real_name": "Dora Lindt",
        "tz": "Europe/Zurich",
        "deleted": True,
    },
    {
        "id": "U0EVE000001",
        "name": "eve",
        "real_name": "Eve Tanaka",
        "tz": "Asia/Tokyo",
        "is_stranger": True,
        "team_id": ELSEWHERE_ID,
    },
    {"id": SLACKBOT, "name": "slackbot", "real_name": "Slackbot", "tz": "America/Los_Angeles"},
)
SEED_GROUPS: tuple[Json, ...] = (
    {
        "id": "S0RELEASERS",
        "handle": "releasers",
        "name": "Releasers",
        "users": ["U0ANN000001", "U0BEN000001"],
    },
    {
        "id": "S0APPROVERS",
        "handle": "approvers",
        "name": "Approvers",
        "users": ["U0BEN000001", "U0CLEO00001"],
    },
)


class People:
    """Everyone, by id. The facts about a person are Slack's own flags of ``users.info``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        if not store.all("person"):
            for person in SEED:
                store.put("person", person["id"], person)
            for group in SEED_GROUPS:
                store.put("group", group["id"], group)
        self._people: dict[str, Json] = {person["id"]: person for person in store.all("person")}
        self._groups: dict[str, Json] = {group["id"]: group for group in store.all("group")}

    def find(self, who: str) -> Json | None:
        """A person by id or by name."""
        found = self._people.get(who)
        name = who.removeprefix("@")
        return found or next((p for p in self._people.values() if p["name"] == name), None)

    def the(self, who: str) -> Json:
        """A person by id or name; NotPossible when there is none."""
        person = self.find(who)
        if person is None:
            raise NotPossible(f"There is nobody called {who} here.")
        return person

    def all(self) -> list[Json]:
        """Everyone, Slackbot and the app's bot user included."""
        return list(self._people.values())

    def put(self, changes: Json) -> Json:
        """Add a person or change the named one; returns the person as kept."""
        name = str(changes.get("name") or "")
        person = self.find(str(changes.get("id") or name))
        if person is None:
            if not name:
                raise NotPossible("A new person needs a name.")
            person = {"id": new_id("U"), "name": name, "real_name": name.title(), "tz": "Etc/UTC"}
        person = {**person, **{key: value for key, value in changes.items() if key != "id"}}
        if "id" in changes and changes["id"] not in self._people:
            person["id"] = changes["id"]
        self._people[person["id"]] = person
        self._store.put("person", person["id"], person)
        return person

    def put_bot(self, name: str, real_name: str, app_id: str, bot_id: str) -> None:
        """The app's bot user is a person, too: its name comes from the manifest."""
        self.put(
            {
                "id": BOT_USER,
                "name": name,
                "real_name": real_name,
                "is_bot": True,
                "tz": "America/Los_Angeles",
                "api_app_id": app_id,
                "bot_id": bot_id,
            }
        )

    def groups(self) -> list[Json]:
        """All user groups."""
        return list(self._groups.values())

    def group(self, which: str) -> Json | None:
        """A user group by id or handle."""
        found = self._groups.get(which)
        return found or next((g for g in self._groups.values() if g["handle"] == which), None)

    def put_group(self, changes: Json) -> Json:
        """Add a user group or change it. ``users`` may hold names."""
        handle = str(changes.get("handle") or "")
        group = self.group(str(changes.get("id") or handle))
        if group is None:
            if not handle:
                raise NotPossible("A new group needs a handle.")
            group = {"id": new_id("S"), "handle": handle, "name": handle.title(), "users": []}
        group = {**group, **changes}
        group["users"] = [self.the(who)["id"] for who in group["users"]]
        self._groups[group["id"]] = group
        self._store.put("group", group["id"], group)
        return group


def team_of(person: Json) -> str:
    """The workspace the person belongs to."""
    return str(person.get("team_id", TEAM_ID))


def is_guest(person: Json) -> bool:
    """Guests see only the channels they were added to."""
    return bool(person.get("is_restricted") or person.get("is_ultra_restricted"))


def as_user(person: Json) -> Json:
    """The ``user`` object of users.info and users.list."""
    real_name = str(person.get("real_name") or person["name"])
    colour = COLOURS[sum(map(ord, person["id"])) % len(COLOURS)]
    profile = {
        "real_name": real_name,
        "real_name_normalized": real_name,
        "display_name": "" if person.get("is_bot") else person["name"],
        "display_name_normalized": "" if person.get("is_bot") else person["name"],
        "avatar_hash": f"g{person['id'].lower()}",
        "status_text": "",
        "status_emoji": "",
        "team": team_of(person),
    }
    if person.get("is_bot"):
        profile |= {"api_app_id": person.get("api_app_id", ""), "bot_id": person.get("bot_id", "")}
    user: Json = {
        "id": person["id"],
        "team_id": team_of(person),
        "name": person["name"],
        "deleted": bool(person.get("deleted")),
        "profile": profile,
        "is_bot": bool(person.get("is_bot")),
        "is_app_user": False,
        "updated": int(now()),
    }
    if user["deleted"]:
        # Slack leaves roles and time zone out for deactivated accounts.
        return user
    offset, label = _zone(str(person.get("tz", "Etc/UTC")))
    user |= {
        "color": colour,
        "real_name": real_name,
        "tz": person.get("tz", "Etc/UTC"),
        "tz_label": label,
        "tz_offset": offset,
        "is_primary_owner": bool(person.get("is_owner")),
        "is_email_confirmed": True,
        "who_can_share_contact_card": "EVERYONE",
    }
    user |= {flag: bool(person.get(flag)) for flag in FLAGS if flag != "is_stranger"}
    if team_of(person) != TEAM_ID:
        # Only people of other workspaces carry this key.
        user["is_stranger"] = bool(person.get("is_stranger"))
    return user


def as_usergroup(group: Json, *, users: bool, count: bool) -> Json:
    """The ``usergroup`` object of usergroups.list."""
    answer: Json = {
        "id": group["id"],
        "team_id": TEAM_ID,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group["name"],
        "handle": group["handle"],
        "description": group.get("description", ""),
        "is_external": False,
        "date_create": 1_700_000_000,
        "date_update": 1_700_000_000,
        "date_delete": 1_700_000_001 if group.get("disabled") else 0,
        "auto_type": None,
        "created_by": "U0CLEO00001",
        "updated_by": "U0CLEO00001",
        "deleted_by": None,
        "prefs": {"channels": [], "groups": []},
    }
    if users:
        answer["users"] = group["users"]
    if count:
        answer["user_count"] = len(group["users"])
    return answer


def _zone(name: str) -> tuple[int, str]:
    try:
        moment = datetime.now(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError):
        return 0, "Coordinated Universal Time"
    offset = moment.utcoffset()
    return (0 if offset is None else int(offset.total_seconds())), moment.tzname() or name
