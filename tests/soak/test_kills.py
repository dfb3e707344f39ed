"""The bot is killed (-9) a hundred times at random moments, and nothing is lost, nothing half done, nothing untrue."""

import secrets
from pathlib import Path

import pytest

from tests.soak.plan import kills, kills_of_few
from tests.soak.table import shown
from tests.soak.town import Tally, a_town

SITES = 4
KILLS = 100
REAL_KILLS = 10


async def killed(folder: Path, seed: int, times: int, sites: int, real: bool) -> Tally:
    """What became of a town whose bot was killed so often. The seed is printed: it can be run again."""
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with a failure
    async with a_town(folder / "town", None if real else folder / "cache", seed, sites, real, print) as town:
        town.begin()
        for plan in kills_of_few(seed) if real else kills(seed):
            await town.kill(plan)
            if town.killer.kills >= times:
                break
        tally = await town.end()
    print(shown(tally))  # noqa: T201 - as above
    return tally


@pytest.mark.story
@pytest.mark.timeout(1800)
async def test_a_bot_that_is_killed_a_hundred_times_breaks_no_promise(tmp_path: Path) -> None:
    tally = await killed(tmp_path, secrets.randbelow(1_000_000), KILLS, SITES, real=False)
    assert not tally.broken, "\n".join([f"seed {tally.seed}", *tally.broken])
    assert tally.kills >= KILLS
    assert tally.releases >= SITES
    assert tally.written > 100


@pytest.mark.ghost
@pytest.mark.timeout(1800)
async def test_with_real_ghost_it_breaks_none_either(tmp_path: Path) -> None:
    tally = await killed(tmp_path, secrets.randbelow(1_000_000), REAL_KILLS, 1, real=True)
    assert not tally.broken, "\n".join([f"seed {tally.seed}", *tally.broken])
    assert tally.kills >= REAL_KILLS


def test_the_same_seed_plans_the_same_kills() -> None:
    def first(seed: int) -> list[object]:
        return [plan for _, plan in zip(range(50), kills(seed), strict=False)]

    assert first(7) == first(7)
    assert first(7) != first(8)
