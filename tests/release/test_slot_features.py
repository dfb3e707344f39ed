"""Auto swap and site authentication: a release that could not keep its promises with them is refused at once."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from release.checking import Outcome, check_site
from release.preflight import (
    PreflightFailed,
    preflight_back,
    preflight_deploy,
    preflight_swap,
    preflight_upgrade,
)
from release.site import PRODUCTION, Site
from release.slot_features import NoPreview, SwapsByItself
from tests.release.conftest import NEW, OLD, Cloud
from tests.release.test_staging import TARGET

Preflight = Callable[[Site], Awaitable[Any]]  # Any: what it clears is of no matter here
ALL = pytest.mark.parametrize(
    "preflight", [lambda site: preflight_upgrade(site, TARGET, ()), preflight_swap, preflight_deploy]
)


def auto_swap(cloud: Cloud, to: str) -> None:
    cloud.service.cloud.sites["blog"].slots["staging"].record.web["autoSwapSlotName"] = to


def authentication(cloud: Cloud, slot: str, *, on: bool) -> None:
    cloud.service.cloud.sites["blog"].slots[slot].record.site_auth = on


@ALL
async def test_a_slot_whose_deployments_would_go_live_unapproved_is_refused(
    laid_out: Cloud, preflight: Preflight
) -> None:
    auto_swap(laid_out, PRODUCTION)
    with pytest.raises(SwapsByItself, match="goes to production at once") as refused:
        await preflight(laid_out.site)
    how = "az webapp deployment slot auto-swap -g ghostbot -n blog --slot staging --disable"
    assert how in refused.value.advice
    auto_swap(laid_out, "")  # as that command leaves it
    await preflight(laid_out.site)


@ALL
@pytest.mark.parametrize("slot", [PRODUCTION, "staging"])
async def test_a_site_that_azure_gives_no_preview_is_refused_before_anybody_approves(
    laid_out: Cloud, preflight: Preflight, slot: str
) -> None:
    authentication(laid_out, slot, on=True)
    with pytest.raises(NoPreview, match="site authentication on"):
        await preflight(laid_out.site)
    authentication(laid_out, slot, on=False)
    await preflight(laid_out.site)


async def test_both_are_told_at_once_and_keep_nobody_from_a_rollback(laid_out: Cloud) -> None:
    auto_swap(laid_out, PRODUCTION)
    authentication(laid_out, PRODUCTION, on=True)
    with pytest.raises(PreflightFailed) as refused:
        await preflight_swap(laid_out.site)
    assert "auto swap" in str(refused.value)
    assert "site authentication" in str(refused.value)
    back = await preflight_back(laid_out.site)
    assert (back.current, back.target) == (OLD, NEW)


async def test_what_cannot_be_told_stops_no_release(laid_out: Cloud) -> None:
    await laid_out.answers(host="arm", path="/config/authsettingsV2", status=403, count=99)
    (told,) = (await preflight_upgrade(laid_out.site, TARGET, ())).warnings
    assert "Whether site authentication is on" in told


async def test_a_check_tells_of_both_with_their_remedies(laid_out: Cloud) -> None:
    whats = [one.what for one in (await check_site(laid_out.site)).findings if one.outcome is Outcome.GOOD]
    assert "auto swap: off" in whats
    assert "site authentication: off" in whats
    auto_swap(laid_out, PRODUCTION)
    authentication(laid_out, "staging", on=True)
    found = (await check_site(laid_out.site)).findings
    problems = {one.what.partition(":")[0]: one.remedy for one in found if one.outcome is Outcome.PROBLEM}
    assert "--disable" in problems["auto swap"]
    assert "portal: Authentication" in problems["site authentication"]
