"""A narrow window: everything is reached, nothing is cut off, and a finger hits what it means."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.bot.conftest import Team
from tests.page.conftest import Windows, card_in_thread
from tests.page.test_modals import modal
from tests.sandbox.slack_fixtures import Bots, Hands

Json = dict[str, Any]  # Any: what Slack takes
pytestmark = pytest.mark.browser
# CSS pixels that a finger hits; WCAG asks for 24, or for links in the words.
FINGER = 32
# What reaches out of the window; a table, code and cards may be scrolled in a box of their own.
CUT_OFF = """() => [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && !one.closest(".table-box, .carousel, pre, .unseen, .skip"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.right > innerWidth + 1 || box.left < -1))
  .map(([one]) => one.outerHTML.slice(0, 120))"""
SMALL = f"""() => [...document.querySelectorAll("button, select, summary, .entry, input, textarea, a.file")]
  .filter((one) => one.checkVisibility() && !one.closest(".text"))
  .map((one) => one.closest("label.choice") || one)
  .filter((one) => {{ const box = one.getBoundingClientRect(); return box.height < {FINGER} || box.width < {FINGER}; }})
  .map((one) => one.outerHTML.slice(0, 120))"""
# Two things to press that lie on each other, so that a finger hits the wrong one.
COVERED = """() => [...document.querySelectorAll("button, select, .entry")]
  .filter((one) => one.checkVisibility() && !one.disabled)
  .filter((one) => { one.scrollIntoView({ block: "center" }); const box = one.getBoundingClientRect();
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return !hit || !(one.contains(hit) || hit.contains(one)); })
  .map((one) => one.outerHTML.slice(0, 120))"""


async def fits(page: Page) -> None:
    """Nothing is cut off, nothing is too small to be hit, and nothing lies over what one presses."""
    assert await page.evaluate(CUT_OFF) == []
    assert await page.evaluate(SMALL) == []
    if not await page.locator("dialog[open], .with-menu").count():
        assert await page.evaluate(COVERED) == []


@pytest.mark.parametrize("width", [320, 360, 699])
async def test_a_release_is_followed_and_decided_in_a_narrow_window(
    team: Team, windows: Windows, width: int
) -> None:
    await team.types("ben", "Averylongwordthatdoesnotfit" * 4)
    _, card = await team.waits_for_approval()
    page = await windows.open("ben", card["channel"], width, 640)
    parent = page.locator("#log").get_by_role("article").filter(has_text="Upgrade blog from")
    await parent.locator("summary").click()
    await expect(page.get_by_role("listitem").first).to_be_visible()
    await fits(page)

    await parent.locator(".replies").click()
    await expect(page.get_by_role("main")).to_be_hidden()
    await expect(card_in_thread(page).get_by_role("button", name="Approve")).to_be_visible()
    await fits(page)
    reject = card_in_thread(page).get_by_role("button", name="Reject")
    await reject.click()
    await expect(page.get_by_role("dialog", name="Reject this release?")).to_be_visible()
    await fits(page)
    await page.get_by_role("button", name="Not now").click()
    await card_in_thread(page).get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("dialog", name="Put this into production?")).to_be_visible()
    await fits(page)
    await page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("article").filter(has_text="Approved: blog")).to_be_visible()

    await page.get_by_role("button", name="Back to #releases").click()
    await expect(parent).to_be_visible()
    await expect(page.get_by_role("complementary", name="Thread")).to_be_hidden()


async def test_one_gets_about_in_a_narrow_window_without_a_mouse(team: Team, windows: Windows) -> None:
    _, card = await team.waits_for_approval()
    page = await windows.open("ben", card["channel"], 360, 640)
    menu = page.get_by_role("button", name="Show channels")
    sidebar = page.get_by_role("navigation")
    await menu.press("Enter")
    await expect(menu).to_have_attribute("aria-expanded", "true")
    await expect(sidebar.get_by_role("link", name="general")).to_be_focused()
    await fits(page)
    await page.keyboard.press("Escape")
    await expect(sidebar).to_be_hidden()
    await expect(menu).to_be_focused()

    await menu.press("Enter")
    await page.get_by_role("link", name="ghostbot").press("Enter")
    await expect(page.get_by_text("It waits for you")).to_be_visible()
    await expect(sidebar).to_be_hidden()
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await fits(page)
    await page.get_by_role("button", name="Open its thread").scroll_into_view_if_needed()

    # Who goes past the last channel is not left behind the menu.
    await menu.press("Enter")
    await page.get_by_role("link", name="ghostbot").focus()
    await page.keyboard.press("Tab")
    await expect(sidebar).to_be_hidden()
    await expect(menu).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("width", [360, 800])
async def test_the_way_back_from_a_thread_gives_the_focus_back(
    team: Team, windows: Windows, width: int
) -> None:
    _, card = await team.waits_for_approval()
    page = await windows.open("ben", card["channel"], width, 640)
    replies = page.locator(".replies")
    await replies.press("Enter")
    await expect(page.get_by_role("complementary", name="Thread")).to_be_visible()
    back = page.get_by_role("button", name="Back to #releases")
    await expect(back).to_be_in_viewport()
    await expect(page.get_by_role("button", name="Close thread")).to_be_hidden()
    assert await page.evaluate("Boolean(document.activeElement.closest('.thread'))")
    await back.press("Enter")
    await expect(page.get_by_role("complementary", name="Thread")).to_be_hidden()
    await expect(replies).to_be_focused()


async def test_between_narrow_and_wide_a_thread_and_the_home_fit(team: Team, windows: Windows) -> None:
    _, card = await team.waits_for_approval()
    for width in (720, 1001):
        page = await windows.open("ben", f"{card['channel']}/{card['thread_ts']}", width)
        await expect(card_in_thread(page).get_by_role("button", name="Approve")).to_be_visible()
        assert await page.evaluate(CUT_OFF) == []
        page = await windows.open("ben", "@ghostbot", width)
        await expect(page.get_by_text("It waits for you")).to_be_visible()
        assert await page.evaluate(CUT_OFF) == []


async def test_a_form_the_completion_and_what_went_wrong_fit(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    app = bots.app()

    @app.command("/ghost")
    async def ask(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    await bots.connect(app)
    # With a telephone's keyboard over its lower half there is this much left.
    page = await windows.open("ann", width=360, height=330)
    field = page.get_by_role("combobox", name="Message #releases")
    await field.fill("/g")
    await expect(page.get_by_role("option", name="/ghost")).to_be_in_viewport(ratio=1)
    await fits(page)
    await field.press("Tab")
    await page.keyboard.type("ask")
    await expect(field).to_be_in_viewport(ratio=1)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("combobox", name="Site")).to_be_focused()
    await fits(page)
    send = page.get_by_role("dialog").get_by_role("button", name="Send")
    await expect(send).to_be_in_viewport(ratio=1)
    await send.click()
    await expect(page.get_by_text("Please complete this required field.").first).to_be_in_viewport()
    await fits(page)
    await page.get_by_role("button", name="Close").click()
    await page.locator("#offline").evaluate("node => node.textContent = 'Not connected. Trying again…'")
    await fits(page)


async def test_a_picture_and_a_file_fit(hands: Hands, bots: Bots, windows: Windows) -> None:
    client = bots.client()
    posted = await client.chat_postMessage(channel="#releases", text="Release")
    place: Json = {"channel": str(posted["channel"]), "thread_ts": str(posted["ts"])}
    wide = b'{"%s": 1}\n' % (b"x" * 400)
    await client.files_upload_v2(**place, file=wide * 9, filename=f"{'long' * 20}.txt", title="What npm said")
    page = await windows.open("ann", f"{posted['channel']}/{posted['ts']}", 360, 640)
    await expect(page.get_by_role("link", name="What npm said")).to_be_visible()
    await fits(page)
