"""The front end and the processes behind it: headers, streams, start-up, crashes, and who listens where."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from tests.sandbox.appservice_fixtures import Azure, eventually


async def test_sites_are_reached_by_port_and_by_host_name(azure: Azure) -> None:
    await azure.install("1")
    await azure.install("2", "staging")
    front = str(azure.addresses["front"])
    for host, text in (("blog.azurewebsites.net", "1"), ("blog-staging.azurewebsites.net", "2")):
        assert (await azure.visitor.get(front, headers={"Host": host})).text == text
    scm = {"Host": "blog-staging.scm.azurewebsites.net"}
    assert (await azure.operator.get(f"{front}/api/vfs/site/", headers=scm)).status_code == 200
    unknown = await azure.visitor.get(front, headers={"Host": "nope.azurewebsites.net"})
    assert unknown.status_code == 404


async def test_the_app_is_told_how_the_visitor_came(azure: Azure) -> None:
    await azure.install("1")
    answer = await azure.visitor.get(f"{azure.site()}/headers", headers={"X-Forwarded-For": "1.2.3.4"})
    seen = answer.json()
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"
    assert seen["host"] == azure.site().removeprefix("http://")


async def test_answers_come_through_unchanged(azure: Azure) -> None:
    await azure.install("1")
    answer = await azure.visitor.get(f"{azure.site()}/status?code=418")
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (418, ["a=1", "b=2"])
    redirect = await azure.visitor.get(f"{azure.site()}/redirect")
    assert (redirect.status_code, redirect.headers["Location"]) == (301, "/")
    head = await azure.visitor.head(azure.site())
    assert (head.status_code, head.content) == (200, b"")
    size = await azure.visitor.post(f"{azure.site()}/size", content=b"x" * 3_000_000)
    assert size.text == "3000000"


async def test_an_answer_that_breaks_off_does_not_look_whole(azure: Azure) -> None:
    await azure.install("1")
    with pytest.raises(httpx.HTTPError):
        await azure.visitor.get(f"{azure.site()}/break")


async def test_an_empty_site_shows_the_welcome_page(azure: Azure) -> None:
    answer = await azure.visitor.get(azure.site())
    assert (answer.status_code, "waiting for your content" in answer.text) == (200, True)


async def test_the_process_gets_its_settings_and_nothing_of_ours(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_SECRET", "x")
    await azure.install("1", DATA="/home/site/wwwroot/content", URL="https://example.com/home/site")
    env = await azure.env()
    assert "OUR_SECRET" not in env
    assert env["HOME"] == str(azure.home().resolve())
    assert env["DATA"] == f"{env['HOME']}/site/wwwroot/content"
    assert env["URL"] == "https://example.com/home/site"
    assert (env["WEBSITE_SITE_NAME"], env["WEBSITE_SLOT_NAME"]) == ("blog", "Production")


async def test_a_crashed_process_is_started_again(azure: Azure) -> None:
    await azure.install("1")
    crashed = await azure.visitor.get(f"{azure.site()}/crash")
    assert crashed.status_code == 502
    await azure.answers("1")
    assert (await azure.slot_state())["crashes"] == 1
    log = (azure.home() / "LogFiles" / "docker.log").read_text()
    assert "exited with code 3" in log


async def test_an_app_that_cannot_start_answers_503(azure: Azure) -> None:
    await azure.install("1")
    await azure.control("PUT", "/sites/blog", slots=["staging"], production={"start_command": "exit 1"})
    answer = await azure.visitor.get(azure.site())
    assert (answer.status_code, "Application Error" in answer.text) == (503, True)


async def test_an_app_that_listens_on_localhost_only_cannot_be_reached(azure: Azure) -> None:
    """App Service reaches a container from outside of it."""
    await azure.install("1")
    await azure.control("PUT", "/sites/blog", slots=["staging"], settings={"LISTEN_ON": "127.0.0.1"})
    asked = asyncio.create_task(azure.visitor.get(azure.site()))

    async def told() -> bool:
        return "listens on 127.0.0.1 only" in (azure.home() / "LogFiles" / "docker.log").read_text()

    await eventually(told, "the log says why")
    asked.cancel()


async def test_a_large_answer_is_passed_on_as_it_comes(azure: Azure) -> None:
    script = (
        "require('http').createServer(async (q, s) => { for (let i = 0; i < 20; i++) { s.write('x'.repeat(100000)); "
        "await new Promise(d => setTimeout(d, 10)) } s.end() }).listen(process.env.PORT)"
    )
    (azure.home() / "site" / "wwwroot" / "server.js").write_text(script)
    await azure.control("PUT", "/sites/blog", slots=["staging"])
    pieces = 0
    async with azure.visitor.stream("GET", azure.site()) as answer:
        async for _ in answer.aiter_raw():
            pieces += 1
    assert pieces > 5


async def test_a_port_that_somebody_takes_before_a_new_site_listens_is_left_to_them(azure: Azure) -> None:
    site = azure.service.cloud.make_site("late", ("staging",))
    before = site.slots["production"].record.site_port
    with socket.create_server(("127.0.0.1", before)):
        await azure.service.open_site(site)
    now = site.slots["production"].record.site_port
    assert now != before
    assert (await azure.visitor.get(f"http://127.0.0.1:{now}/")).status_code != 404
    assert azure.service.cloud.slot_by_port(before) is None
    addresses: dict[str, Any] = azure.service.as_json()
    assert addresses["sites"]["late"]["production"]["site"] == f"http://127.0.0.1:{now}"
