"""A web app with a shared database goes live: in the order of the pipeline that this retells, and never otherwise."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from release.model import State
from tests.deploy.bench import ONE, PASSWORD, TWO, Bench, a_bench

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("deploy")
    async with a_bench(folder / "world") as bench:
        yield bench


async def test_it_stops_deploys_migrates_starts_swaps_and_goes_back(bench: Bench) -> None:
    bench.configure()
    await bench.opens(ONE)
    release = await bench.asks(TWO)
    assert release.state is State.AWAITING_APPROVAL, release.reason
    assert release.facts.schema is not None
    assert release.facts.schema.pending == ("002",)
    assert bench.schema() == ["001", "002"]
    assert await bench.answer() == (200, "1"), "production runs the old code on the new schema"
    assert release.facts.production_tested == "well"
    live = await bench.decided(release)
    assert live.state is State.LIVE, live.reason
    assert await bench.answer() == (200, "2")
    assert live.facts.probe is not None
    assert live.facts.probe.failed == 0
    acts = [act for act in bench.asked_of_azure() if not act.endswith(".ghostbot.json")]
    assert acts == ["POST stop", "POST zipdeploy", "POST start", "POST applySlotConfig", "POST slotsswap"]
    assert not (bench.wwwroot() / "migrations").exists()
    assert PASSWORD not in bench.everything_kept()

    back = await bench.releases.roll_back("shop", "ann", "C1")
    back = await bench.decided(await bench.stands(back, State.AWAITING_APPROVAL))
    assert back.state is State.ROLLED_BACK, back.reason
    assert await bench.answer() == (200, "1")
    assert bench.schema() == ["001", "002"], "the database stays where it is"
