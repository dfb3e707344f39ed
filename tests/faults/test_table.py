"""Whatever Azure answers to whatever call: the release ends live, or failed with production untouched and a reason.

`make soak` goes on with cases by chance for as long as it is told.
"""

import os
from collections import Counter

import pytest

from release.model import State
from tests.faults.bench import Bench
from tests.faults.calls import CALLS, Call, called
from tests.faults.faults import MISHAPS, Mishap
from tests.faults.table import Case, Outcome, cases_for_ever, cases_once, is_alone, outcomes

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

# Turns which mishap a call meets for ever.
SEED = int(os.environ.get("GHOSTBOT_FAULTS_SEED", "0"))
_SHARES = 4


async def all_of(bench: Bench, cases: tuple[Case, ...]) -> list[Outcome]:
    """Their outcomes, every promise kept."""
    found = [outcome async for outcome in outcomes(bench, cases)]
    assert not [f"{one.case}: {'; '.join(one.broken)}" for one in found if one.broken]
    return found


async def test_the_table_names_every_call_of_a_release(bench: Bench) -> None:
    """Fails when the bot makes a call that calls.py does not know: write it down there."""
    async with bench.blogs(1) as (blog,):
        release = await bench.upgrade(blog)
        assert release.state is State.LIVE, release.reason
        seen = [one for one in blog.seen() if one.host != "site"]
        unknown = {f"{one.method} {one.path} ({one.slot})" for one in seen if len(called(one)) != 1}
        assert not unknown
        made: Counter[Call] = Counter(call for one in seen for call in called(one))
    assert not [call.name for call in CALLS if not made[call]]


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.name)
async def test_once_is_outlived(bench: Bench, mishap: Mishap) -> None:
    together = tuple(case for case in cases_once(mishap) if not is_alone(case.calls[0], mishap))
    for outcome in await all_of(bench, together):
        assert outcome.ended == State.LIVE, f"{outcome.case}: {outcome.told}"
        assert not outcome.not_met


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.name)
async def test_once_where_no_repetition_helps_ends_well(bench: Bench, mishap: Mishap) -> None:
    alone = tuple(case for case in cases_once(mishap) if is_alone(case.calls[0], mishap))
    for outcome in await all_of(bench, alone):
        assert not outcome.not_met
        if mishap.happened:
            assert outcome.ended == State.LIVE, f"{outcome.case}: {outcome.told}"


@pytest.mark.parametrize("share", range(_SHARES))
async def test_for_ever_ends_within_the_limits(bench: Bench, share: int) -> None:
    for outcome in await all_of(bench, cases_for_ever(SEED)[share::_SHARES]):
        assert not outcome.not_met
