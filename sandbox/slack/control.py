"""The control API: what tests, the demo and the page ask the workspace to do, as JSON over HTTP."""

import json
import re

from aiohttp import web

from sandbox.slack.channels import as_conversation
from sandbox.slack.composer import Composer
from sandbox.slack.control_shapes import Ask, Look, answering, person_shown
from sandbox.slack.house import House
from sandbox.slack.interactions import Interactions
from sandbox.slack.messages import for_page, public
from sandbox.slack.people import BOT_USER
from sandbox.slack.shapes import TEAM_ID, TEAM_NAME, Json, NotPossible
from sandbox.slack.sockets import Sockets
from sandbox.slack.text import controls_of, label_of
from sandbox.slack.workspace import Workspace

LONGEST_WAIT = 600.0  # seconds


class Control:
    """The handlers of ``/_sandbox/...``. What cannot be done answers 400 with ``problem``, for people."""

    def __init__(
        self,
        workspace: Workspace,
        composer: Composer,
        interactions: Interactions,
        sockets: Sockets,
        house: House,
    ) -> None:
        self._workspace = workspace
        self._composer = composer
        self._interactions = interactions
        self._sockets = sockets
        self._house = house
        self._read: dict[str, tuple[int, Json]] = {}

    def routes(self) -> list[web.RouteDef]:
        """All addresses of the control API."""
        looks: dict[str, Look] = {
            "people": self.people,
            "messages": self.messages,
            "views": self.views,
            "sidebar": self.sidebar,
            "events": self.events,
            **self._house.looks,
        }
        posts: dict[str, Ask] = {
            "type": self.type,
            "click": self.click,
            "submit": self.submit,
            "close": self.close,
            "home": self.home,
            "join": self.join,
            "wait": self.wait,
            **self._house.posts,
        }
        return [
            *(web.get(f"/_sandbox/{name}", look) for name, look in looks.items()),
            *(web.post(f"/_sandbox/{name}", answering(ask)) for name, ask in posts.items()),
            *(web.put(f"/_sandbox/{name}", answering(ask)) for name, ask in self._house.puts.items()),
            web.put("/_sandbox/manifest", self._house.install),
            web.delete("/_sandbox/faults", self._house.clear_faults),
        ]

    # What people do

    async def type(self, wish: Json) -> Json:
        """{as, channel, text, thread_ts?}: write, or run a slash command."""
        done = await self._composer.type(
            _word(wish, "as"), _word(wish, "channel"), _word(wish, "text"), wish.get("thread_ts") or None
        )
        return {"ok": True, "message": self._shown(done)} if "ts" in done else done

    async def click(self, wish: Json) -> Json:
        """{as, channel, ts | view_id | home, action_id | text, value?, values?, confirm?}."""
        return await self._interactions.click(_word(wish, "as"), wish)

    async def submit(self, wish: Json) -> Json:
        """{as, view_id, values}."""
        return await self._interactions.submit(
            _word(wish, "as"), _word(wish, "view_id"), wish.get("values") or {}
        )

    async def close(self, wish: Json) -> Json:
        """{as, all?}: close the modal in front."""
        return await self._interactions.close(_word(wish, "as"), everything=bool(wish.get("all")))

    async def home(self, wish: Json) -> Json:
        """{as, tab}: open the app's tab."""
        self._composer.open_home(_word(wish, "as"), str(wish.get("tab") or "home"))
        return {"ok": True}

    async def join(self, wish: Json) -> Json:
        """{as, channel}."""
        return {"ok": True, "channel": self._composer.join(_word(wish, "as"), _word(wish, "channel"))["id"]}

    # What people see

    async def wait(self, wish: Json) -> Json:
        """{as, contains | regex, channel?, thread_ts?, button?, after_ts?, without?, surface?, timeout}.

        The newest message that fits, as soon as there is one; ``without``: one that has neither these words nor a
        button with them. ``surface`` "view" or "home" looks at the modal in front or the Home tab instead.
        408 with what was there instead when the time is up.
        """
        person = self._workspace.people.the(_word(wish, "as"))
        try:
            pattern = re.compile(
                str(wish.get("regex") or re.escape(str(wish.get("contains") or ""))), re.DOTALL
            )
        except re.error as error:
            raise NotPossible(f"The pattern is not a regular expression: {error}") from error
        seconds = min(float(wish.get("timeout") or 10), LONGEST_WAIT)

        def found() -> Json | None:
            fitting = [one for one in self._candidates(person, wish) if _fits(one, pattern, wish)]
            return fitting[-1] if fitting else None

        message = await self._workspace.feed.until(found, seconds)
        if message is None:
            seen = [one["plain"] for one in self._candidates(person, wish)][-10:]
            raise web.HTTPRequestTimeout(
                text=json.dumps({"ok": False, "problem": "Nothing like that appeared.", "seen": seen}),
                content_type="application/json",
            )
        return message

    def _candidates(self, person: Json, wish: Json) -> list[Json]:
        workspace = self._workspace
        surface = wish.get("surface")
        if surface in ("view", "home"):
            view = (
                workspace.views.top(person["id"]) if surface == "view" else workspace.views.home(person["id"])
            )
            return [self._shown(view)] if view else []
        return self._seen(person, wish.get("channel"), wish.get("thread_ts"))

    def _seen(self, person: Json, channel: str | None, thread_ts: str | None) -> list[Json]:
        workspace = self._workspace
        if channel:
            channels = [self._conversation(person, channel)]
        else:
            channels = [c for c in workspace.channels.all() if workspace.channels.may_read(c, person["id"])]
        found = [m for c in channels for m in workspace.messages.visible(c["id"], person["id"])]
        if thread_ts:
            found = [m for m in found if thread_ts in (m["ts"], m.get("thread_ts"))]
        return [self._shown(message) for message in sorted(found, key=lambda message: str(message["ts"]))]

    def _conversation(self, person: Json, which: str) -> Json:
        workspace = self._workspace
        if which.startswith("@"):
            return workspace.channels.direct(person["id"], workspace.people.the(which)["id"])[0]
        channel = workspace.channels.the(which)
        if not workspace.channels.may_read(channel, person["id"]):
            raise NotPossible(f"{person['name']} cannot see {which}.")
        return channel

    def _shown(self, thing: Json) -> Json:
        """A message or view with what a person makes of it: words, buttons, names."""
        edits = thing.get("_edits", 0)
        key = f"{thing.get('_channel')}/{thing.get('ts')}"
        known = self._read.get(key)
        if known is not None and known[0] == edits:
            # Waiting looks at every message after every happening: read each of them once.
            return known[1]
        shown = for_page(thing) if "_channel" in thing else public(thing)
        controls = controls_of(thing.get("blocks"))
        author = self._workspace.people.find(str(thing.get("user", "")))
        channel = self._workspace.channels.find(str(thing.get("_channel", "")))
        shown |= {
            "plain": self._workspace.words(thing),
            "user_name": author["name"] if author else None,
            "channel_name": channel.get("name") if channel else None,
            "buttons": [{**control, "label": label_of(control)} for control in controls],
        }
        if "_channel" in thing:
            self._read[key] = (edits, shown)
        return shown

    async def messages(self, request: web.Request) -> web.Response:
        """?as=&channel=&thread_ts=: what a person sees, oldest first."""
        person = self._workspace.people.the(request.query.get("as", ""))
        found = self._seen(person, request.query.get("channel"), request.query.get("thread_ts"))
        return web.json_response({"ok": True, "messages": found, "last": self._workspace.feed.last})

    async def views(self, request: web.Request) -> web.Response:
        """?as=: the person's modals, the front one last, and their Home tab."""
        person = self._workspace.people.the(request.query.get("as", ""))
        home = self._workspace.views.home(person["id"])
        stack = [self._shown(view) for view in self._workspace.views.stack(person["id"])]
        return web.json_response({"ok": True, "modals": stack, "home": self._shown(home) if home else None})

    async def sidebar(self, request: web.Request) -> web.Response:
        """?as=: everything the page needs to draw its frame for a person."""
        workspace = self._workspace
        person = workspace.people.the(request.query.get("as", ""))
        manifest = workspace.app.manifest
        channels = []
        for channel in workspace.channels.all():
            if workspace.channels.may_read(channel, person["id"]):
                shown = as_conversation(channel, person["id"])
                shown |= {
                    "title": workspace.channels.title(channel, person["id"]),
                    "members": channel["members"],
                }
                found = workspace.messages.visible(channel["id"], person["id"])
                channels.append(shown | {"latest": found[-1]["ts"] if found else None})
        answer: Json = {
            "ok": True,
            "team": {"id": TEAM_ID, "name": TEAM_NAME},
            "me": person_shown(person),
            "channels": channels,
            "commands": [
                {
                    "command": c["command"],
                    "description": c["description"],
                    "usage_hint": c.get("usage_hint", ""),
                }
                for c in manifest.commands
            ],
            "app": {
                "name": manifest.bot_name,
                "user": BOT_USER,
                "home": manifest.home_tab,
                "connected": self._sockets.count > 0 or not manifest.socket_mode,
            },
            "last": workspace.feed.last,
        }
        return web.json_response(answer)

    async def people(self, _request: web.Request) -> web.Response:
        """Everyone, with the groups."""
        workspace = self._workspace
        people = [person_shown(person) for person in workspace.people.all()]
        channels = [as_conversation(channel) for channel in workspace.channels.all()]
        return web.json_response(
            {"ok": True, "people": people, "groups": workspace.people.groups(), "channels": channels}
        )

    async def events(self, request: web.Request) -> web.StreamResponse:
        """?as=&after=: what happens, as server-sent events; with ?wait=seconds, as one JSON answer."""
        feed = self._workspace.feed
        viewer = None
        if request.query.get("as"):
            viewer = str(self._workspace.people.the(request.query["as"])["id"])
        try:
            after = int(request.query.get("after") or request.headers.get("Last-Event-ID") or feed.last)
            wait = float(request.query["wait"]) if "wait" in request.query else None
        except ValueError as error:
            raise NotPossible("after and wait are numbers.") from error
        if wait is not None:
            await feed.wait(after, min(wait, LONGEST_WAIT))
            return web.json_response({"ok": True, "events": feed.since(after, viewer), "last": feed.last})
        stream = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await stream.prepare(request)
        await self._stream(stream, after, viewer)
        return stream

    async def _stream(self, stream: web.StreamResponse, after: int, viewer: str | None) -> None:
        feed = self._workspace.feed
        # A restarted sandbox counts afresh: followers who are ahead of it start with it.
        after = min(after, feed.last)
        await stream.write(b"retry: 500\n\n")
        while True:
            seen = feed.last
            for happening in feed.since(after, viewer):
                text = f"id: {happening['id']}\ndata: {json.dumps(happening)}\n\n"
                await stream.write(text.encode())
            after = seen
            if not await feed.wait(after, 15):
                await stream.write(b": still here\n\n")


def _word(wish: Json, name: str) -> str:
    value = wish.get(name)
    if not isinstance(value, str) or not value:
        raise NotPossible(f"{name} is missing.")
    return value


def _fits(shown: Json, pattern: re.Pattern[str], wish: Json) -> bool:
    if wish.get("after_ts") and str(shown.get("ts", "")) <= str(wish["after_ts"]):
        return False
    if wish.get("button") and wish["button"] not in [button["label"] for button in shown["buttons"]]:
        return False
    if without := str(wish.get("without") or ""):
        if re.search(rf"(?<!\w){re.escape(without)}(?!\w)", shown["plain"]):
            return False
        if without in [button["label"] for button in shown["buttons"]]:
            return False
    if wish.get("from") and wish["from"] not in (shown.get("user"), shown.get("user_name")):
        return False
    return bool(pattern.search(shown["plain"]) or pattern.search(str(shown.get("text", ""))))
