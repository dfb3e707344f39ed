"""Modals and Home tabs: opened with a trigger, stacked, updated, closed."""

import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.slack.feed import Feed
from sandbox.slack.installation import APP_ID, BOT_ID
from sandbox.slack.messages import with_ids
from sandbox.slack.shapes import TEAM_ID, Json, SlackRefusal, new_id, now
from sandbox.slack.store import Store

DEEPEST = 3  # modals on top of each other


@dataclass
class Trigger:
    """A trigger_id: good for one modal, a few seconds, one person."""

    user: str
    expires: float
    used: bool = False


class Triggers:
    """The trigger_ids handed out. They are too short-lived to be kept on disk."""

    def __init__(self) -> None:
        self._triggers: dict[str, Trigger] = {}

    def new(self, user: str, seconds: float) -> str:
        """A trigger_id for something ``user`` just did."""
        for old in [key for key, trigger in self._triggers.items() if trigger.expires < now() - 600]:
            del self._triggers[old]
        name = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[name] = Trigger(user, now() + seconds)
        return name

    def use(self, name: Any) -> str:
        """Whose trigger it is; refuses unknown, late and used ones."""
        trigger = self._triggers.get(str(name))
        if trigger is None:
            raise SlackRefusal("invalid_trigger_id")
        if trigger.used:
            raise SlackRefusal("exchanged_trigger_id")
        if trigger.expires < now():
            raise SlackRefusal("expired_trigger_id")
        trigger.used = True
        return trigger.user


class Views:
    """Each person's stack of modals and their Home tab."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed
        self._stacks: dict[str, list[Json]] = {}
        self._homes: dict[str, Json] = {view["_user"]: view for view in store.all("home")}

    def stack(self, user: str) -> list[Json]:
        """The person's open modals, the top one last."""
        return self._stacks.get(user, [])

    def top(self, user: str) -> Json | None:
        """The modal the person looks at, or None."""
        return self.stack(user)[-1] if self.stack(user) else None

    def home(self, user: str) -> Json | None:
        """The person's Home tab, or None when the app published none."""
        return self._homes.get(user)

    def find(self, view_id: str) -> Json | None:
        """An open modal or a Home tab by id."""
        return next((view for view in self._all() if view["id"] == view_id), None)

    def find_external(self, external_id: str) -> Json | None:
        """An open modal or a Home tab by the app's own id."""
        return next(
            (view for view in self._all() if external_id and view["external_id"] == external_id), None
        )

    def push(self, user: str, wish: Json) -> Json:
        """Show a modal on top of what is open; at most three."""
        stack = self._stacks.setdefault(user, [])
        if len(stack) >= DEEPEST:
            raise SlackRefusal("push_limit_reached")
        view = self._new(user, wish)
        view["previous_view_id"] = stack[-1]["id"] if stack else None
        view["root_view_id"] = stack[0]["id"] if stack else view["id"]
        stack.append(view)
        self._tell(user)
        return view

    def update(self, view: Json, wish: Json) -> Json:
        """Replace what a modal or Home tab shows; what was typed stays where the ids stay."""
        fresh = self._new(view["_user"], wish, view)
        view.clear()
        view.update(fresh)
        if view["type"] == "home":
            self._store.put("home", view["_user"], view)
        self._tell(view["_user"])
        return view

    def publish(self, user: str, wish: Json) -> Json:
        """Show a Home tab to one person."""
        view = self._homes.get(user)
        if view is not None:
            return self.update(view, wish)
        view = self._new(user, wish)
        self._homes[user] = view
        self._store.put("home", user, view)
        self._tell(user)
        return view

    def close(self, user: str, *, everything: bool = False) -> list[Json]:
        """Close the top modal or all of them; returns those that were closed."""
        stack = self._stacks.get(user, [])
        closed = stack[:] if everything else stack[-1:]
        self._stacks[user] = [] if everything else stack[:-1]
        self._tell(user)
        return closed

    def _all(self) -> list[Json]:
        return [view for stack in self._stacks.values() for view in stack] + list(self._homes.values())

    def _new(self, user: str, wish: Json, old: Json | None = None) -> Json:
        external_id = str(wish.get("external_id") or "")
        same = self.find_external(external_id)
        if same is not None and (old is None or same["id"] != old["id"]):
            raise SlackRefusal("duplicate_external_id")
        view_id = old["id"] if old else new_id("V")
        return {
            "id": view_id,
            "team_id": TEAM_ID,
            "type": wish["type"],
            "blocks": with_ids(wish["blocks"]),
            "private_metadata": wish.get("private_metadata") or "",
            "callback_id": wish.get("callback_id") or "",
            "state": old["state"] if old else {"values": {}},
            "hash": f"{int(now())}.{secrets.token_hex(4)}",
            "title": wish.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
            "clear_on_close": bool(wish.get("clear_on_close")),
            "notify_on_close": bool(wish.get("notify_on_close")),
            "close": wish.get("close"),
            "submit": wish.get("submit"),
            "previous_view_id": old["previous_view_id"] if old else None,
            "root_view_id": old["root_view_id"] if old else view_id,
            "app_id": APP_ID,
            "external_id": external_id,
            "app_installed_team_id": TEAM_ID,
            "bot_id": BOT_ID,
            "_user": user,
        }

    def _tell(self, user: str) -> None:
        self._feed.tell("views", frozenset((user,)), user=user)
