"""A small npm registry with tiny Ghosts, an npm client of one's own cache, and seeded blogs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.tiny.registry import TinyRegistry, start_registry
from demo.tiny.seed import Seeded, seed
from release.ghost.cache import Cache
from release.ghost.npm import Npm, Registry


@pytest.fixture
async def registry() -> AsyncIterator[TinyRegistry]:
    running = await start_registry()
    yield running
    await running.close()


@pytest.fixture
def npm(tmp_path: Path, registry: TinyRegistry) -> Npm:
    return Npm(Cache(tmp_path / "cache"), Registry(registry.url))


@pytest.fixture
def blog(tmp_path: Path) -> Seeded:
    """A blog on 5.100.1 with 12 posts, 2 drafts, 3 pages and 20 members."""
    return seed(tmp_path / "site" / "wwwroot", "5.100.1")
