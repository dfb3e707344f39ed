"""What a test takes is known by its fixtures: processes of a local App Service, installations by npm."""

import pytest

_TAKES = {
    "appservice": {"azure", "cloud", "bench"},
    "npm": {"registry"},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, so that nobody forgets to."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for mark, of_it in _TAKES.items():
            if fixtures & of_it:
                item.add_marker(mark)
