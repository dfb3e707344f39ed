"""The control API's second half: the rules of the house, faults, sockets, people and channels."""

from aiohttp import web

from sandbox.slack import conditions
from sandbox.slack.channels import as_conversation
from sandbox.slack.control_shapes import Ask, Look, manifest_sent, person_shown
from sandbox.slack.deliveries import Deliveries
from sandbox.slack.manifest import read_manifest
from sandbox.slack.requests import Requests
from sandbox.slack.shapes import Json, NotPossible
from sandbox.slack.sockets import Sockets
from sandbox.slack.workspace import Workspace


class House:
    """Changes how the workspace behaves, for tests and demos."""

    def __init__(
        self, workspace: Workspace, deliveries: Deliveries, sockets: Sockets, requests: Requests
    ) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._sockets = sockets
        self._requests = requests
        self.looks: dict[str, Look] = {
            "calls": self.calls,
            "faults": self.faults,
            "conditions": self.conditions,
            "manifest": self.manifest,
            "sockets": self.sockets,
        }
        self.posts: dict[str, Ask] = {
            "faults": self.add_fault,
            "sockets": self.change_sockets,
            "redeliver": self.redeliver,
            "forget-calls": self.forget_calls,
        }
        self.puts: dict[str, Ask] = {
            "conditions": self.set_conditions,
            "people": self.put_person,
            "channels": self.put_channel,
            "groups": self.put_group,
        }

    async def install(self, request: web.Request) -> web.Response:
        """Install the app again with the manifest that was sent."""
        manifest = read_manifest((await manifest_sent(request))["manifest"])
        before = self._workspace.app.manifest
        self._workspace.app.install(manifest)
        self._workspace.feed.tell("people")
        if before.socket_mode and not manifest.socket_mode:
            await self._sockets.close_all("link_disabled")
        verified = None if manifest.socket_mode or not manifest.events_url else await self._requests.verify()
        return web.json_response({"ok": True, "name": manifest.name, "events_url_verified": verified})

    async def manifest(self, _request: web.Request) -> web.Response:
        """The manifest the app is installed with."""
        return web.json_response({"ok": True, "manifest": self._workspace.app.manifest.source})

    async def set_conditions(self, wish: Json) -> Json:
        """Change deadlines, retries, rate limits or the plan; names as in conditions.py."""
        self._workspace.conditions = conditions.change(self._workspace.conditions, wish)
        conditions.keep(self._workspace.store, self._workspace.conditions)
        if "rate_limits" in wish:
            self._workspace.limits.forget()
        return {"ok": True, "conditions": vars(self._workspace.conditions)}

    async def conditions(self, _request: web.Request) -> web.Response:
        """The conditions as they are."""
        return web.json_response({"ok": True, "conditions": vars(self._workspace.conditions)})

    async def put_person(self, wish: Json) -> Json:
        """{name, ...}: add a person or change one; flags as in users.info."""
        person = self._workspace.people.put(wish)
        self._workspace.feed.tell("people")
        return {"ok": True, "person": person_shown(person)}

    async def put_channel(self, wish: Json) -> Json:
        """{name, members?, is_private?, is_ext_shared?, is_archived?}: add a channel or change one."""
        channel = self._workspace.channels.put(wish)
        self._workspace.feed.tell("channels")
        return {"ok": True, "channel": as_conversation(channel)}

    async def put_group(self, wish: Json) -> Json:
        """{handle, users?, disabled?}: add a user group or change one."""
        return {"ok": True, "group": self._workspace.people.put_group(wish)}

    async def add_fault(self, wish: Json) -> Json:
        """{method, count?, status?, error?, retry_after?, hang?, drop?, after?}."""
        self._workspace.faults.add(wish)
        return {"ok": True}

    async def faults(self, _request: web.Request) -> web.Response:
        """The faults still to come."""
        return web.json_response({"ok": True, "faults": self._workspace.faults.all()})

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Cancel all faults."""
        self._workspace.faults.clear()
        return web.json_response({"ok": True})

    async def calls(self, request: web.Request) -> web.Response:
        """?method=: the log of Web API calls, with counts and the number of 429s."""
        wanted = request.query.get("method")
        calls = [call for call in self._workspace.calls if wanted in (None, call["method"])]
        counts: dict[str, int] = {}
        for call in calls:
            counts[call["method"]] = counts.get(call["method"], 0) + 1
        limited = sum(call["status"] == 429 for call in calls)
        return web.json_response({"ok": True, "calls": calls, "counts": counts, "ratelimited": limited})

    async def forget_calls(self, _wish: Json) -> Json:
        """Empty the log of calls."""
        self._workspace.calls.clear()
        return {"ok": True}

    async def sockets(self, _request: web.Request) -> web.Response:
        """How many sockets the app holds open."""
        return web.json_response({"ok": True, "connections": self._sockets.count})

    async def change_sockets(self, wish: Json) -> Json:
        """{do: refresh_requested | warning | link_disabled | drop | freeze}."""
        what = str(wish.get("do") or "refresh_requested")
        if what not in ("refresh_requested", "warning", "link_disabled", "drop", "freeze"):
            raise NotPossible("do is refresh_requested, warning, link_disabled, drop or freeze.")
        return {"ok": True, "concerned": await self._sockets.close_all(what)}

    async def redeliver(self, _wish: Json) -> Json:
        """Send the last delivery again."""
        outcome = await self._deliveries.again()
        return {"ok": outcome.problem is None, "problem": outcome.problem.value if outcome.problem else None}
