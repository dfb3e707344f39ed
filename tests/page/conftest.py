"""The page of the local Slack in a real browser, with people before it and the bot behind it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.bot.conftest import hands, slack, team
from tests.browser import open_browser
from tests.sandbox.slack_fixtures import Hands, bots

__all__ = ["bots", "hands", "slack", "team"]


def card_in_thread(page: Page) -> Locator:
    """The approval card in the thread that is open; the message on top of it has the same buttons."""
    return page.locator("#thread").get_by_role("article").filter(has=page.get_by_role("heading", level=2))


class Windows:
    """Browser windows on the page, each of a person; what one of them complains about fails the test."""

    def __init__(self, browser: Browser, hands: Hands) -> None:
        self._browser = browser
        self._hands = hands
        self.complaints: list[str] = []

    async def open(
        self, person: str = "ann", place: str = "", width: int = 1280, height: int = 860, **more: Any
    ) -> Page:
        """A window of `person`, in #releases or at `place`: a channel's id or @someone, perhaps with a thread."""
        context = await self._browser.new_context(viewport={"width": width, "height": height}, **more)
        page = await context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._complains(said.text) if said.type == "error" else None)
        channel = self._hands.addresses["channels"]["releases"]
        await page.goto(f"{self._hands.addresses['page']}#/{person}/{place or channel}")
        await expect(page.locator("#title")).not_to_have_text("")
        return page

    def _complains(self, text: str) -> None:
        # What cannot be done is told by the page in words; the browser's own line about it is no complaint.
        if "status of 400" not in text:
            self.complaints.append(text)


@pytest.fixture
async def windows(hands: Hands) -> AsyncIterator[Windows]:
    """Windows of one browser."""
    async with open_browser() as browser:
        opened = Windows(browser, hands)
        yield opened
        assert opened.complaints == []
