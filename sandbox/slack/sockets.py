"""Socket Mode: tickets, connections, envelopes and their acknowledgements."""

import asyncio
import contextlib
import json
import secrets
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from sandbox.slack.installation import APP_ID
from sandbox.slack.methods import Method, Token
from sandbox.slack.outcome import Outcome, Problem
from sandbox.slack.shapes import Json, SlackRefusal, now
from sandbox.slack.workspace import Workspace

MOST_CONNECTIONS = 10
TICKET_SECONDS = 30.0


@dataclass
class Connection:
    """One open socket and the envelopes it has not acknowledged."""

    socket: web.WebSocketResponse
    waiting: dict[str, "asyncio.Future[Outcome]"] = field(default_factory=dict)
    frozen: bool = False
    leaving: bool = False


class Sockets:
    """All connections of the app; each envelope goes to one of them, in turn."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._tickets: dict[str, float] = {}
        self._connections: list[Connection] = []
        self._turn = 0

    @property
    def method(self) -> Method:
        """apps.connections.open, which hands out tickets."""
        return Method("apps.connections.open", self._open, 3, token=Token.APP)

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def _open(self, workspace: Workspace, _arguments: Json) -> Json:
        if not workspace.app.manifest.socket_mode:
            raise SlackRefusal("socket_mode_not_enabled")
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = now() + TICKET_SECONDS
        base = workspace.base.replace("http", "ws", 1)
        return {"url": f"{base}/link/?ticket={ticket}&app_id={APP_ID}"}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket, from hello to goodbye."""
        if self._tickets.pop(request.query.get("ticket", ""), 0.0) < now():
            return web.Response(status=408, text="This ticket is not valid (any more).")
        socket = web.WebSocketResponse(autoping=False, heartbeat=None)
        await socket.prepare(request)
        connection = Connection(socket)
        if self.count >= MOST_CONNECTIONS:
            await self._disconnect(connection, "too_many_websockets")
            return socket
        self._connections.append(connection)
        pinging = asyncio.ensure_future(self._keep_alive(connection))
        self._tell()
        try:
            await socket.send_json(self._hello())
            await self._listen(connection)
        finally:
            pinging.cancel()
            self._forget(connection)
        return socket

    async def deliver(self, envelope: Json) -> Outcome:
        """Send one envelope over one connection and wait for its acknowledgement, as long as Slack would."""
        ready = [one for one in self._connections if not one.leaving] or self._connections
        if not ready:
            return Outcome(Problem.UNREACHABLE)
        self._turn += 1
        connection = ready[self._turn % len(ready)]
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        connection.waiting[envelope["envelope_id"]] = answer
        try:
            if not connection.frozen:
                await connection.socket.send_json(envelope)
            return await asyncio.wait_for(answer, self._workspace.conditions.ack_seconds)
        except TimeoutError:
            return Outcome(Problem.TIMEOUT)
        except ConnectionError:
            return Outcome(Problem.UNREACHABLE)
        finally:
            connection.waiting.pop(envelope["envelope_id"], None)

    async def close_all(self, reason: str) -> int:
        """Disconnect: ``refresh_requested`` and ``link_disabled`` politely, ``warning`` only announces,

        ``drop`` cuts the lines and ``freeze`` leaves them open but dead. Returns how many it concerned.
        """
        concerned = self._connections[:]
        for connection in concerned:
            if reason == "freeze":
                connection.frozen = True
            elif reason == "drop":
                self._cut(connection)
            else:
                with contextlib.suppress(ConnectionError):
                    await self._disconnect(connection, reason)
        return len(concerned)

    async def _disconnect(self, connection: Connection, reason: str) -> None:
        await connection.socket.send_json(
            {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
        )
        connection.leaving = True
        if reason != "warning":
            # The client hangs up after "disconnect"; close from this side, too, if it does not.
            asyncio.get_running_loop().call_later(1.0, self._cut, connection)

    def _cut(self, connection: Connection) -> None:
        transport = connection.socket._req.transport if connection.socket._req else None
        if transport is not None and not connection.socket.closed:
            transport.abort()

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.socket:
            if connection.frozen:
                continue
            if message.type is WSMsgType.PING:
                await connection.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._acknowledge(connection, message.data)

    def _acknowledge(self, connection: Connection, text: str) -> None:
        try:
            body = json.loads(text)
        except json.JSONDecodeError:
            return
        waiting = connection.waiting.get(body.get("envelope_id", "")) if isinstance(body, dict) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(Outcome(payload=body.get("payload") or {}))

    async def _keep_alive(self, connection: Connection) -> None:
        """Ping regularly; after a few hours ask the client to connect afresh, as Slack does."""
        conditions = self._workspace.conditions
        began = now()
        warned = False
        with contextlib.suppress(ConnectionError):
            while True:
                left = began + conditions.socket_refresh_seconds - now()
                await asyncio.sleep(max(0.05, min(conditions.ping_seconds, left)))
                if not connection.frozen:
                    await connection.socket.ping(b"sandbox")
                left = began + conditions.socket_refresh_seconds - now()
                if left <= conditions.socket_warning_seconds and not warned:
                    warned = True
                    await self._disconnect(connection, "warning")
                if left <= 0:
                    await self._disconnect(connection, "refresh_requested")
                    return

    def _hello(self) -> Json:
        seconds = int(self._workspace.conditions.socket_refresh_seconds)
        return {
            "type": "hello",
            "num_connections": self.count,
            "debug_info": {
                "host": "sandbox",
                "build_number": 1,
                "approximate_connection_time": seconds,
            },
            "connection_info": {"app_id": APP_ID},
        }

    def _forget(self, connection: Connection) -> None:
        self._connections.remove(connection)
        for waiting in connection.waiting.values():
            if not waiting.done():
                waiting.set_result(Outcome(Problem.UNREACHABLE))
        self._tell()

    def _tell(self) -> None:
        self._workspace.feed.tell("app_presence", connected=self.count > 0, connections=self.count)
