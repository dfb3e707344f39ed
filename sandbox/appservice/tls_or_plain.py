"""One port that takes https and plain http: a slot's host name answers to both, as on App Service (443 and 80)."""

import asyncio
import contextlib
import socket
import ssl

from aiohttp import web

_TLS_HANDSHAKE = b"\x16"
_FIRST_BYTE_SECONDS = 60.0


class TlsOrPlain:
    """Listens on a port; whether a connection is TLS is told by its first byte."""

    def __init__(self, server: web.Server, listening: socket.socket, tls: ssl.SSLContext) -> None:
        self._server = server
        self._listening = listening
        self._tls = tls
        self._opening: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept())

    @classmethod
    def listen(cls, server: web.Server, host: str, port: int, tls: ssl.SSLContext) -> "TlsOrPlain":
        """Raises OSError for a port that is taken."""
        listening = socket.create_server((host, port), backlog=1024)
        listening.setblocking(False)
        return cls(server, listening, tls)

    async def close(self) -> None:
        """Nobody new is let in."""
        tasks = [self._accepting, *self._opening]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listening.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listening)
            task = asyncio.create_task(self._open(connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        """Hand the connection to the server; one that says nothing, or goes away, is closed."""
        loop = asyncio.get_running_loop()
        handed = False
        try:
            async with asyncio.timeout(_FIRST_BYTE_SECONDS):
                first = await _first_byte(connection)
            if first:
                handed = True
                tls = self._tls if first == _TLS_HANDSHAKE else None
                with contextlib.suppress(OSError):  # ssl.SSLError is one: a client that does not trust us
                    await loop.connect_accepted_socket(self._server, connection, ssl=tls)
        except (OSError, TimeoutError):
            return
        finally:
            if not handed:
                connection.close()


async def _first_byte(connection: socket.socket) -> bytes:
    """The first byte, left where it is for whoever reads next; empty when there comes none."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)
