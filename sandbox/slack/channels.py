"""Channels and direct messages: who is in them, who may read them, how the Web API shows them."""

from sandbox.slack.people import BOT_USER, People, is_guest, team_of
from sandbox.slack.shapes import ELSEWHERE_ID, TEAM_ID, Json, NotPossible, new_id, now
from sandbox.slack.store import Store

SEED: tuple[Json, ...] = (
    {
        "id": "C0RELEASES1",
        "name": "releases",
        "members": ["U0ANN000001", "U0BEN000001", "U0CLEO00001", BOT_USER],
        "topic": "Upgrades and deployments of our sites",
    },
    {
        "id": "C0GENERAL01",
        "name": "general",
        "members": ["U0ANN000001", "U0BEN000001", "U0CLEO00001", "U0GUS000001", BOT_USER],
        "topic": "Everyone and everything",
    },
    {
        "id": "C0SHARED001",
        "name": "shared",
        "members": ["U0ANN000001", "U0BEN000001", "U0EVE000001", BOT_USER],
        "is_ext_shared": True,
        "topic": "With our friends of another workspace",
    },
    {
        "id": "C0RANDOM001",
        "name": "random",
        "members": ["U0ANN000001", "U0BEN000001"],
        "topic": "The bot is not here",
    },
    {
        "id": "C0SECRETS01",
        "name": "secrets",
        "members": ["U0ANN000001", "U0CLEO00001"],
        "is_private": True,
        "topic": "A private channel without the bot",
    },
)


class Channels:
    """All conversations by id; a direct message is one with ``is_im`` and two members."""

    def __init__(self, store: Store, people: People) -> None:
        self._store = store
        self._people = people
        if not store.all("channel"):
            for channel in SEED:
                store.put("channel", channel["id"], {"created": 1_700_000_000, **channel})
        self._channels: dict[str, Json] = {channel["id"]: channel for channel in store.all("channel")}

    def all(self) -> list[Json]:
        """Every conversation, direct messages included."""
        return list(self._channels.values())

    def find(self, which: str) -> Json | None:
        """A channel by id, name or #name."""
        found = self._channels.get(which)
        name = which.removeprefix("#")
        return found or next((c for c in self._channels.values() if c.get("name") == name), None)

    def the(self, which: str) -> Json:
        """A channel by id or name; NotPossible when there is none."""
        channel = self.find(which)
        if channel is None:
            raise NotPossible(f"There is no channel {which}.")
        return channel

    def put(self, changes: Json) -> Json:
        """Add a channel or change it. ``members`` may hold names."""
        name = str(changes.get("name") or "").removeprefix("#")
        channel = self.find(str(changes.get("id") or name))
        if channel is None:
            if not name:
                raise NotPossible("A new channel needs a name.")
            channel = {"id": new_id("C"), "name": name, "members": [], "created": int(now())}
        channel = {**channel, **changes} | ({"name": name} if name else {})
        channel["members"] = [self._people.the(who)["id"] for who in channel["members"]]
        self._keep(channel)
        return channel

    def add_member(self, channel: Json, user: str) -> bool:
        """Put someone into a channel; False when they are there already."""
        if user in channel["members"]:
            return False
        channel["members"].append(user)
        self._keep(channel)
        return True

    def direct(self, one: str, other: str) -> tuple[Json, bool]:
        """The direct message of two people, and whether it was there before."""
        pair = sorted((one, other))
        for channel in self._channels.values():
            if channel.get("is_im") and sorted(channel["members"]) == pair:
                return channel, True
        channel = {"id": new_id("D"), "is_im": True, "members": [one, other], "created": int(now())}
        self._keep(channel)
        return channel, False

    def may_read(self, channel: Json, who: str) -> bool:
        """Members read; so does everyone of the home workspace but guests, in public channels."""
        if who in channel["members"]:
            return True
        if channel.get("is_private") or channel.get("is_im"):
            return False
        person = self._people.find(who)
        return person is not None and not is_guest(person) and team_of(person) == TEAM_ID

    def readers(self, channel: Json) -> frozenset[str]:
        """The ids of all who may read the channel."""
        return frozenset(p["id"] for p in self._people.all() if self.may_read(channel, p["id"]))

    def seen_by(self, who: str) -> list[Json]:
        """The conversations in someone's side bar."""
        return [channel for channel in self._channels.values() if who in channel["members"]]

    def title(self, channel: Json, viewer: str) -> str:
        """What the side bar calls the conversation: the channel's name or the other person's."""
        if not channel.get("is_im"):
            return str(channel["name"])
        other = next((m for m in channel["members"] if m != viewer), viewer)
        person = self._people.find(other)
        return other if person is None else str(person["name"])

    def _keep(self, channel: Json) -> None:
        self._channels[channel["id"]] = channel
        self._store.put("channel", channel["id"], channel)


def as_conversation(channel: Json, viewer: str = BOT_USER, *, num_members: bool = False) -> Json:
    """The ``channel`` object of conversations.info and conversations.list, as ``viewer`` gets it."""
    if channel.get("is_im"):
        return {
            "id": channel["id"],
            "created": channel["created"],
            "is_archived": False,
            "is_im": True,
            "is_org_shared": False,
            "context_team_id": TEAM_ID,
            "user": next((m for m in channel["members"] if m != viewer), viewer),
            "is_user_deleted": False,
            "is_open": True,
            "priority": 0,
        }
    private = bool(channel.get("is_private"))
    shared = bool(channel.get("is_ext_shared"))
    answer: Json = {
        "id": channel["id"],
        "name": channel["name"],
        "name_normalized": channel["name"],
        "is_channel": not private,
        "is_group": private,
        "is_im": False,
        "is_mpim": False,
        "is_private": private,
        "created": channel["created"],
        "creator": "U0CLEO00001",
        "is_archived": bool(channel.get("is_archived")),
        "is_general": channel["name"] == "general",
        "unlinked": 0,
        "is_shared": shared,
        "is_ext_shared": shared,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "context_team_id": TEAM_ID,
        "shared_team_ids": [TEAM_ID, *([ELSEWHERE_ID] if shared else [])],
        "internal_team_ids": [],
        "pending_connected_team_ids": [],
        "updated": channel["created"] * 1000,
        "parent_conversation": None,
        "is_member": viewer in channel["members"],
        "topic": {"value": channel.get("topic", ""), "creator": "", "last_set": 0},
        "purpose": {"value": channel.get("purpose", ""), "creator": "", "last_set": 0},
        "previous_names": [],
    }
    if shared:
        answer["connected_team_ids"] = [ELSEWHERE_ID]
        answer["conversation_host_id"] = TEAM_ID
    if num_members:
        answer["num_members"] = len(channel["members"])
    return answer
