"""What all stories share: a cache, so that what is built once is not built again, and the bot one version later."""

from pathlib import Path

import pytest

from tests.stories.newer import write_newer


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()
    # With several test processes each has a folder of its own; the one above is shared.
    shared = base.parent if base.name.startswith("popen-") else base
    return shared / "ghostbot-cache"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bot's code one version later."""
    return write_newer(tmp_path_factory.mktemp("newer"))
