"""Two people at the same moment, each in a window of their own."""

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from release.model import State
from tests.bot.conftest import Team
from tests.page.conftest import Windows, card_in_thread

ANSWERS = re.compile("You approved|already approved by @(ben|cleo)|nothing was sent")
pytestmark = pytest.mark.browser


async def before_the_card(windows: Windows, person: str, place: str) -> Page:
    """A window in which this person has the question of the approval before them."""
    page = await windows.open(person, place)
    await card_in_thread(page).get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("dialog", name="Put this into production?")).to_be_visible()
    return page


async def test_of_two_who_approve_at_once_one_wins_and_the_other_is_told_who(
    team: Team, windows: Windows
) -> None:
    release, card = await team.waits_for_approval()
    place = f"{card['channel']}/{card['thread_ts']}"
    pages = {person: await before_the_card(windows, person, place) for person in ("ben", "cleo")}
    await asyncio.gather(
        *(page.get_by_role("dialog").get_by_role("button", name="Approve").click() for page in pages.values())
    )
    told = []
    for page in pages.values():
        thread = page.get_by_role("log", name="Messages of the thread")
        await expect(thread.get_by_role("article").filter(has_text="Approved: blog")).to_be_visible()
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        # Whose click comes after the card has changed is told by the page, else by the bot.
        answer = page.get_by_text(ANSWERS).first
        await expect(answer).to_be_visible()
        told.append(await answer.inner_text())
    assert len([text for text in told if "You approved" in text]) == 1, told
    assert (await team.records.release(release.id)).state is State.PROMOTING


async def test_who_reads_the_question_while_somebody_else_answers_it_is_told(
    team: Team, windows: Windows
) -> None:
    _, card = await team.waits_for_approval()
    page = await before_the_card(windows, "ben", f"{card['channel']}/{card['thread_ts']}")
    await team.rejects("cleo", card, "The sale begins today")
    thread = page.get_by_role("log", name="Messages of the thread")
    await expect(thread.get_by_role("article").filter(has_text="Rejected: blog")).to_be_attached()
    await page.get_by_role("dialog").get_by_role("button", name="Approve").press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="nothing was sent")).to_be_in_viewport()
    # The button that ben pressed is gone; he goes on from the card, which names cleo and her reason.
    assert await page.evaluate("Boolean(document.activeElement.closest('.thread .message'))")


async def test_two_who_write_and_click_at_once_see_the_same_in_the_same_order(
    team: Team, windows: Windows
) -> None:
    pages = {person: await windows.open(person) for person in ("ann", "ben")}

    async def writes(person: str, page: Page) -> None:
        field = page.get_by_role("combobox", name="Message #releases")
        for number in range(5):
            await field.fill(f"{person} {number}")
            await field.press("Enter")

    await asyncio.gather(*(writes(person, page) for person, page in pages.items()))
    seen = []
    for page in pages.values():
        written = page.get_by_role("log", name="Messages", exact=True).locator(".body")
        await expect(written).to_have_count(10)
        seen.append(await written.all_inner_texts())
    assert seen[0] == seen[1]
    assert [text for text in seen[0] if text.startswith("ann")] == [f"ann {number}" for number in range(5)]
