"""A real Chromium for the browser tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from demo.chromium import find_chromium
from release.camera import FLAGS


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A running headless browser, closed at the end."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(find_chromium()), args=[*FLAGS, "--font-render-hinting=none"]
        )
        try:
            yield browser
        finally:
            await browser.close()
