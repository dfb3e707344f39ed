"""Fixtures of the sandbox tests: each local service brings its own."""

from tests.sandbox.appservice_fixtures import azure
from tests.sandbox.slack_fixtures import bots, hands, slack

__all__ = ["azure", "bots", "hands", "slack"]
