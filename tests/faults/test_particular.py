"""What Azure does on a bad day, one thing at a time, in whole releases."""

from dataclasses import replace

import pytest

from release.model import State
from tests.faults.bench import OPTIONS, Bench, Blog

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]


def tokens_of(blog: Blog) -> int:
    """How often a token was asked for."""
    return sum(one.host == "identity" for one in blog.seen())


async def test_tokens_that_expire_in_mid_release_are_replaced(bench: Bench) -> None:
    async with bench.blogs(1, replace(OPTIONS, token_seconds=2)) as (blog,):
        release = await bench.upgrade(blog)
        assert release.state is State.LIVE, release.reason
        assert tokens_of(blog) > 2


async def test_a_token_endpoint_that_is_away_for_a_while_is_waited_for(bench: Bench) -> None:
    async with bench.blogs(1, replace(OPTIONS, token_seconds=2)) as (blog,):
        blog.goes_wrong("", host="identity", status=503, skip=2, seconds=0.5)
        release = await bench.upgrade(blog)
        assert release.state is State.LIVE, release.reason


async def test_an_scm_site_that_is_away_while_azure_swaps_is_waited_for(bench: Bench) -> None:
    async with bench.blogs(1) as (blog,):
        blog.goes_wrong("staging", host="arm", path="/operationresults", status=504, seconds=1)
        blog.goes_wrong("production", host="scm", path="package.json", status=502, skip=8, seconds=2)
        release = await bench.upgrade(blog)
        assert release.state is State.LIVE, release.reason
