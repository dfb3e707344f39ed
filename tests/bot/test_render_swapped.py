"""What is said of a swap beside its figures: warm or cold, and routing that was cleared."""

from dataclasses import replace

import pytest

from bot.render.result import result
from bot.render.swapped import warmth
from release.model import Facts, Kind, ProbeSeen, Release, RoutingCleared, State, SwapDone
from tests.bot.test_render_release import NOON, RELEASE

ROUTING = RoutingCleared(
    "20 % to staging", "az webapp traffic-routing set -g g -n n --distribution staging=20"
)


def released(first_ms: float, slowest_ms: float) -> Release:
    swap = SwapDone("6.40.0", "6.65.0", 8.1, first_ms)
    probe = ProbeSeen(312, 0, slowest_ms, 12.0, 31.0)
    return replace(RELEASE, state=State.LIVE, ended_at=NOON, facts=Facts(swap=swap, probe=probe))


@pytest.mark.parametrize(
    ("first", "slowest", "word"),
    [
        (120, 148, "warm"),
        (2_900, 3_000, "warm"),
        (120, 8_000, "slow"),  # the first visitor was another one than the bot
        (15_000, 148, "slow"),
        (61_000, 61_000, "cold"),
        (120, 30_000, "cold"),
    ],
)
def test_the_first_answer_is_held_against_a_minute_cold_and_seconds_warm(
    first: float, slowest: float, word: str
) -> None:
    told = warmth(released(first, slowest))
    measure = "" if word == "warm" else " (warm is up to 3 s, cold a minute)"
    assert told.removeprefix(":warning: ").startswith(f"{word}{measure}")
    assert (":warning:" in told) == (word != "warm")
    shown = result(released(first, slowest))
    assert shown is not None
    assert told in shown.text
    assert "see its warnings" not in told or word == "cold"


def test_of_a_release_that_did_not_swap_nothing_is_said() -> None:
    assert warmth(replace(RELEASE, facts=Facts())) == ""


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State.LIVE, Kind.UPGRADE),
        (State.FAILED, Kind.UPGRADE),
        (State.REJECTED, Kind.UPGRADE),
        (State.CANCELLED, Kind.UPGRADE),
        (State.ROLLED_BACK, Kind.UPGRADE),
        (State.ROLLED_BACK, Kind.ROLLBACK),
    ],
)
def test_however_it_ends_routing_that_was_cleared_can_be_set_again(state: State, kind: Kind) -> None:
    ended = replace(released(120, 148), state=state, kind=kind)
    with_routing = result(replace(ended, facts=replace(ended.facts, routing_cleared=ROUTING)))
    without = result(ended)
    assert with_routing is not None
    assert without is not None
    assert "20 % to staging" in with_routing.text
    assert ROUTING.again in with_routing.text
    assert ROUTING.again in str(with_routing.blocks)
    assert "raffic routing" not in without.text
