"""ARM through the real SDK: one swap is asked for once, whatever Azure answers, and its errors become ours."""

import asyncio
from pathlib import Path

import pytest

from demo.tiny.seed import Seeded
from release.azure.errors import AzureRefused, AzureUnavailable, SiteMissing, SwapRefused, SwapUncertain
from release.azure.webapp import Asked
from release.site import PRODUCTION
from release.warm_up import WARM_UP_STATUSES
from tests.release.conftest import Cloud, a_cloud
from tests.sandbox.appservice_fixtures import eventually


class Kept:
    """The swap's token as the records keep it."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.ever: list[str | None] = []

    async def keep(self, token: str | None) -> None:
        self.token = token
        self.ever.append(token)

    @property
    def ended(self) -> bool:
        asked = Asked.read(self.token)
        return asked is not None and asked.ended


async def swap(cloud: Cloud, kept: Kept, limit: float = 20) -> None:
    await cloud.site.app.swap(kept.token, kept.keep, limit)


async def was_swapped_once(cloud: Cloud) -> None:
    assert (await cloud.site.app.slot(PRODUCTION)).last_swap_at is not None
    assert [event["event"] for event in (await cloud.shows())["events"]].count("swap started") == 1


async def was_not_swapped(cloud: Cloud) -> None:
    assert (await cloud.site.app.slot(PRODUCTION)).last_swap_at is None


async def test_a_swap_is_asked_for_once_and_known_to_have_ended(cloud: Cloud) -> None:
    kept = Kept()
    await swap(cloud, kept)
    await was_swapped_once(cloud)
    assert await cloud.asked("slotsswap") == 1
    assert kept.ended
    assert len(kept.ever) == 3
    await swap(cloud, kept)
    assert await cloud.asked("slotsswap") == 1


async def test_a_swap_answered_504_that_happened_is_not_asked_for_again(cloud: Cloud) -> None:
    await cloud.answers(host="arm", method="POST", path="slotsswap", status=504, after=True)
    kept = Kept()
    await swap(cloud, kept)
    await was_swapped_once(cloud)
    assert kept.ended


@pytest.mark.parametrize("fault", [{"status": 504}, {"status": 500, "retry_after": 1}, {"drop": True}])
async def test_a_swap_that_never_arrived_is_told_as_that(cloud: Cloud, fault: dict[str, object]) -> None:
    await cloud.answers(host="arm", method="POST", path="slotsswap", count=10, **fault)
    kept = Kept()
    with pytest.raises(SwapRefused):
        await swap(cloud, kept)
    await was_not_swapped(cloud)
    assert await cloud.asked("slotsswap") == 1
    assert kept.token is None


async def test_a_connection_dropped_after_the_request_is_waited_for(cloud: Cloud) -> None:
    await cloud.answers(host="arm", method="POST", path="slotsswap", drop=True, after=True)
    await swap(cloud, Kept())
    await was_swapped_once(cloud)


@pytest.mark.parametrize("status", [401, 404, 429, 503])
async def test_polls_that_fail_are_no_verdict(cloud: Cloud, status: int) -> None:
    await cloud.answers(host="arm", method="GET", path="operationresults", count=2, status=status)
    await swap(cloud, Kept())
    await was_swapped_once(cloud)


async def test_polls_that_fail_for_good_leave_the_word_to_the_site(cloud: Cloud) -> None:
    await cloud.answers(host="arm", path="operationresults", count=999, status=200, body="[not json")
    await swap(cloud, Kept())
    await was_swapped_once(cloud)


async def test_an_operation_that_azure_forgot_after_its_end_counts_as_done(cloud: Cloud) -> None:
    kept = Kept()
    interrupted = asyncio.create_task(swap(cloud, kept))
    await eventually(lambda: _accepted(kept), "Azure has accepted")
    interrupted.cancel()
    await eventually(lambda: _swapped(cloud), "the swap ends without us")
    await cloud.answers(host="arm", path="operationresults", count=999, status=404)
    await swap(cloud, kept)
    await was_swapped_once(cloud)
    assert kept.ended


async def test_killed_between_the_request_and_its_token_the_same_swap_is_waited_for(cloud: Cloud) -> None:
    await cloud.answers(host="arm", method="POST", path="slotsswap", hang=30, after=True)
    kept = Kept()
    interrupted = asyncio.create_task(swap(cloud, kept))
    await eventually(lambda: _swapped(cloud), "Azure swaps")
    interrupted.cancel()
    asked = Asked.read(kept.token)
    assert asked is not None
    assert asked.poller is None
    await swap(cloud, kept)
    await was_swapped_once(cloud)


async def test_killed_before_the_request_left_it_is_sent_by_the_next(cloud: Cloud) -> None:
    kept = Kept()
    kept.token = Asked(None).text()
    await swap(cloud, kept)
    await was_swapped_once(cloud)


async def test_a_token_resumes_the_same_swap_in_another_process(cloud: Cloud) -> None:
    kept = Kept()
    interrupted = asyncio.create_task(swap(cloud, kept))
    await eventually(lambda: _accepted(kept), "Azure has accepted")
    interrupted.cancel()
    await swap(cloud, kept)
    await was_swapped_once(cloud)
    assert kept.ended


async def test_another_operation_in_progress_is_azures_to_name(cloud: Cloud) -> None:
    message = "Cannot modify this site because another operation is in progress."
    body = f'{{"Code": "Conflict", "Message": "{message}", "Details": []}}'
    await cloud.answers(host="arm", method="POST", path="slotsswap", status=409, body=body)
    kept = Kept()
    with pytest.raises(SwapRefused, match="another operation is in progress"):
        await swap(cloud, kept)
    assert kept.token is None
    await was_not_swapped(cloud)


async def test_a_swap_somebody_else_began_is_not_joined(cloud: Cloud) -> None:
    theirs = Kept()
    other = asyncio.create_task(swap(cloud, theirs))
    await eventually(lambda: _accepted(theirs), "their swap runs")
    with pytest.raises(SwapRefused, match="another operation"):
        await swap(cloud, Kept())
    await other
    await was_swapped_once(cloud)


async def test_a_staging_slot_that_does_not_answer_is_not_swapped_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: Seeded
) -> None:
    async with a_cloud(tmp_path / "cold", monkeypatch, {"warmup_seconds": 0.1}) as cloud:
        await cloud.install(new, "staging")
        await cloud.is_well("staging")
        cloud.settings("staging")[WARM_UP_STATUSES] = "299"
        kept = Kept()
        with pytest.raises(SwapRefused, match="did not respond to http ping"):
            await swap(cloud, kept)
        assert kept.token is None
        await was_not_swapped(cloud)


@pytest.mark.parametrize("status", [400, 409, 412, 417])
async def test_what_a_poll_says_is_held_against_the_site(cloud: Cloud, status: int) -> None:
    """A conflict can be said of the poll; taken for the swap's end, production would be told to be what it is not."""
    await cloud.answers(host="arm", path="operationresults", status=status, body='{"Message": "busy"}')
    await swap(cloud, Kept())
    await was_swapped_once(cloud)


async def test_polls_that_fail_for_a_minute_are_outlasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice as long as the swap itself: a second here for a minute there."""
    async with a_cloud(tmp_path / "slow", monkeypatch, {"swap_seconds": 0.5}) as cloud:
        await cloud.answers(host="arm", path="operationresults", status=504, seconds=1)
        await swap(cloud, Kept())
        await was_swapped_once(cloud)


async def test_a_swap_that_azure_does_not_name_while_it_goes_on_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer is lost, the site looks as ever for longer than most of the doubt, and then it is swapped."""
    unnamed = {"swap_seconds": 0.3, "names_operations": False}
    async with a_cloud(tmp_path / "unnamed", monkeypatch, unnamed) as cloud:
        await cloud.answers(host="arm", method="POST", path="slotsswap", status=504, after=True)
        assert (await cloud.site.app.slot(PRODUCTION)).operation is None
        kept = Kept()
        await swap(cloud, kept)
        await was_swapped_once(cloud)
        assert kept.ended


async def test_no_right_to_swap_is_told_as_that(cloud: Cloud) -> None:
    await cloud.answers(host="arm", method="POST", path="slotsswap", status=403)
    with pytest.raises(AzureRefused):
        await swap(cloud, Kept())


async def test_a_swap_without_an_end_is_uncertain_and_not_forgotten(cloud: Cloud) -> None:
    await cloud.answers(host="arm", path="operationresults", count=999, status=202)
    kept = Kept()
    with pytest.raises(SwapUncertain):
        await swap(cloud, kept, limit=0.5)
    assert kept.token is not None


@pytest.mark.parametrize("body", ["<html>", "[]", '{"properties": 7}', "null", '{"properties": {}}'])
async def test_an_answer_that_is_no_slot_becomes_our_error(cloud: Cloud, body: str) -> None:
    await cloud.answers(host="arm", method="GET", path="/sites/blog", count=9, status=200, body=body)
    with pytest.raises(AzureUnavailable):
        await cloud.site.app.slot(PRODUCTION)


async def test_a_missing_slot_and_missing_rights_are_told_apart(cloud: Cloud) -> None:
    with pytest.raises(SiteMissing, match="canary"):
        await cloud.site.app.slot("canary")
    await cloud.answers(host="arm", method="GET", status=403)
    with pytest.raises(AzureRefused):
        await cloud.site.app.slot(PRODUCTION)


async def test_a_retry_after_of_an_hour_is_not_waited_for(cloud: Cloud) -> None:
    await cloud.answers(host="arm", method="GET", status=503, retry_after=3600, count=99)
    async with asyncio.timeout(5):
        with pytest.raises(AzureUnavailable):
            await cloud.site.app.slot(PRODUCTION)


@pytest.mark.parametrize("fault", [{"status": 409}, {"status": 429, "retry_after": 0}, {"drop": True}])
async def test_a_start_does_no_harm_twice_and_is_asked_for_three_times_at_most(
    cloud: Cloud, fault: dict[str, object]
) -> None:
    await cloud.answers(host="arm", method="POST", path="/start", **fault)
    await cloud.site.app.start("staging")
    assert await cloud.asked("/start") == 2
    await cloud.answers(host="arm", method="POST", path="/start", count=9, **fault)
    with pytest.raises(AzureUnavailable):
        await cloud.site.app.start("staging")
    assert await cloud.asked("/start") == 5


async def test_reading_settings_is_repeated(cloud: Cloud) -> None:
    await cloud.answers(host="arm", method="POST", path="appsettings/list", count=2, status=503)
    assert await cloud.site.app.settings("staging") == {}


async def test_an_identity_that_answers_nothing_is_told_as_credentials(cloud: Cloud) -> None:
    await cloud.answers(host="identity", count=99, status=400, body='{"error": "no identity"}')
    with pytest.raises(AzureRefused):
        await cloud.site.app.slot(PRODUCTION)


async def _accepted(kept: Kept) -> bool:
    asked = Asked.read(kept.token)
    return asked is not None and asked.poller is not None


async def _swapped(cloud: Cloud) -> bool:
    return (await cloud.site.app.slot(PRODUCTION)).last_swap_at is not None
