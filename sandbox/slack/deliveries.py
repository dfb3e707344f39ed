"""Deliveries to the app: over a socket or by signed request; events are tried again, nothing else is."""

import asyncio
import uuid

from sandbox.slack.outcome import Outcome, Problem
from sandbox.slack.requests import Requests
from sandbox.slack.shapes import Json, now
from sandbox.slack.sockets import Sockets
from sandbox.slack.workspace import Workspace

REASONS = {
    Problem.UNREACHABLE: "connection_failed",
    Problem.TIMEOUT: "timeout",
    Problem.REFUSED: "http_error",
}


class Deliveries:
    """Hands payloads to the app in the way its manifest says. Pending events survive a restart."""

    def __init__(self, workspace: Workspace, sockets: Sockets, requests: Requests) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._requests = requests
        self._last: tuple[str, Json] | None = None
        self._events: set[asyncio.Task[None]] = set()

    async def command(self, url: str, payload: Json) -> Outcome:
        """Deliver a slash command once."""
        self._last = ("slash_commands", payload | {"_url": url})
        return await self._send(*self._last)

    async def interaction(self, payload: Json) -> Outcome:
        """Deliver a click or a modal's submission once."""
        self._last = ("interactive", payload)
        return await self._send("interactive", payload)

    def event(self, payload: Json) -> None:
        """Deliver an event in the background; try again as Slack does when it is not taken."""
        self._last = ("events_api", payload)
        pending = {"id": payload["event_id"], "payload": payload, "attempt": 0, "due": now(), "reason": ""}
        self._workspace.store.put("pending", pending["id"], pending)
        self._start(pending)

    def resume(self) -> None:
        """Go on with the events that were pending when the sandbox stopped."""
        for pending in self._workspace.store.all("pending"):
            self._start(pending)

    async def again(self) -> Outcome:
        """Send the last delivery once more, as Slack does when an acknowledgement got lost."""
        if self._last is None:
            return Outcome(Problem.UNREACHABLE)
        kind, payload = self._last
        return await self._send(kind, payload, 1 if kind == "events_api" else 0, "timeout")

    async def close(self) -> None:
        """Stop trying; what is pending goes on at the next start."""
        for task in self._events:
            task.cancel()
        await asyncio.gather(*self._events, return_exceptions=True)
        await self._requests.close()

    def _start(self, pending: Json) -> None:
        task = asyncio.ensure_future(self._deliver_event(pending))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def _deliver_event(self, pending: Json) -> None:
        store = self._workspace.store
        while True:
            await asyncio.sleep(max(0.0, pending["due"] - now()))
            attempt = pending["attempt"]
            outcome = await self._send("events_api", pending["payload"], attempt, pending["reason"])
            self._note("events_api", pending["payload"], outcome, attempt)
            delays = self._workspace.conditions.event_retry_seconds
            if outcome.problem is None or not outcome.retry or attempt >= len(delays):
                store.drop("pending", pending["id"])
                return
            pending |= {
                "attempt": attempt + 1,
                "due": now() + delays[attempt],
                "reason": REASONS[outcome.problem],
            }
            store.put("pending", pending["id"], pending)

    async def _send(self, kind: str, payload: Json, attempt: int = 0, reason: str = "") -> Outcome:
        clean = {key: value for key, value in payload.items() if key != "_url"}
        if self._workspace.app.manifest.socket_mode:
            outcome = await self._sockets.deliver(_envelope(kind, clean, attempt, reason))
        elif kind == "slash_commands":
            outcome = await self._requests.command(payload.get("_url", ""), clean)
        elif kind == "interactive":
            outcome = await self._requests.interaction(clean)
        else:
            outcome = await self._requests.event(clean, attempt, reason)
        if kind != "events_api":
            self._note(kind, clean, outcome, attempt)
        return outcome

    def _note(self, kind: str, payload: Json, outcome: Outcome, attempt: int) -> None:
        what = payload.get("command") or payload.get("event", {}).get("type") or payload.get("type")
        self._workspace.feed.tell(
            "delivery",
            frozenset(),
            transport=kind,
            what=what,
            attempt=attempt,
            problem=outcome.problem.value if outcome.problem else None,
        )


def _envelope(kind: str, payload: Json, attempt: int, reason: str) -> Json:
    envelope: Json = {
        "envelope_id": str(uuid.uuid4()),
        "payload": payload,
        "type": kind,
        "accepts_response_payload": kind != "events_api",
    }
    if kind == "events_api":
        # Slack counts from 0: the first delivery carries the field, too.
        envelope |= {"retry_attempt": attempt, "retry_reason": reason}
    return envelope
