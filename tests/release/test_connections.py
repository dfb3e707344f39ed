"""A pool of connections for each host: shared in turn, and none kept for long."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
import pytest

from release.connections import AT_ONCE, COPIES_AT_ONCE, HOSTS_AT_REST, PoolForEachHost, direct
from release.site import PRODUCTION
from tests.release.conftest import Cloud

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Host:
    """Answers each request once `free` is set; counts connections and requests."""

    url: str = ""
    connected: int = 0
    open: int = 0
    asked: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.open += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                await self.free.wait()
                writer.write(OK)
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.open -= 1
            writer.close()


@pytest.fixture
async def hosts() -> AsyncIterator[list[Host]]:
    """More than may keep connections while nothing is asked of them."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(HOSTS_AT_REST + 2):
            host = Host()
            host.free.set()
            server = await stack.enter_async_context(await asyncio.start_server(host.serve, "127.0.0.1", 0))
            host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            found.append(host)
        yield found


def client(at_once: int = 100, pool: float | None = 30) -> httpx.AsyncClient:
    transport = PoolForEachHost(ssl.create_default_context(), at_once)
    return httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(30, pool=pool))


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - it becomes true on the other side of a connection
            await asyncio.sleep(0.01)


async def test_what_is_asked_of_a_host_one_after_the_other_goes_over_one_connection(
    hosts: list[Host],
) -> None:
    async with client() as http:
        for _ in range(3):
            for host in hosts[:2]:
                assert (await http.get(host.url)).text == "ok"
    assert [(host.connected, host.asked) for host in hosts[:2]] == [(1, 3), (1, 3)]
    await until(lambda: not any(host.open for host in hosts))


async def test_of_many_hosts_the_one_that_was_asked_longest_ago_loses_its_connection(
    hosts: list[Host],
) -> None:
    async with client() as http:
        for host in hosts:
            await http.get(host.url)
        await until(lambda: sum(host.open for host in hosts) == HOSTS_AT_REST)
        assert [host.open for host in hosts[:3]] == [0, 0, 1]
        await http.get(hosts[0].url)
        assert hosts[0].connected == 2, "it is connected to anew"


async def test_a_host_that_has_not_answered_yet_keeps_its_connection(hosts: list[Host]) -> None:
    slow, *others = hosts
    slow.free.clear()
    async with client() as http:
        waiting = asyncio.create_task(http.get(slow.url))
        await until(lambda: slow.asked)
        for host in others:
            await http.get(host.url)
        slow.free.set()
        assert (await waiting).text == "ok"
    assert slow.connected == 1


async def test_only_so_many_requests_are_under_way_and_the_rest_wait_for_their_turn(
    hosts: list[Host],
) -> None:
    slow, other = hosts[:2]
    slow.free.clear()
    async with client(at_once=2) as http:
        first = [asyncio.create_task(http.get(slow.url)) for _ in range(2)]
        await until(lambda: slow.asked == 2)
        with pytest.raises(httpx.PoolTimeout):
            await http.get(other.url, timeout=httpx.Timeout(30, pool=0.01))
        assert not other.asked
        third = asyncio.create_task(http.get(other.url))
        slow.free.set()
        assert [(await one).text for one in (*first, third)] == ["ok"] * 3


async def test_a_request_that_fails_or_is_given_up_leaves_its_turn_to_others(hosts: list[Host]) -> None:
    slow, other = hosts[:2]
    slow.free.clear()
    async with client(at_once=1, pool=5) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(slow.url, timeout=httpx.Timeout(5, read=0.05))
        given_up = asyncio.create_task(http.get(slow.url))
        await until(lambda: slow.asked == 2)
        given_up.cancel()
        await asyncio.wait({given_up})
        async with http.stream("GET", other.url):
            pass  # its content is not wanted
        assert (await http.get(other.url)).text == "ok"


async def test_many_copies_at_once_never_wait_for_each_others_turns(cloud: Cloud) -> None:
    """Each reads from one slot while it writes to another: with all turns taken by the reading, none could write."""
    assert 2 * COPIES_AT_ONCE < AT_ONCE
    files = {f"site/wwwroot/{folder}/{name}": name.encode() for folder in "01" for name in "abcd"}
    writer = await cloud.site.kudu(PRODUCTION)
    for path, content in files.items():
        await writer.write(path, content)
    async with client(at_once=3, pool=1) as http:
        sites = cloud.sites_over(http, asyncio.Semaphore(2), 2)
        (one, its_staging), (other, others_staging) = [
            (await site.kudu(PRODUCTION), await site.kudu(site.staging)) for site in sites
        ]
        copies = [one.copy_to(its_staging, path) for path in files if "/0/" in path]
        folder = other.copy_folder_to(others_staging, "site/wwwroot/1")
        assert all(await asyncio.gather(*copies, folder))
    reader = await cloud.site.kudu(cloud.site.staging)
    assert {path: await reader.read(path) for path in files} == files


async def test_a_proxy_that_the_environment_names_is_asked_for_every_host(
    hosts: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    tls = ssl.create_default_context()
    assert direct(tls) is not None
    monkeypatch.setenv("http_proxy", hosts[0].url)
    async with httpx.AsyncClient(transport=direct(tls), verify=tls) as http:
        assert (await http.get("http://a-host-behind-it.example/")).text == "ok"
    assert hosts[0].asked == 1
