"""A small npm registry with tiny Ghosts, an npm client of one's own cache, and seeded blogs."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
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


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def warm(kept: Path, registry: TinyRegistry) -> Npm:
    """An npm whose cache all tests share: for those that need a package and do not harm it."""
    return Npm(Cache(kept), Registry(registry.url))


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    return seed(tmp_path_factory.mktemp("seeded") / "wwwroot", "5.100.1")


@pytest.fixture
def blog(tmp_path: Path, seeded: Seeded) -> Seeded:
    """A blog on 5.100.1 with 12 posts, 2 drafts, 3 pages and 20 members, each test its own."""
    wwwroot = tmp_path / "site" / "wwwroot"
    shutil.copytree(seeded.wwwroot, wwwroot)
    return replace(seeded, wwwroot=str(wwwroot), database=str(wwwroot / "content" / "data" / "ghost.db"))
