"""The page in a real browser, driven by keyboard as far as possible."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import open_browser
from tests.sandbox.slack_fixtures import Bots, Hands
from tests.sandbox.test_slack_socket_mode import BUTTON, CONFIRM, actions

Json = dict[str, Any]
pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=document.title='pwned'><script>document.title='pwned'</script>"


@pytest.fixture
async def page(hands: Hands) -> AsyncIterator[Page]:
    """The page, open as ann in #releases; anything it complains about fails the test."""
    async with open_browser() as browser:
        opened = await browser.new_page(viewport={"width": 1280, "height": 860})
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await opened.goto(hands.addresses["page"])
        await expect(opened.get_by_role("heading", name="# releases")).to_be_visible()
        yield opened
        assert complaints == []


async def test_a_command_is_completed_sent_and_answered_by_keyboard(
    hands: Hands, bots: Bots, page: Page
) -> None:
    app = bots.app()

    @app.command("/ghost")
    async def ghost(ack: Any, command: Json) -> None:
        await ack(f"you said *{command['text']}*")

    await bots.connect(app)
    await expect(page.get_by_text("connected", exact=True)).to_be_visible()
    field = page.get_by_role("combobox", name="Message #releases")
    await expect(field).to_be_focused()
    await page.keyboard.type("/gh")
    await expect(page.get_by_role("option", name="/ghost")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await page.keyboard.type("o")
    await page.keyboard.press("Tab")
    await page.keyboard.type("status")
    await page.keyboard.press("Enter")
    answer = page.get_by_role("article").filter(has_text="you said status")
    await expect(answer.get_by_text("Only visible to you")).to_be_visible()
    await expect(answer.locator("strong", has_text="status")).to_be_visible()
    await expect(field).to_be_focused()


async def test_what_people_and_apps_write_never_becomes_markup(hands: Hands, bots: Bots, page: Page) -> None:
    await hands.types("ben", EVIL)
    blocks: list[Json] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": EVIL}},
        {"type": "markdown", "text": f"{EVIL} [x](javascript:alert(1))"},
        {"type": "header", "text": {"type": "plain_text", "text": EVIL[:100]}},
        {"type": "table", "rows": [[{"type": "raw_text", "text": EVIL}]]},
        {"type": "plan", "title": EVIL, "tasks": [{"type": "task_card", "task_id": "1", "title": EVIL}]},
    ]
    await bots.client().chat_postMessage(channel="#releases", text="t", blocks=blocks)
    await expect(page.get_by_role("article")).to_have_count(2)
    assert await page.locator("#log img, #log script, #log a[href^=javascript]").count() == 0
    assert "pwned" not in await page.title()


async def test_a_bare_address_in_verbatim_text_is_no_link(hands: Hands, bots: Bots, page: Page) -> None:
    words = "*Here: https://evil.example/1* or <https://our.example/2|ours>"
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": words, "verbatim": verbatim}}
        for verbatim in (True, False)
    ]
    await bots.client().chat_postMessage(channel="#releases", text="t", blocks=blocks)
    await expect(page.get_by_text("https://evil.example/1")).to_have_count(2)
    await expect(page.get_by_role("link", name="ours")).to_have_count(2)
    await expect(page.get_by_role("link", name="https://evil.example/1")).to_have_count(1)


async def test_a_button_asks_first_and_says_when_nobody_answers(hands: Hands, bots: Bots, page: Page) -> None:
    await bots.client().chat_postMessage(
        channel="#releases", text="t", blocks=actions(BUTTON | {"confirm": CONFIRM})
    )
    button = page.get_by_role("button", name="Go")
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Sure?")
    await expect(dialog.get_by_role("button", name="No")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Yes").press("Enter")
    await expect(page.get_by_label("The app did not respond. You can try again.")).to_be_visible()


async def test_a_message_changes_in_place_and_its_plan_stays_open(
    hands: Hands, bots: Bots, page: Page
) -> None:
    def plan(status: str) -> list[Json]:
        task = {"type": "task_card", "task_id": "1", "title": "Back up", "status": status}
        return [{"type": "plan", "block_id": "steps", "title": "Upgrade", "tasks": [task]}]

    client = bots.client()
    posted = await client.chat_postMessage(channel="#releases", text="t", blocks=plan("in_progress"))
    summary = page.locator("summary", has_text="Upgrade")
    await summary.press("Enter")
    await expect(page.get_by_text("Back up")).to_be_visible()
    await client.chat_update(
        channel=str(posted["channel"]), ts=str(posted["ts"]), text="t", blocks=plan("complete")
    )
    await expect(summary.get_by_role("img", name="Complete")).to_be_visible()
    await expect(page.get_by_text("Back up")).to_be_visible()


async def test_a_thread_opens_and_takes_a_reply(hands: Hands, bots: Bots, page: Page) -> None:
    posted = await bots.client().chat_postMessage(channel="#releases", text="Release")
    await bots.client().chat_postMessage(channel="#releases", text="first step", thread_ts=posted["ts"])
    await page.get_by_role("button", name=re.compile("1 reply")).press("Enter")
    await expect(page.get_by_role("combobox", name="Reply")).to_be_focused()
    await page.keyboard.type("well done :tada:")
    await page.keyboard.press("Enter")
    thread = page.get_by_role("log", name="Messages of the thread")
    await expect(thread.get_by_text("well done")).to_be_visible()
    await expect(thread.get_by_role("img", name="tada")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(thread).to_be_hidden()


async def test_a_modal_is_filled_in_by_keyboard(hands: Hands, bots: Bots, page: Page) -> None:
    app = bots.app()
    label = {"type": "plain_text", "text": "Reason"}
    view: Json = {
        "type": "modal",
        "callback_id": "ask",
        "title": {"type": "plain_text", "text": "Break glass"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [
            {
                "type": "input",
                "block_id": "why",
                "label": label,
                "element": {"type": "plain_text_input", "action_id": "reason"},
            }
        ],
    }

    @app.command("/ghost")
    async def ghost(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("ask")
    async def asked(ack: Any, body: Json, client: Any) -> None:
        await ack()
        reason = body["view"]["state"]["values"]["why"]["reason"]["value"]
        await client.chat_postMessage(channel="#releases", text=f"because {reason}")

    await bots.connect(app)
    await page.keyboard.type("/ghost why ")
    await page.keyboard.press("Enter")
    field = page.get_by_role("textbox", name="Reason")
    await expect(field).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(
        page.get_by_role("alert").filter(has_text="Please complete this required field.")
    ).to_be_visible()
    await expect(field).to_be_focused()
    await page.keyboard.type("it burns")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("article").filter(has_text="because it burns")).to_be_visible()


async def test_one_sees_what_one_may_as_whoever_one_is(hands: Hands, bots: Bots, page: Page) -> None:
    await hands.types("cleo", "the code is 1234", channel="secrets")
    nav = page.get_by_role("navigation")
    await expect(nav.get_by_role("link", name="secrets, unread")).to_be_visible()
    await page.get_by_label("You are").select_option("ben")
    await expect(nav.get_by_role("link", name="releases")).to_be_visible()
    await expect(nav.get_by_role("link", name="secrets")).to_have_count(0)
    await page.get_by_label("You are").select_option("gus")
    await expect(page.get_by_role("heading", name="# general")).to_be_visible()
    await expect(nav.get_by_role("link", name="releases")).to_have_count(0)


async def test_the_home_tab_and_a_narrow_window(hands: Hands, bots: Bots, page: Page) -> None:
    app = bots.app()

    @app.event("app_home_opened")
    async def opened(event: Json, client: Any) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": actions(BUTTON)})

    await bots.connect(app)
    await page.set_viewport_size({"width": 390, "height": 780})
    await page.get_by_role("button", name="Show channels").press("Enter")
    await page.get_by_role("link", name="ghostbot").press("Enter")
    await expect(page.get_by_role("tab", name="Home")).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_role("button", name="Go")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
