"""The swap with all around it: preview, probe, verification, and the way back, with a real process in each slot."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from release.azure.errors import SlotDidNotStart, SwapRefused
from release.azure.webapp import Asked
from release.errors import ReleaseError
from release.model import Step
from release.probe import Probe
from release.site import PRODUCTION, Site
from release.smoke import Expected, SmokeTestFailed, smoke_test
from release.swap import Change, NotVerified, NotWellInProduction, ProductionMoved, SwappedBack, put_live
from tests.release.conftest import NEW, OLD, Cloud
from tests.sandbox.appservice_fixtures import eventually

CHANGE = Change(Expected(OLD), Expected(NEW))


class Line:
    text = ""


class Thread:
    """The journal and the memory of one release."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.condemned: str | None = None
        self.steps: list[Step] = []

    async def keep_token(self, token: str | None) -> None:
        self.token = token

    async def condemn(self, reason: str) -> None:
        self.condemned, self.token = reason, None

    @asynccontextmanager
    async def step(self, step: Step) -> AsyncIterator[Line]:
        self.steps.append(step)
        yield Line()


async def go(site: Site, thread: Thread, preview: bool = True, change: Change = CHANGE) -> None:
    await put_live(site, change, thread, thread.step, preview)


async def events(cloud: Cloud, name: str) -> int:
    return [event["event"] for event in (await cloud.shows())["events"]].count(name)


async def production_is_untouched(cloud: Cloud) -> None:
    """The old version answers, nothing was swapped, and staging has its own settings again."""
    assert await cloud.site.version(PRODUCTION) == OLD
    assert await events(cloud, "swap succeeded") == 0
    production = await cloud.site.app.slot(PRODUCTION)
    assert production.target_swap_slot is None
    assert cloud.settings("staging")["slot"] == "staging"
    assert (await cloud.http.get(cloud.address() + "/")).status_code == 200


async def test_nobody_notices_and_twice_is_the_same_as_once(staged: Cloud) -> None:
    thread = Thread()
    done, seen = await put_live(staged.site, CHANGE, thread, thread.step, True)
    assert (done.before, done.after) == (OLD, NEW)
    assert seen.requests > 5
    assert seen.failed == 0, seen.failures
    assert thread.steps == [Step.PREVIEW, Step.SWAP, Step.VERIFY]
    assert await staged.site.version("staging") == OLD
    assert (staged.settings(PRODUCTION)["slot"], staged.settings("staging")["slot"]) == (
        PRODUCTION,
        "staging",
    )
    await go(staged.site, thread)
    assert await staged.asked("slotsswap") == 1
    assert await staged.site.version(PRODUCTION) == NEW


async def test_sick_under_productions_settings_it_is_never_swapped(staged: Cloud) -> None:
    await staged.answers(host="site", slot="blog/staging", path="^/sitemap.xml", status=500, count=99)
    with pytest.raises(SmokeTestFailed, match="sitemap"):
        await go(staged.site, Thread())
    await production_is_untouched(staged)
    assert await staged.asked("slotsswap") == 0


async def test_a_staging_that_does_not_start_under_preview_gets_its_settings_back(staged: Cloud) -> None:
    site = staged.site_with(start_limit=1)
    await staged.answers(host="site", slot="blog/staging", status=503, count=999)
    with pytest.raises(SlotDidNotStart):
        await go(site, Thread())
    await production_is_untouched(staged)


async def test_a_preview_without_an_answer_that_was_applied_is_gone_on_with(staged: Cloud) -> None:
    await staged.answers(host="arm", method="POST", path="applySlotConfig", status=504, after=True)
    await go(staged.site, Thread())
    assert await staged.asked("applySlotConfig") == 1
    assert await staged.site.version(PRODUCTION) == NEW


async def test_a_preview_that_azure_refuses_ends_the_release(staged: Cloud) -> None:
    await staged.answers(host="arm", method="POST", path="applySlotConfig", status=504, count=99)
    with pytest.raises(ReleaseError):
        await go(staged.site, Thread())
    await production_is_untouched(staged)


async def test_a_reset_that_fails_does_not_hide_why_it_was_needed(staged: Cloud) -> None:
    await staged.answers(host="site", slot="blog/staging", path="^/sitemap.xml", status=500, count=99)
    await staged.answers(host="arm", method="POST", path="resetSlotConfig", status=503)
    with pytest.raises(SmokeTestFailed):
        await go(staged.site, Thread())


@pytest.mark.parametrize("fault", [{"status": 409, "body": '{"Message": "busy"}'}, {"drop": True}])
async def test_a_swap_that_azure_refuses_leaves_all_as_it_was(
    staged: Cloud, fault: dict[str, object]
) -> None:
    thread = Thread()
    await staged.answers(host="arm", method="POST", path="slotsswap", **fault)
    with pytest.raises(SwapRefused):
        await go(staged.site, thread)
    assert thread.token is None
    await production_is_untouched(staged)


async def test_a_swap_whose_answer_is_lost_goes_live_once(staged: Cloud) -> None:
    await staged.answers(host="arm", method="POST", path="slotsswap", status=504, after=True)
    await go(staged.site, Thread())
    assert await staged.site.version(PRODUCTION) == NEW
    assert await events(staged, "swap started") == 1


async def test_cancelled_in_preview_staging_gets_its_settings_back(staged: Cloud) -> None:
    await staged.answers(host="site", slot="blog/staging", path="^/sitemap.xml", hang=30)
    going = asyncio.create_task(go(staged.site, Thread()))
    await eventually(lambda: previewed(staged), "the preview is applied")
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    await production_is_untouched(staged)


async def test_killed_while_azure_swaps_the_next_waits_for_the_same(staged: Cloud) -> None:
    thread = Thread()
    going = asyncio.create_task(go(staged.site, thread))
    await eventually(lambda: swapping(staged), "the swap is under way")
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    await go(staged.site, thread)
    assert await staged.site.version(PRODUCTION) == NEW
    assert await events(staged, "swap started") == 1


async def shows_old_files(cloud: Cloud, version: str) -> None:
    """Production's SCM site goes on showing the files it had before a swap."""
    body = json.dumps({"version": version})
    await cloud.answers(
        host="scm", slot="blog", path="package.json", status=200, body=body, headers={"ETag": "1"}, count=9999
    )


async def test_killed_after_the_swap_while_files_show_late_it_is_not_swapped_again(staged: Cloud) -> None:
    thread = Thread()
    going = asyncio.create_task(go(staged.site, thread, preview=False))
    await eventually(lambda: swapping(staged), "the swap is under way")
    await shows_old_files(staged, OLD)
    await eventually(lambda: ended(thread), "Azure has swapped")
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    with pytest.raises(NotVerified, match=OLD):
        await go(staged.site_with(scm_patience=0.1), thread, preview=False)
    await staged.behaves_again()
    await go(staged.site, thread, preview=False)
    assert await staged.site.version(PRODUCTION) == NEW
    assert await staged.asked("slotsswap") == 1


async def test_killed_after_the_swap_back_while_files_show_late_the_sick_version_stays_out(
    staged: Cloud,
) -> None:
    thread = Thread()
    await go(staged.site, thread, preview=False)
    await thread.condemn("the feed answers 500")
    going = asyncio.create_task(go(staged.site, thread, preview=False))
    await eventually(lambda: swapping(staged, times=2), "the swap back is under way")
    await shows_old_files(staged, NEW)
    await eventually(lambda: ended(thread), "Azure has swapped back")
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    await staged.behaves_again()
    await shows_old_files(staged, NEW)
    with pytest.raises(NotWellInProduction):  # it cannot be seen, and so is not claimed
        await go(staged.site_with(scm_patience=0.1), thread, preview=False)
    await staged.behaves_again()
    with pytest.raises(SwappedBack):
        await go(staged.site, thread, preview=False)
    assert await staged.site.version(PRODUCTION) == OLD
    assert await staged.asked("slotsswap") == 2


async def test_sick_in_production_it_is_swapped_back_and_stays_condemned(staged: Cloud) -> None:
    thread = Thread()
    going = asyncio.create_task(go(staged.site, thread, preview=False))
    await eventually(lambda: swapping(staged), "the swap is under way")
    await staged.answers(host="site", slot="blog", path="^/sitemap.xml", status=500, count=2)
    with pytest.raises(SwappedBack, match=f"{NEW} was in production"):
        await going
    assert await staged.site.version(PRODUCTION) == OLD
    assert thread.condemned
    # A bot killed right now must not put it live again.
    with pytest.raises(SwappedBack):
        await go(staged.site, thread)
    assert await staged.site.version(PRODUCTION) == OLD
    assert await staged.asked("slotsswap") == 2


@pytest.mark.parametrize("fault", [{"status": 409, "body": '{"Message": "busy"}'}, {"status": 503}])
async def test_a_swap_back_that_azure_refuses_is_asked_for_again(
    staged: Cloud, fault: dict[str, object]
) -> None:
    thread = Thread()
    await go(staged.site, thread, preview=False)
    await thread.condemn("the feed answers 500")
    await staged.answers(host="arm", method="POST", path="slotsswap", count=2, **fault)
    with pytest.raises(SwappedBack):
        await go(staged.site, thread, preview=False)
    assert await staged.site.version(PRODUCTION) == OLD
    assert await events(staged, "swap started") == 2
    assert await staged.asked("slotsswap") == 4


async def test_a_swap_back_that_somebody_makes_meanwhile_is_not_made_twice(staged: Cloud) -> None:
    thread, other = Thread(), Thread()
    await go(staged.site, thread, preview=False)
    await thread.condemn("the feed answers 500")
    await staged.answers(host="arm", method="POST", path="slotsswap", status=409)
    going = asyncio.create_task(go(staged.site_with(swap_doubt=3), thread, preview=False))

    async def refused() -> bool:
        return await staged.asked("slotsswap") == 2

    await eventually(refused, "the swap back is refused")
    await staged.site.app.swap(None, other.keep_token, 20)
    with pytest.raises(SwappedBack):
        await going
    assert await staged.site.version(PRODUCTION) == OLD
    assert await staged.asked("slotsswap") == 3


async def test_a_swap_back_that_azure_refuses_for_too_long_is_told(staged: Cloud) -> None:
    thread = Thread()
    await go(staged.site, thread, preview=False)
    await thread.condemn("the feed answers 500")
    await staged.answers(host="arm", method="POST", path="slotsswap", status=409, count=999)
    with pytest.raises(NotWellInProduction, match="Azure did not swap"):
        await go(staged.site_with(swap_limit=0.5), thread, preview=False)
    assert await staged.site.version(PRODUCTION) == NEW


async def test_one_unlucky_request_does_not_swap_back(staged: Cloud) -> None:
    going = asyncio.create_task(go(staged.site, Thread(), preview=False))
    await eventually(lambda: swapping(staged), "the swap is under way")
    await staged.answers(host="site", slot="blog", path="^/sitemap.xml", status=500)
    await going
    assert await staged.site.version(PRODUCTION) == NEW


async def test_a_swap_whose_files_cannot_be_looked_at_is_live_if_visitors_say_so(staged: Cloud) -> None:
    site = staged.site_with(scm_patience=0.3)
    going = asyncio.create_task(put_live(site, CHANGE, Thread(), Thread().step, False))
    await eventually(lambda: swapping(staged), "the swap is under way")
    await staged.answers(host="scm", slot="blog", status=503, count=999)
    done, _ = await going
    assert done.unseen
    await staged.behaves_again()
    assert await staged.site.version(PRODUCTION) == NEW
    assert await staged.asked("slotsswap") == 1


async def test_what_cannot_be_looked_at_at_all_is_no_reason_to_swap_back(staged: Cloud) -> None:
    going = asyncio.create_task(go(staged.site_with(scm_patience=0.3), Thread(), preview=False))
    await eventually(lambda: swapping(staged), "the swap is under way")
    await staged.answers(host="scm", slot="blog", status=503, count=999)
    await staged.answers(host="site", slot="blog", drop=True, count=999)
    with pytest.raises(NotVerified, match="could not be verified"):
        await going
    await staged.behaves_again()
    assert await staged.site.version(PRODUCTION) == NEW
    assert await staged.asked("slotsswap") == 1


async def test_a_production_that_somebody_changed_is_not_swapped(staged: Cloud) -> None:
    (staged.wwwroot() / "package.json").write_text('{"version": "5.0.0"}')
    with pytest.raises(ProductionMoved, match=r"5\.0\.0"):
        await go(staged.site, Thread(), preview=False)
    assert await staged.asked("slotsswap") == 0


async def test_without_preview_it_rolls_back_too(staged: Cloud) -> None:
    await go(staged.site, Thread())
    await go(staged.site, Thread(), preview=False, change=Change(Expected(NEW), Expected(OLD)))
    assert await staged.site.version(PRODUCTION) == OLD
    assert await staged.asked("slotsswap") == 2


# -- the smoke test and the probe ---------------------------------------------------------------


async def test_a_blog_that_differs_lawfully_passes_on_staging_and_in_production(staged: Cloud) -> None:
    """No feed, as routes.yaml can have it: 404 in both slots, before and after."""
    await staged.answers(host="site", path="^/rss/", status=404, count=999)
    pages = await smoke_test(staged.site, "staging", Expected(NEW))
    feed = next(page for page in pages if page.path == "/rss/")
    assert (feed.staging, feed.production, feed.ok) == ("404", "404", True)
    lawful = {page.path: page.staging for page in pages}
    with pytest.raises(SmokeTestFailed, match="feed"):
        await smoke_test(staged.site, PRODUCTION, Expected(OLD))
    await smoke_test(staged.site, PRODUCTION, Expected(OLD, lawful=lawful))
    _, seen = await put_live(
        staged.site, Change(Expected(OLD), Expected(NEW, lawful=lawful)), Thread(), Thread().step, True
    )
    assert seen.failed == 0, seen.failures


async def test_a_strange_sitemap_leads_nowhere(staged: Cloud) -> None:
    namespace = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
    for sitemap in (
        '<!DOCTYPE x [<!ENTITY a "b">]><urlset>&a;</urlset>',
        "<broken",
        "",
        f"<urlset {namespace}><url><loc>@elsewhere.example/</loc></url></urlset>",
        f"<urlset {namespace}><url><loc>http://[x/</loc></url></urlset>",
    ):
        await staged.answers(host="site", slot="blog/staging", path="sitemap-posts", status=200, body=sitemap)
        pages = await smoke_test(staged.site, "staging", Expected(NEW))
        assert all(page.path.startswith("/") for page in pages)


async def test_an_image_on_another_host_is_not_this_slots_to_serve(staged: Cloud) -> None:
    sitemap = (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url><loc>http://blog/</loc>'
        "<image:image><image:loc>http://cdn/picture.png</image:loc></image:image></url></urlset>"
    )
    await staged.answers(host="site", slot="blog/staging", path="sitemap-posts", status=200, body=sitemap)
    pages = await smoke_test(staged.site, "staging", Expected(NEW))
    assert "/picture.png" not in {page.path for page in pages}


async def test_files_of_one_version_and_a_process_of_another_are_both_named(staged: Cloud) -> None:
    package = staged.wwwroot("staging") / "package.json"
    package.write_text(json.dumps({**json.loads(package.read_text()), "version": "6.3.9"}))
    with pytest.raises(SmokeTestFailed, match=r"its files are version 6\.3\.9"):
        await smoke_test(staged.site, "staging", Expected(NEW))
    with pytest.raises(SmokeTestFailed, match=r"the process that answers is version 6\.4"):
        await smoke_test(staged.site, "staging", Expected("6.3.9"))


async def test_a_probe_counts_what_failed_what_hung_and_nothing_else(staged: Cloud) -> None:
    async with Probe(staged.http, staged.address(), ("/", "/not-there/"), rate=40) as probe:
        await eventually(lambda: asked_for(probe, 10), "visitors came")
        assert probe.seen().failed == 0
        await staged.answers(host="site", slot="blog", path="^/$", status=502, count=2)
        await staged.answers(host="site", slot="blog", path="^/$", drop=True)
        await eventually(lambda: asked_for(probe, 30), "more visitors came")
    seen = probe.seen()
    assert seen.failed == 3
    assert "HTTP 502" in seen.failures


async def test_a_probe_of_nowhere_ends_and_says_so() -> None:
    async with httpx.AsyncClient(timeout=1) as http:
        async with Probe(http, "http://127.0.0.1:9", rate=50) as probe:
            await eventually(lambda: asked_for(probe, 3), "visitors came")
        assert probe.seen().failed == probe.seen().requests
        async with Probe(http, "http://127.0.0.1:port", rate=50) as probe:
            await eventually(lambda: asked_for(probe, 3), "visitors came")
        assert probe.seen().failures == ("an address that makes no sense",)


async def asked_for(probe: Probe, count: int) -> bool:
    return probe.seen().requests >= count


async def previewed(cloud: Cloud) -> bool:
    return await cloud.asked("applySlotConfig") > 0 and cloud.settings("staging")["slot"] == PRODUCTION


async def swapping(cloud: Cloud, times: int = 1) -> bool:
    return await events(cloud, "swap started") >= times


async def ended(thread: Thread) -> bool:
    asked = Asked.read(thread.token)
    return asked is not None and asked.ended


async def test_an_scm_site_that_shows_the_old_files_for_a_moment_is_waited_for(staged: Cloud) -> None:
    going = asyncio.create_task(go(staged.site, Thread(), preview=False))
    await eventually(lambda: swapping(staged), "the swap is under way")
    body = json.dumps({"version": OLD})
    await staged.answers(
        host="scm", slot="blog", path="package.json", status=200, body=body, headers={"ETag": "1"}
    )
    await going
    assert await staged.site.version(PRODUCTION) == NEW


async def test_whoever_gets_no_answer_counts_among_the_requests() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, httpx.AsyncClient(timeout=1) as http:
        probe = Probe(http, address, rate=200, last_seconds=0.2)
        async with probe:
            await asyncio.sleep(1)
        seen = probe.seen()
    assert seen.failed == seen.requests > 50, seen.failures
    assert "no answer" in seen.failures
