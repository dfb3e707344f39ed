"""One bench a process: there is one engine in a process, whichever files its tests are from."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.bench import Bench, a_bench


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("faults")
    async with a_bench(folder / "bench", folder / "cache") as bench:
        yield bench
