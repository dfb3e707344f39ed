"""The Ghost-shaped site answers as Ghost does where a release looks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from demo.tiny.seed import Seeded, seed
from demo.tiny.versions import SICK_FRONT_PAGE, WRONG_VERSION
from release.ghost.admin_api import admin_token
from release.ghost.database import inspect
from release.ghost.npm import carried_node
from release.ghost.running import DidNotBoot, free_port, running

MEASURED = {
    "/": 200,
    "/rss/": 200,
    "/sitemap.xml": 200,
    "/sitemap-posts.xml": 200,
    "/post-1/": 200,
    "/post-1": 301,
    "/draft-13/": 404,
    "/content/images/2024/05/picture-1.png": 200,
    "/content/data/ghost.db": 404,
    "/content/images/..%2fdata%2fghost.db": 404,
    "/ghost/": 200,
    "/robots.txt": 200,
    "/members/api/site/": 200,
    "/members/api/member/": 204,
    "/ghost/api/admin/site/": 200,
    "/ghost/api/admin/users/me/": 403,
    "/this-is-not-there/": 404,
}


def boot(wwwroot: Path, **settings: str) -> AbstractAsyncContextManager[str]:
    environment = {"PATH": "/usr/bin:/bin", **settings}
    return running(wwwroot, carried_node().node, environment, wwwroot.parent / "site.log")


@asynccontextmanager
async def client_of(wwwroot: Path, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Ghost {admin_token(key)}"} if key else {}
    async with boot(wwwroot) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        yield client


async def test_it_answers_with_the_codes_measured_on_ghost(blog: Seeded) -> None:
    async with client_of(Path(blog.wwwroot)) as client:
        answered = {path: (await client.get(path)).status_code for path in MEASURED}
        front = (await client.get("/")).text
        told = await client.get("/ghost/api/admin/site/")
    assert answered == MEASURED
    assert '<meta name="generator" content="Ghost 5.100">' in front
    assert "data-ghost=" in front
    assert told.json()["site"]["version"] == "5.100"
    assert told.headers["content-version"] == "v5.100"


async def test_the_staff_api_lists_and_takes_what_a_key_may(blog: Seeded) -> None:
    async with client_of(Path(blog.wwwroot), blog.admin_key) as client:
        posts = await client.get("/ghost/api/admin/posts/", params={"limit": "1"})
        exact = await client.get("/ghost/api/admin/config/")
        written = await client.post(
            "/ghost/api/admin/posts/", json={"posts": [{"title": "Late news", "status": "published"}]}
        )
        member = await client.post(
            "/ghost/api/admin/members/", json={"members": [{"email": "new@example.com"}]}
        )
        page = await client.get("/late-news/")
    assert posts.json()["meta"]["pagination"]["total"] == 14
    assert exact.json()["config"]["version"] == "5.100.1"
    assert (written.status_code, member.status_code, page.status_code) == (201, 201, 200)
    assert (await inspect(Path(blog.database))).rows["members"] == 21


async def test_a_wrong_key_is_refused(blog: Seeded) -> None:
    forged = f"{blog.admin_key.partition(':')[0]}:{'00' * 32}"
    async with client_of(Path(blog.wwwroot), forged) as client:
        assert (await client.get("/ghost/api/admin/posts/")).status_code == 401


async def test_an_image_can_be_uploaded(blog: Seeded) -> None:
    async with client_of(Path(blog.wwwroot), blog.admin_key) as client:
        answer = await client.post(
            "/ghost/api/admin/images/upload/", files={"file": ("new.png", b"\x89PNG\r\n\r\n--")}
        )
        assert answer.status_code == 201
        image = await client.get(answer.json()["images"][0]["url"])
    assert image.content == b"\x89PNG\r\n\r\n--"


async def test_it_migrates_whatever_database_it_is_pointed_at(blog: Seeded, tmp_path: Path) -> None:
    newer = seed(tmp_path / "newer", "6.4.0")
    async with boot(Path(newer.wwwroot), database__connection__filename=blog.database):
        pass
    assert (await inspect(Path(blog.database))).version == "6.4"


async def test_older_code_shuts_down_on_a_newer_database(blog: Seeded, tmp_path: Path) -> None:
    newer = seed(tmp_path / "newer", "6.4.0")
    with pytest.raises(DidNotBoot) as failure:
        async with boot(Path(blog.wwwroot), database__connection__filename=newer.database):
            pass
    assert "newer than" in failure.value.advice


@pytest.mark.parametrize(
    ("version", "status", "reported"), [(SICK_FRONT_PAGE, 500, "5.133"), (WRONG_VERSION, 200, "5.130")]
)
async def test_some_versions_misbehave_on_purpose(
    tmp_path: Path, version: str, status: int, reported: str
) -> None:
    async with client_of(Path(seed(tmp_path / "wwwroot", version).wwwroot)) as client:
        assert (await client.get("/")).status_code == status
        assert (await client.get("/ghost/api/admin/site/")).json()["site"]["version"] == reported


async def statuses_while_booting(
    wwwroot: Path, **settings: str
) -> tuple[list[int], httpx.Response, httpx.Response]:
    """Every status of / until the site answers something else than 503, then / plain and / as the front end asks."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        str(carried_node().node),
        "app-service.js",
        cwd=wwwroot,
        env={"PATH": "/usr/bin:/bin", "PORT": str(port), **settings},
        stdout=asyncio.subprocess.DEVNULL,
    )
    seen: list[int] = []
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(20):
            while not seen or seen[-1] == 503:
                try:
                    seen.append((await client.get("/")).status_code)
                except httpx.ConnectError:
                    await asyncio.sleep(0.02)
            forwarded = await client.get("/", headers={"X-Forwarded-Proto": "https"})
            return seen, await client.get("/"), forwarded
    finally:
        process.kill()
        await process.wait()


async def test_a_booting_site_answers_503(blog: Seeded) -> None:
    seen, plain, _ = await statuses_while_booting(Path(blog.wwwroot), tiny__bootMilliseconds="200")
    assert seen[0] == 503
    assert plain.status_code == 200


async def test_a_site_with_an_https_address_redirects_whoever_asks_plainly(blog: Seeded) -> None:
    _, plain, forwarded = await statuses_while_booting(Path(blog.wwwroot), url="https://blog.example.com")
    assert (plain.status_code, plain.headers["location"]) == (301, "https://blog.example.com/")
    assert forwarded.status_code == 200
