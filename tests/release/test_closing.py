"""Production closed for writes: what is refused and what is not, and when it cannot be done."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from demo.tiny.seed import Seeded
from release.closing import CLOSED, StaysOpen, close_writes, open_again, staying_closed
from release.ghost.admin_api import admin_token
from release.ghost.build import GUARD_FILE, START_FILE
from release.model import Facts, Kind, Release, State, Step, StepRecord, StepState
from release.silence import SILENT, carry_silence, keep_silent
from release.site import PRODUCTION, WWWROOT
from release.staging import MUTE
from release.steps.promoting import closed_seconds, reopened
from tests.release.conftest import Cloud
from tests.sandbox.appservice_fixtures import eventually


async def writes_are_refused(cloud: Cloud) -> bool:
    answer = await cloud.http.post(cloud.address() + "/ghost/api/admin/posts/")
    return answer.status_code == 503


async def test_writes_are_refused_and_readers_notice_nothing(blog: Cloud) -> None:
    await close_writes(blog.site)
    url = blog.address()
    for path in ("/ghost/api/admin/posts/", "/members/api/send-magic-link/"):
        for verb in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await blog.http.request(verb, url + path, json={})
            assert answer.status_code == 503, (verb, path)
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["errors"][0]["type"] == "MaintenanceError"
    form = await blog.http.post(url + "/webmentions/receive/")
    assert (form.status_code, form.headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    sign_in = await blog.http.get(url + "/members/?token=abc&action=signup")
    assert (sign_in.status_code, sign_in.headers["Refresh"]) == (503, "15")
    for path in ("/", "/rss/", "/members/api/site/", "/ghost/api/admin/site/", "/?token=abc"):
        assert (await blog.http.get(url + path)).status_code == 200, path
    assert (await blog.http.post(url + "/members/api/comments/counts/")).status_code != 503
    await open_again(blog.site)
    await eventually_takes_writes(blog)


async def eventually_takes_writes(cloud: Cloud) -> None:
    async def takes_them() -> bool:
        return not await writes_are_refused(cloud)

    await eventually(takes_them, "production takes writes")


async def test_twice_is_the_same_as_once(blog: Cloud) -> None:
    await close_writes(blog.site)
    await close_writes(blog.site)
    assert await writes_are_refused(blog)
    await open_again(blog.site)
    await open_again(blog.site)
    await eventually_takes_writes(blog)


async def test_a_bot_that_dies_leaves_no_blog_closed(blog: Cloud) -> None:
    path = blog.home() / WWWROOT / CLOSED
    path.write_text(json.dumps({"until": (time.time() + 0.6) * 1000}))
    assert await writes_are_refused(blog)
    await eventually_takes_writes(blog)
    for broken in ("", "[]", "null", '{"until": "later"}'):
        path.write_text(broken)
        await eventually_takes_writes(blog)


def test_only_what_was_closed_until_the_end_of_the_swap_was_closed() -> None:
    since = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    release = Release("r", Kind.UPGRADE, "blog", State.PROMOTING, "ann", "C1", since, since)

    def swapped(seconds: float, until: float) -> Release:
        step = StepRecord(Step.SWAP, StepState.DONE, ended_at=since + timedelta(seconds=seconds))
        closed = Facts(writes_closed_at=since, writes_closed_until=since + timedelta(seconds=until))
        return replace(release, steps=(step,), facts=closed)

    assert closed_seconds(swapped(90, until=180)) == 90
    assert reopened(swapped(90, until=180)) is None
    assert closed_seconds(swapped(240, until=180)) is None
    assert "until 12:03:00 UTC" in (reopened(swapped(240, until=180)) or "")


async def test_a_write_that_is_under_way_is_waited_for(blog: Cloud, old: Seeded) -> None:
    half, rest = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"posts": [{"title": "Begun before", '
        half.set()
        await rest.wait()
        yield b'"status": "published"}]}'

    url = blog.address() + "/ghost/api/admin/posts/"
    headers = {"Authorization": f"Ghost {admin_token(old.admin_key)}", "Content-Type": "application/json"}
    async with httpx.AsyncClient() as author:
        writing = asyncio.create_task(author.post(url, content=body(), headers=headers))
        await half.wait()
        await asyncio.sleep(0.2)  # the half has to arrive; nothing tells when
        closing = asyncio.create_task(close_writes(blog.site))
        await eventually(lambda: writes_are_refused(blog), "production refuses writes")
        assert not closing.done()
        rest.set()
        assert (await writing).status_code == 201
        await closing


async def test_it_stays_closed_for_as_long_as_it_takes_and_then_for_a_swap(blog: Cloud) -> None:
    await close_writes(blog.site)
    before = json.loads((blog.home() / WWWROOT / CLOSED).read_text())["until"]
    async with staying_closed(blog.site):
        await asyncio.sleep(0.01)
    assert json.loads((blog.home() / WWWROOT / CLOSED).read_text())["until"] > before
    restarted_past_the_guard = staying_closed(blog.site)
    await restarted_past_the_guard.__aenter__()
    await starts_past_the_guard(blog)
    with pytest.raises(StaysOpen, match="stopped refusing"):
        await restarted_past_the_guard.__aexit__(None, None, None)


async def starts_past_the_guard(cloud: Cloud) -> None:
    start = cloud.wwwroot() / START_FILE
    guarded = f"require('./{GUARD_FILE}').start(() => require('./index.js'));"
    assert guarded in start.read_text()
    start.write_text(start.read_text().replace(guarded, "require('./index.js');"))
    await cloud.service.cloud.sites["blog"].slots[PRODUCTION].restart()
    await cloud.is_well()


async def test_a_package_without_the_guard_stays_open(blog: Cloud) -> None:
    (blog.home() / WWWROOT / GUARD_FILE).unlink()
    with pytest.raises(StaysOpen, match="From the next release on"):
        await close_writes(blog.site)
    assert not (blog.home() / WWWROOT / CLOSED).exists()
    assert not await writes_are_refused(blog)


async def test_a_site_that_is_started_past_the_guard_stays_open(blog: Cloud) -> None:
    await starts_past_the_guard(blog)
    with pytest.raises(StaysOpen, match="does not start with"):
        await close_writes(blog.site)
    assert not (blog.home() / WWWROOT / CLOSED).exists()


async def test_a_muted_slot_publishes_nothing_and_production_does(staged: Cloud) -> None:
    """The same post is due on both; nothing but the settings differs."""
    assert MUTE["GHOSTBOT_MUTED"] == "true"
    key = "?token=a.e30.c"
    path = f"/ghost/api/admin/schedules/posts/1/{key}"
    staging = staged.service.cloud.sites["blog"].slots["staging"]
    staging.record.app_settings |= {"GHOSTBOT_MUTED": "true"}
    await staging.restart()
    await staged.is_well("staging")
    assert (await staged.http.put(staged.address("staging") + path)).text == "Not published here.\n"
    assert (await staged.http.put(staged.address() + path)).status_code == 401  # the blog's own answer


async def test_what_came_out_elsewhere_is_not_published_again_and_an_upgrade_keeps_that(
    staged: Cloud,
) -> None:
    def callback(due: datetime) -> str:
        claims = base64.urlsafe_b64encode(json.dumps({"nbf": due.timestamp() - 600}).encode()).decode()
        return f"/ghost/api/admin/schedules/posts/1/?token=a.{claims.rstrip('=')}.c"

    async def is_let_through(slot: str, due: datetime) -> bool:
        answer = await staged.http.put(staged.address(slot) + callback(due))
        assert answer.status_code in (401, 404)
        return answer.status_code == 401  # the blog's own answer

    now = datetime.now(UTC)
    assert await is_let_through("staging", now)
    assert await keep_silent(staged.site, now - timedelta(hours=1))
    assert await keep_silent(staged.site, now - timedelta(hours=1))  # twice is the same as once
    (between,) = json.loads((staged.home("staging") / WWWROOT / SILENT).read_text())["between"]
    assert between[0] == int((now - timedelta(hours=1)).timestamp() * 1000)
    assert not await is_let_through("staging", now)
    for other in (now - timedelta(hours=2), now + timedelta(hours=1)):
        assert await is_let_through("staging", other)

    (staged.home("staging") / WWWROOT / SILENT).replace(staged.home() / WWWROOT / SILENT)
    assert not await is_let_through(PRODUCTION, now)
    await carry_silence(staged.site)
    assert not await is_let_through("staging", now)
    (staged.home() / WWWROOT / SILENT).unlink()
    await carry_silence(staged.site)
    assert not (staged.home("staging") / WWWROOT / SILENT).exists()
    (staged.home("staging") / WWWROOT / GUARD_FILE).unlink()
    assert not await keep_silent(staged.site, now)
