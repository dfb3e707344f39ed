"""The local GitHub tells releases as GitHub does, and refuses what GitHub refuses."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.github import start

AS_ASKED = {"User-Agent": "a test", "Accept": "application/vnd.github+json"}
PATH = "/repos/TryGhost/Ghost/releases/tags/"


@pytest.fixture
async def github() -> AsyncIterator[httpx.AsyncClient]:
    """A local GitHub with one release, and a client that says nothing of itself unless it is told to."""
    hub = await start()
    async with httpx.AsyncClient(base_url=hub.url) as http:
        http.headers.clear()
        await tells(http, "PUT", "releases/v6.65.0", body="* 🐛 Fixed it - Ada")
        yield http
    await hub.stop()


async def tells(http: httpx.AsyncClient, method: str, path: str, **wish: Any) -> None:
    answer = await http.request(method, f"/_sandbox/{path}", json=wish)
    assert answer.status_code == 200, answer.text


async def test_a_release_is_told_by_its_tag(github: httpx.AsyncClient) -> None:
    answer = await github.get(f"{PATH}v6.65.0", headers=AS_ASKED)
    told = answer.json()
    assert (answer.status_code, told["tag_name"], told["body"]) == (200, "v6.65.0", "* 🐛 Fixed it - Ada")
    assert told["html_url"] == "https://github.com/TryGhost/Ghost/releases/tag/v6.65.0"
    assert told["published_at"].endswith("Z")
    assert answer.headers["x-ratelimit-limit"] == "60"
    assert answer.headers["x-ratelimit-remaining"] == "59"


async def test_who_does_not_say_who_asks_is_refused(github: httpx.AsyncClient) -> None:
    answer = await github.get(f"{PATH}v6.65.0")
    assert answer.status_code == 403
    assert "User-Agent" in answer.text
    assert "x-ratelimit-remaining" not in answer.headers


@pytest.mark.parametrize(
    "path", [f"{PATH}6.65.0", f"{PATH}v6.65.1", "/repos/TryGhost/Other/releases/tags/v6.65.0", "/repos"]
)
async def test_what_is_not_there_is_not_found(github: httpx.AsyncClient, path: str) -> None:
    answer = await github.get(path, headers=AS_ASKED)
    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


async def test_nothing_is_changed_by_anybody(github: httpx.AsyncClient) -> None:
    answer = await github.post(f"{PATH}v6.65.0", headers=AS_ASKED)
    assert answer.status_code == 404


async def test_a_kind_that_it_does_not_speak_is_refused(github: httpx.AsyncClient) -> None:
    answer = await github.get(f"{PATH}v6.65.0", headers={**AS_ASKED, "Accept": "text/html"})
    assert answer.status_code == 415


async def test_too_many_in_an_hour_are_refused_and_it_says_until_when(github: httpx.AsyncClient) -> None:
    await tells(github, "PUT", "limit", requests=2)
    await github.get(f"{PATH}v6.65.0", headers=AS_ASKED)
    missing = await github.get(f"{PATH}v0.0.0", headers=AS_ASKED)
    assert missing.status_code == 404, "counted all the same"
    answer = await github.get(f"{PATH}v6.65.0", headers=AS_ASKED)
    assert answer.status_code == 403
    assert "rate limit exceeded" in answer.json()["message"]
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert 3500 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 3600


async def test_it_can_be_disturbed(github: httpx.AsyncClient) -> None:
    await tells(github, "POST", "faults", status=429, headers={"retry-after": "60"}, tag="v6.65.0")
    assert (await github.get(f"{PATH}v0.0.0", headers=AS_ASKED)).status_code == 404, "another tag"
    assert (await github.get(f"{PATH}v6.65.0", headers=AS_ASKED)).headers["retry-after"] == "60"
    await tells(github, "POST", "faults", drop=True)
    with pytest.raises(httpx.RemoteProtocolError):
        await github.get(f"{PATH}v6.65.0", headers=AS_ASKED)
    assert (await github.get(f"{PATH}v6.65.0", headers=AS_ASKED)).status_code == 200
