"""One world for all of these tests, since a process has one engine: that, a local App Service, a shop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.deploy.bench import Bench, a_bench


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("deploy")
    async with a_bench(folder / "world") as bench:
        yield bench
