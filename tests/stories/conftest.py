"""One cache of built packages for all stories: what is built once is not built again."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    # With several test processes each has a folder of its own; the one above is shared.
    shared = base.parent if base.name.startswith("popen-") else base
    return shared / "ghostbot-cache"
