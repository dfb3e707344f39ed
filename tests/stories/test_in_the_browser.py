"""A release as a person does it: in the page, in a real browser."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from demo.chromium import find_chromium
from tests.browser import open_browser
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = pytest.mark.browser


@pytest.fixture
async def team(tmp_path: Path, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path, cache, ("blog",), browser=str(find_chromium())) as team:
        await team.has_site("blog")
        yield team


async def opened(page: Page, team: Team, person: str) -> None:
    await page.goto(team.world.slack["page"])
    await page.get_by_label("You are").select_option(person)
    await expect(page.get_by_role("heading", name="# releases")).to_be_visible()


async def presses(page: Page, message: Locator, button: str) -> None:
    await message.get_by_role("button", name=button, exact=True).click()
    await page.get_by_role("dialog").get_by_role("button").last.click()


@pytest.mark.timeout(240)
async def test_an_upgrade_typed_approved_and_taken_back_in_the_page(team: Team, tmp_path: Path) -> None:
    async with open_browser() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        await opened(page, team, "ann")
        await page.keyboard.type(f"/ghost upgrade {NEWEST}")
        await page.keyboard.press("Enter")
        parent = page.get_by_role("article").filter(has_text=f"Upgrade blog from {OLDER} to {NEWEST}")
        await expect(parent.first).to_contain_text("Waiting for approval", timeout=60_000)

        await opened(page, team, "ben")
        await parent.get_by_role("button", name="repl").first.click()
        card = page.get_by_role("article").filter(has_text=f"Approve blog: {OLDER} → {NEWEST}?")
        # Taken by the bot, with a browser of its own, of two blogs that look the same.
        for title in ("Front page", "A post"):
            picture = card.get_by_role("figure").filter(has_text=title).get_by_role("img")
            await expect(picture).to_have_attribute(
                "alt", re.compile("Staging, .*look the same"), timeout=60_000
            )
        await presses(page, card, "Approve")
        live = page.get_by_role("article").filter(has_text=f"blog is live on {NEWEST}")
        await expect(live.first).to_be_visible(timeout=60_000)
        assert await team.world.version("blog") == NEWEST

        await live.first.get_by_role("button", name="Rollback", exact=True).click()
        parent = page.get_by_role("article").filter(has_text=f"Roll blog back to {OLDER}")
        await expect(parent.first).to_contain_text("Waiting for a decision", timeout=60_000)
        await parent.get_by_role("button", name="repl").first.click()
        question = page.get_by_role("article").filter(has_text=f"Roll blog back: {NEWEST} → {OLDER}?")
        await presses(page, question, "Roll back")
        back = page.get_by_role("article").filter(has_text=f"blog is back on {OLDER}")
        await expect(back.first).to_be_visible(timeout=60_000)
        assert await team.world.version("blog") == OLDER
        await page.screenshot(path=tmp_path / "thread.png")
