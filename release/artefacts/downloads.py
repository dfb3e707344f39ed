"""Artefacts from https addresses: from allowed hosts only, redirects too, bounded, streamed."""

import asyncio
import hashlib
import ipaddress
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urljoin, urlsplit

import httpx

from release.artefacts.errors import (
    ArtefactMissing,
    ArtefactTooLarge,
    ArtefactUnreachable,
    HostNotAllowed,
    PrivateAddress,
)
from release.masking import masked
from release.trouble import in_words

REDIRECTS = 5
CHUNK = 1 << 20
SECONDS = 900.0
"""For one artefact, from the first request to the last byte."""


class Downloads:
    """`hosts` are names (`builds.example.com`: https there) or origins (`http://10.0.0.5:8080`)."""

    def __init__(
        self, http: httpx.AsyncClient, hosts: tuple[str, ...], private_addresses: bool, most_bytes: int
    ) -> None:
        self._http = http
        self._origins = {host if "://" in host else f"https://{host}" for host in hosts}
        self._private = private_addresses
        self._most = most_bytes

    async def fetch(self, address: str, target: Path) -> str:
        """What is at the address is in `target`, readable for the bot only; returns its sha256."""
        shown = without_query(address)
        digest, size = hashlib.sha256(), 0
        try:
            async with asyncio.timeout(SECONDS), self._opened(address) as response:
                with await asyncio.to_thread(own_file, target) as file:
                    async for chunk in response.aiter_bytes(CHUNK):
                        size += len(chunk)
                        if size > self._most:
                            raise ArtefactTooLarge(shown, f"{self._most / 1e6:.0f}")
                        digest.update(chunk)
                        await asyncio.to_thread(file.write, chunk)
        except TimeoutError as error:
            raise ArtefactUnreachable(shown, f"not all of it came within {SECONDS:.0f} s") from error
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise ArtefactUnreachable(shown, in_words(error)) from error
        return digest.hexdigest()

    @asynccontextmanager
    async def _opened(self, address: str) -> AsyncIterator[httpx.Response]:
        """The answer 200 at the end of all redirects, each of which leads to an allowed host."""
        shown = without_query(address)
        for _ in range(REDIRECTS):
            await self._allowed(address)
            asked = self._http.stream(
                "GET", address, follow_redirects=False, timeout=httpx.Timeout(30, read=60)
            )
            async with asked as response:
                self._came_from_a_public_one(address, response)
                if response.is_redirect:
                    address = urljoin(address, response.headers.get("Location", ""))
                    continue
                if response.status_code in (404, 410):
                    raise ArtefactMissing(shown)
                if response.status_code != 200:
                    raise ArtefactUnreachable(shown, f"HTTP {response.status_code}")
                yield response
                return
        raise ArtefactUnreachable(shown, f"more than {REDIRECTS} redirects")

    async def _allowed(self, address: str) -> None:
        """The host is on the list, and at a public address where it has to be."""
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ArtefactUnreachable(without_query(address), "a redirect led to no address") from error
        usual = {"https": 443, "http": 80}.get(parts.scheme)
        origin = f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")
        if origin not in self._origins:
            raise HostNotAllowed(masked(origin), ", ".join(sorted(self._origins)) or "none")
        if self._private:
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port or usual, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ArtefactUnreachable(without_query(address), f"{host} is not known") from error
        for _, _, _, _, where in found:
            if not is_public(str(where[0])):
                raise PrivateAddress(host, str(where[0]))

    def _came_from_a_public_one(self, address: str, response: httpx.Response) -> None:
        """The name was looked up again for the connection, so what answered is looked at once more."""
        stream = response.extensions.get("network_stream")
        where = stream.get_extra_info("server_addr") if stream is not None else None
        if not self._private and where and not is_public(str(where[0])):
            raise PrivateAddress(urlsplit(address).hostname or "", str(where[0]))


def is_public(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_global and not found.is_multicast


def without_query(address: str) -> str:
    """The address for people and logs."""
    return address.partition("?")[0]


def own_file(path: Path) -> IO[bytes]:
    """A new file that only its owner reads."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
