"""Modals: what is typed and the focus survive what the app does to them; all of it works from the keyboard."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.page.conftest import Windows
from tests.sandbox.slack_fixtures import Bots, Hands
from tests.sandbox.test_slack_socket_mode import BUTTON, actions

Json = dict[str, Any]  # Any: what Slack takes
pytestmark = pytest.mark.browser


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(name: str) -> Json:
    return {"text": plain(name), "value": name.lower()}


def modal(*more: Json, title: str = "A release") -> Json:
    """A modal with every kind of field that a form has."""
    sites = {"type": "static_select", "action_id": "site", "options": [option("Blog"), option("Shop")]}
    pace = {"type": "radio_buttons", "action_id": "pace", "options": [option("Now"), option("Tonight")]}
    why = {"type": "plain_text_input", "action_id": "why", "multiline": True}
    return {
        "type": "modal",
        "callback_id": "ask",
        "title": plain(title),
        "submit": plain("Send"),
        "blocks": [
            {"type": "section", "block_id": "intro", "text": plain(f"About {title}")},
            {"type": "input", "block_id": "site", "label": plain("Site"), "element": sites},
            {"type": "input", "block_id": "pace", "label": plain("When"), "element": pace},
            {"type": "input", "block_id": "why", "label": plain("Reason"), "element": why},
            *more,
        ],
    }


class Form:
    """An app that opens the modal at `/ghost` or at its button, and keeps what is sent."""

    def __init__(self, bots: Bots) -> None:
        self.app = bots.app()
        self.client = bots.client()
        self.view_id = ""
        self.sent: Json = {}
        self.answer: Json = {}
        self.clicked = asyncio.Event()
        self.app.command("/ghost")(self._open)
        self.app.action("go")(self._open)
        self.app.view("ask")(self._take)

    async def _open(self, ack: Any, body: Json, client: Any) -> None:
        await ack()
        opened = await client.views_open(trigger_id=body["trigger_id"], view=modal())
        self.view_id = opened["view"]["id"]

    async def _take(self, ack: Any, body: Json) -> None:
        self.sent = body["view"]["state"]["values"]
        await ack(**self.answer)

    async def update(self, view: Json) -> None:
        await self.client.views_update(view_id=self.view_id, view=view)


@pytest.fixture
async def form(bots: Bots) -> Form:
    form = Form(bots)
    await bots.connect(form.app)
    return form


async def opened(windows: Windows) -> Page:
    page = await windows.open()
    await page.get_by_role("combobox", name="Message #releases").fill("/ghost ask")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="A release")).to_be_visible()
    return page


async def test_what_is_typed_and_the_cursor_stay_when_the_app_changes_the_modal(
    windows: Windows, form: Form
) -> None:
    page = await opened(windows)
    reason = page.get_by_role("textbox", name="Reason")
    await reason.fill("it burns now")
    await reason.evaluate("field => field.setSelectionRange(3, 8)")
    note = {"type": "section", "block_id": "note", "text": plain("ben asks as well")}
    await form.update(modal(note, title="Another release"))
    await expect(page.get_by_role("dialog", name="Another release")).to_contain_text("ben asks as well")
    await expect(reason).to_be_focused()
    assert await reason.evaluate("field => [field.selectionStart, field.selectionEnd]") == [3, 8]
    await page.keyboard.type("waits")
    await expect(reason).to_have_value("it waits now")


async def test_a_field_that_is_redrawn_itself_keeps_what_was_typed(windows: Windows, form: Form) -> None:
    page = await opened(windows)
    reason = page.get_by_role("textbox", name="Reason")
    await reason.fill("it burns")
    await reason.evaluate("field => field.setSelectionRange(2, 2)")
    changed = modal()
    changed["blocks"][3]["hint"] = plain("A sentence will do")
    await form.update(changed)
    await expect(page.get_by_text("A sentence will do")).to_be_visible()
    await expect(reason).to_be_focused()
    await page.keyboard.type("!")
    await expect(reason).to_have_value("it! burns")


async def test_a_choice_keeps_the_focus_and_is_kept(windows: Windows, form: Form) -> None:
    page = await opened(windows)
    tonight = page.get_by_role("radio", name="Tonight")
    await tonight.press("Space")
    changed = modal()
    changed["blocks"][2]["label"] = plain("At what time")
    await form.update(changed)
    await expect(page.get_by_role("radiogroup", name="At what time")).to_be_visible()
    await expect(tonight).to_be_checked()
    await expect(tonight).to_be_focused()


async def test_a_field_that_was_emptied_stays_empty(windows: Windows, form: Form) -> None:
    page = await opened(windows)
    reason = page.get_by_role("textbox", name="Reason")
    await reason.fill("it burns")
    await page.get_by_role("dialog").get_by_role("button", name="Send").click()
    # The form is not complete, so it stays, and Slack has read what was typed.
    await expect(page.get_by_text("Please complete this required field.").first).to_be_visible()
    await reason.fill("")
    changed = modal()
    changed["blocks"][3]["hint"] = plain("A sentence will do")
    await form.update(changed)
    await expect(page.get_by_text("A sentence will do")).to_be_visible()
    await expect(reason).to_have_value("")


async def test_a_form_is_filled_in_without_a_mouse(windows: Windows, form: Form) -> None:
    page = await opened(windows)
    await expect(page.get_by_role("combobox", name="Site")).to_be_focused()
    await page.keyboard.press("S")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.type("one")
    await page.keyboard.press("Enter")
    await page.keyboard.type("two")
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert form.sent["site"]["site"]["selected_option"]["value"] == "shop"
    assert form.sent["pace"]["pace"]["selected_option"]["value"] == "tonight"
    assert form.sent["why"]["why"]["value"] == "one\ntwo"
    await expect(page.get_by_role("combobox", name="Message #releases")).to_be_focused()


async def test_the_focus_stays_in_a_modal_and_comes_back_to_the_button_that_opened_it(
    hands: Hands, windows: Windows, form: Form
) -> None:
    posted = await form.client.chat_postMessage(channel="#releases", text="t", blocks=actions(BUTTON))
    page = await windows.open()
    button = page.get_by_role("button", name="Go")
    await button.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(14):
        await page.keyboard.press("Tab")
        # Between the last and the first field is the browser's own frame, where the page has no focus.
        assert await page.evaluate(
            "document.activeElement === document.body || Boolean(document.activeElement.closest('dialog'))"
        )
    # Meanwhile the message changes, and with it the button.
    blocks = [{"type": "section", "text": plain("More words")}, *actions(BUTTON)]
    await form.client.chat_update(
        channel=str(posted["channel"]), ts=str(posted["ts"]), text="t", blocks=blocks
    )
    await expect(page.get_by_text("More words")).to_be_attached()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()


async def test_what_is_wrong_is_said_at_the_field_and_read_with_it(windows: Windows, form: Form) -> None:
    page = await opened(windows)
    form.answer = {"response_action": "errors", "errors": {"why": "Too short a reason."}}
    await page.get_by_role("combobox", name="Site").select_option("Blog")
    await page.get_by_role("radio", name="Now").check()
    reason = page.get_by_role("textbox", name="Reason")
    await reason.fill("no")
    await page.get_by_role("dialog").get_by_role("button", name="Send").press("Enter")
    await expect(reason).to_be_focused()
    await expect(reason).to_have_accessible_description("Too short a reason.")
    await expect(reason).to_have_attribute("aria-invalid", "true")
    await page.keyboard.type("pe")
    await expect(reason).to_have_value("nope")
