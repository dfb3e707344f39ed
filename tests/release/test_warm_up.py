"""The trap of a swap's warm-up: found by asking as Azure asks, on any web app, and shown to be one."""

import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.stages import TINY_NODE
from release.preflight import preflight_deploy
from release.shape import Expected, Page
from release.site import PRODUCTION
from release.staging import Mark
from release.swap import Change, put_live
from release.warm_up import (
    WARM_UP_PATH,
    WARM_UP_STATUSES,
    Answered,
    answer_to_warm_up,
    judged,
    warm_up_findings,
)
from release.web_app import web_app
from sandbox.appservice.platforms.windows import NODE_VERSION
from tests.release.conftest import Cloud, a_cloud
from tests.release.test_put_live import Thread
from tests.release.test_webapp import Kept
from tests.sandbox.appservice_fixtures import eventually

# A web app whose first real page takes its time, as the second seed's did. What it does with plain http is a setting.
APP = """
const http = require('http');
let warm = false;
http.createServer(async (request, response) => {
  const proto = request.headers['x-forwarded-proto'], mode = process.env.PLAIN;
  const here = request.headers.host + request.url;
  const to = where => { response.writeHead(301, {location: where}); response.end(); };
  if (request.url === '/health') return response.end('well');
  if (mode === 'require https' && proto !== 'https') return to('https://' + here);
  if (mode === 'require https of visitors' && proto === 'http') return to('https://' + here);
  if (mode === 'one host' && !proto) return to('http://www.example.com' + request.url + '?token=rosebud');
  if (mode === 'refuse' && proto !== 'https') { response.writeHead(403); return response.end(); }
  if (mode === 'language' && request.url === '/') return to('/en/');
  if (!warm) await new Promise(done => setTimeout(done, Number(process.env.COLD_MS || 0)));
  warm = true;
  response.end('page');
}).listen(process.env.PORT, '0.0.0.0');
"""


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    """A site with https and plain http, as on Azure; both slots are empty."""
    async with a_cloud(tmp_path / "azure", monkeypatch, {"https": True}) as cloud:
        yield cloud


async def install(cloud: Cloud, slot: str, **settings: str) -> None:
    """The slot runs the app."""
    cloud.wwwroot(slot).mkdir(parents=True, exist_ok=True)
    (cloud.wwwroot(slot) / "server.js").write_text(APP)
    (cloud.wwwroot(slot) / "package.json").write_text(json.dumps({"version": "1.0.0"}))
    cloud.settings(slot).clear()
    cloud.settings(slot).update({WARM_UP_STATUSES: "200", **settings})
    await cloud.service.cloud.sites["blog"].slots[slot].restart()

    async def listens() -> bool:
        return (await cloud.http.get(cloud.address(slot) + "/health")).status_code == 200

    await eventually(listens, f"{slot} runs")


TRAPS = (
    ("require https", "with 301 to https://localhost/", "X-Forwarded-Proto: http"),
    ("one host", "with 301 to http://www.example.com/.", "from the app's change of host"),
    ("refuse", "with 403", f"{WARM_UP_PATH} to a path that answers 200"),
    ("language", "with 301 to /en/.", f"{WARM_UP_PATH}=/en/"),
)


@pytest.mark.parametrize(("mode", "seen", "cure"), TRAPS)
async def test_an_app_that_the_warm_up_does_not_reach_is_found_with_its_cure(
    secure: Cloud, mode: str, seen: str, cure: str
) -> None:
    await install(secure, "staging", PLAIN=mode)
    await install(secure, PRODUCTION)
    del secure.settings("staging")[WARM_UP_STATUSES]
    (found,) = await warm_up_findings(secure.site)
    assert found.startswith("staging: it answers a swap's warm-up (plain http from inside, /) ")
    for part in (seen, cure, "starts cold in production", WARM_UP_STATUSES):
        assert part in found
    assert "rosebud" not in found, "the query of an address can be a secret"
    secure.settings("staging")[WARM_UP_STATUSES] = "200,202"
    (found,) = await warm_up_findings(secure.site)
    assert "200,202 does not take that, so a swap would wait in vain and fail" in found


async def test_each_cure_that_is_named_cures(secure: Cloud) -> None:
    await install(secure, PRODUCTION)
    for cured in (
        {"PLAIN": "require https of visitors"},
        {"PLAIN": "require https", WARM_UP_PATH: "/health"},
        {"PLAIN": "refuse", WARM_UP_PATH: "health"},
        {"PLAIN": "require https", WARM_UP_STATUSES: "200,301"},
        {"PLAIN": "language", WARM_UP_PATH: "/en/"},
    ):
        await install(secure, "staging", **cured)
        assert await warm_up_findings(secure.site) == (), cured


async def test_https_only_of_the_platform_is_no_trap(secure: Cloud) -> None:
    """The front end answers visitors then; the warm-up does not pass it, and neither does the question."""
    await install(secure, PRODUCTION)
    await install(secure, "staging")
    secure.service.cloud.sites["blog"].slots["staging"].record.https_only = True
    assert (await secure.http.get(secure.address("staging").replace("https:", "http:"))).status_code == 301
    assert await answer_to_warm_up(secure.site, "staging") == Answered("/", 200)
    assert await warm_up_findings(secure.site) == ()


async def first_page_after_a_swap(cloud: Cloud) -> float:
    """Seconds that the first visitor of production waits for a page."""
    kept = Kept()
    await cloud.site.app.swap(None, kept.keep, 30)
    began = time.monotonic()
    assert (await cloud.http.get(cloud.address() + "/")).text == "page"
    return time.monotonic() - began


async def test_the_trap_is_one_and_the_cure_is_one(secure: Cloud) -> None:
    """The second seed's story: with RequireHttps a swap goes through and production is cold; cured, it is warm."""
    secure.service.cloud.sites["blog"].record.sticky_settings = []
    await install(secure, PRODUCTION)
    await install(secure, "staging", PLAIN="require https", COLD_MS="1500")
    del secure.settings("staging")[WARM_UP_STATUSES]
    assert "starts cold" in (await warm_up_findings(secure.site))[0]
    assert await first_page_after_a_swap(secure) > 1.4
    await install(secure, "staging", PLAIN="require https of visitors", COLD_MS="1500")
    assert await warm_up_findings(secure.site) == (
        f"{PRODUCTION}: {judged(secure.settings(PRODUCTION), Answered('/', 301, 'https://localhost/'))}",
    )
    assert await first_page_after_a_swap(secure) < 1.4


async def test_the_bot_warms_the_app_itself_with_productions_settings(secure: Cloud) -> None:
    """The same trap, not cured: the bot has asked staging as a visitor does, in the preview, and production is warm."""
    site = secure.site_of(web_app((Page("/", "the page", 200),), asks_first=False, migrates_down=False))
    secure.service.cloud.sites["blog"].record.sticky_settings = ["url", "slot", "PLAIN", "COLD_MS"]
    await install(secure, PRODUCTION, PLAIN="require https", COLD_MS="1500")
    await install(secure, "staging", COLD_MS="0")
    for slot in (PRODUCTION, "staging"):
        del secure.settings(slot)[WARM_UP_STATUSES]
        mark = Mark("r-1", slot, "p", "d", "")
        (secure.wwwroot(slot) / ".ghostbot.json").write_text(json.dumps(asdict(mark)))
    await secure.is_well()  # production has been running for long
    thread = Thread()
    change = Change(Expected(PRODUCTION), Expected("staging"))
    done, seen = await put_live(site, change, thread, thread.step, preview=True)
    rows = [one for one in secure.service.cloud.faults.seen if one.slot in ("blog", "blog/staging")]
    applied = next(one for one in rows if "applySlotConfig" in one.path)
    asked = next(one for one in rows if one.path.partition("?")[0].endswith("/slotsswap"))
    warming = [
        one
        for one in rows
        if applied.number < one.number < asked.number and one.host == "site" and one.slot == "blog/staging"
    ]
    slow = next(one for one in warming if one.path == "/" and one.status == 200)
    assert slow.seconds > 1.4, "it was staging that was cold, with production's settings"
    assert seen.failed == 0, seen.failures
    assert done.first_response_ms < 1000
    assert seen.slowest_ms < 1400


async def test_a_deploy_of_any_web_app_tells_of_the_trap_before_it_starts(secure: Cloud) -> None:
    await install(secure, PRODUCTION, PLAIN="require https")
    await install(secure, "staging", PLAIN="require https")
    site = secure.site_of(web_app((Page("/", "the page", 200),), asks_first=True, migrates_down=False))
    cleared = await preflight_deploy(site)
    assert len(cleared.warm_up) == 2
    assert all("with 301 to https://localhost/" in found for found in cleared.warm_up)


async def test_an_app_on_windows_is_asked_from_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kudu may not connect to its own machine there, and has no such folder."""
    async with a_cloud(tmp_path / "azure", monkeypatch) as cloud:
        cloud.service.cloud.sites["blog"].record.windows = True
        cloud.settings("staging")[NODE_VERSION] = f"~{TINY_NODE}"
        (cloud.wwwroot("staging") / "start.js").write_text(
            "require('http').createServer((q, s) => s.end('page')).listen(process.env.PORT)"
        )
        handler = '<add name="iisnode" path="start.js" verb="*" modules="iisnode"/>'
        config = f"<configuration><system.webServer><handlers>{handler}</handlers></system.webServer></configuration>"
        (cloud.wwwroot("staging") / "web.config").write_text(config)
        await cloud.service.cloud.sites["blog"].slots["staging"].restart()
        await cloud.is_well("staging")
        assert await answer_to_warm_up(cloud.site, "staging") == Answered("/", 200, inside=False)
        assert await cloud.asked("api/command") == 0


async def test_where_the_inside_cannot_be_reached_it_is_asked_from_outside_and_says_so(secure: Cloud) -> None:
    await install(secure, PRODUCTION)
    await install(secure, "staging", PLAIN="require https of visitors")
    await secure.answers(host="scm", slot="blog/staging", path="api/command", status=404, count=99)
    (found,) = await warm_up_findings(secure.site)
    assert "asked from outside" in found
    assert "lets through what has no `X-Forwarded-Proto`, nothing is to do" in found
    secure.service.cloud.sites["blog"].slots["staging"].record.https_only = True
    assert await answer_to_warm_up(secure.site, "staging") is None, "that would be the front end's answer"
    assert await warm_up_findings(secure.site) == ()


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 200, "body": "<html>starting</html>"},
        {"status": 200, "body": '{"Output": null}'},
        {"status": 200, "body": '{"Output": "", "ExitCode": 6}'},
        {"status": 200, "body": '{"Output": "000,,", "ExitCode": 0}'},
        {"status": 503},
        {"drop": True},
    ],
)
async def test_no_answer_of_the_scm_site_makes_a_finding(cloud: Cloud, fault: dict[str, object]) -> None:
    await install(cloud, "staging")
    await cloud.answers(host="scm", slot="blog/staging", path="api/command", count=99, **fault)
    assert await answer_to_warm_up(cloud.site, "staging") == Answered("/", 200, inside=False)
    await cloud.answers(host="site", slot="blog/staging", drop=True, count=99)
    assert await answer_to_warm_up(cloud.site, "staging") is None


async def test_a_stopped_slot_is_not_started_to_be_asked(cloud: Cloud) -> None:
    await install(cloud, "staging")
    await cloud.site.app.stop("staging")
    assert await answer_to_warm_up(cloud.site, "staging") is None
    assert await cloud.asked("api/command") == 0
    assert not (await cloud.site.app.slot("staging")).running


async def test_a_strange_path_reaches_the_app_and_no_shell(cloud: Cloud) -> None:
    hurt = cloud.home("staging") / "hurt"
    await install(cloud, "staging", **{WARM_UP_PATH: f"/a b;touch {hurt} $(touch {hurt})?x=1"})
    answered = await answer_to_warm_up(cloud.site, "staging")
    assert answered is not None
    assert (answered.status, answered.inside) == (200, True)
    assert not hurt.exists()


@pytest.mark.parametrize(
    ("statuses", "url", "words"),
    [
        ("200", "http://blog", ""),
        ("200,301", "https://blog", ""),
        ("200,301", "", ""),
        ("", "http://blog", "WEBSITE_SWAP_WARMUP_PING_STATUSES=200."),
        ("", "https://blog", "WEBSITE_SWAP_WARMUP_PING_STATUSES=200,301."),
        ("200,503", "http://blog", "takes an error"),
        ("200,404", "https://blog", "takes an error"),
        ("200,302", "http://blog", "takes a redirect"),
        ("200", "https://blog", "would wait in vain"),
    ],
)
def test_an_app_that_cannot_be_asked_is_judged_by_its_settings(statuses: str, url: str, words: str) -> None:
    found = judged({WARM_UP_STATUSES: statuses, "url": url}, None)
    assert words in found if words and found else found is None


@pytest.mark.parametrize(
    ("statuses", "status", "words"),
    [
        ("", 200, "is not set"),
        ("200,503", 200, "takes an error"),
        ("204", 200, "would wait in vain"),
        ("200,301", 200, "does not need that"),
        ("200", 200, ""),
        ("200-299", 200, "would wait in vain"),
        ("200,301", 301, ""),
        ("200,500", 500, "an app that has done no work"),
    ],
)
def test_an_answer_is_held_against_what_counts_as_warm(statuses: str, status: int, words: str) -> None:
    location = "https://localhost/" if status == 301 else ""
    found = judged({WARM_UP_STATUSES: statuses}, Answered("/", status, location))
    assert words in found if words and found else found is None


@given(st.text(), st.text(), st.text(), st.integers(100, 599), st.booleans())
def test_whatever_an_app_answers_is_judged(
    listed: str, path: str, location: str, status: int, inside: bool
) -> None:
    told = judged({WARM_UP_STATUSES: listed}, Answered(path, status, location, inside))
    assert told is None or told.endswith(".")
