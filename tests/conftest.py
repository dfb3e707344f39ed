"""What a test takes is known by its fixtures: those of a local App Service start its processes."""

import pytest

_WITH_A_LOCAL_APP_SERVICE = {"azure", "cloud"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, so that nobody forgets to."""
    for item in items:
        if _WITH_A_LOCAL_APP_SERVICE.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.appservice)
