"""Everything from the keyboard: what has the focus is seen, and it is never lost, whatever is redrawn or closed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from release.model import State, Step, StepState
from tests.bot.conftest import Team
from tests.page.conftest import Windows, card_in_thread
from tests.sandbox.slack_fixtures import Bots, Hands
from tests.sandbox.test_slack_socket_mode import BUTTON, CONFIRM, actions

Json = dict[str, Any]  # Any: what Slack takes
pytestmark = pytest.mark.browser
# How many presses of Tab lead through any window of these tests.
FAR = 60
FOCUS = """() => {
  const node = document.activeElement;
  if (node === document.body) return null;
  const seen = (one) => { const style = getComputedStyle(one);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none"; };
  const name = node.getAttribute("aria-label") || node.textContent.trim().slice(0, 40) || node.id;
  const box = node.getBoundingClientRect();
  return { name, ring: seen(node) || seen(node.closest(".composer-box") || node),
    shown: box.width > 0 && box.right > 0 && box.left < innerWidth };
}"""


def message(page: Page, words: str) -> Locator:
    return page.get_by_role("log", name="Messages", exact=True).get_by_role("article").filter(has_text=words)


async def from_the_top(page: Page) -> None:
    """The next Tab leads to the first stop of the page."""
    await page.locator("#skip").focus()
    await page.keyboard.press("Shift+Tab")
    assert await page.evaluate(FOCUS) is None


async def stops(page: Page) -> list[Json]:
    """Where Tab leads, from the top of the page once around."""
    await from_the_top(page)
    found: list[Json] = []
    for _ in range(FAR):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(FOCUS)
        if stop is None:
            return found
        found.append(stop)
    raise AssertionError(f"Tab leads nowhere after {found[-1]}")


async def tabs_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until the control of this name has the focus."""
    for _ in range(FAR):
        await page.keyboard.press(key)
        stop = await page.evaluate(FOCUS)
        if stop and stop["name"] == name:
            return
    raise AssertionError(f"{key} does not lead to {name}")


async def test_every_stop_of_tab_is_seen_and_the_order_is_that_of_the_page(
    team: Team, windows: Windows
) -> None:
    _, card = await team.waits_for_approval()
    page = await windows.open("ben", f"{card['channel']}/{card['thread_ts']}")
    await expect(card_in_thread(page).get_by_role("button", name="Approve")).to_be_visible()
    found = await stops(page)
    for stop in found:
        assert stop["ring"], stop
        assert stop["shown"], stop
    names = [stop["name"] for stop in found]
    order = ("Skip to the messages", "You are", "general", "Messages", "Message #releases", "Close thread")
    assert [name for name in names if name in order] == list(order)
    assert names.index("Approve") < names.index("Reject") < names.index("Reply…")


async def test_the_skip_link_leads_to_the_messages_one_looks_at(team: Team, windows: Windows) -> None:
    await team.waits_for_approval()
    page = await windows.open("ann", "@ghostbot")
    await expect(page.get_by_role("tab", name="Home")).to_have_attribute("aria-selected", "true")
    await from_the_top(page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("tabpanel", name="Home")).to_be_focused()
    await expect(page.get_by_role("heading", level=1)).to_have_text("ghostbot")


async def test_an_upgrade_is_approved_without_a_mouse(team: Team, windows: Windows) -> None:
    release, _ = await team.waits_for_approval()
    page = await windows.open("ben")
    await expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    await tabs_to(page, "Reply in thread", "Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("combobox", name="Reply")).to_be_focused()
    await tabs_to(page, "Approve", "Shift+Tab")
    await page.keyboard.press("Enter")
    asked = page.get_by_role("dialog")
    await expect(asked.get_by_role("button", name="Not now")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You approved").last).to_be_visible()
    # The card has no buttons now; who approved goes on from the card.
    thread = page.get_by_role("log", name="Messages of the thread")
    card = thread.get_by_role("article").filter(has_text="Approved: blog")
    await expect(card).to_be_focused()
    assert (await team.records.release(release.id)).state is State.PROMOTING


async def test_a_rejection_is_written_without_a_mouse(team: Team, windows: Windows) -> None:
    _, card = await team.waits_for_approval()
    page = await windows.open("ben", f"{card['channel']}/{card['thread_ts']}")
    reject = card_in_thread(page).get_by_role("button", name="Reject")
    await reject.press("Enter")
    await expect(page.get_by_role("textbox", name="Why not?")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(reject).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Why not?")).to_be_focused()
    await page.keyboard.type("The sale begins today")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    thread = page.get_by_role("log", name="Messages of the thread")
    rejected = thread.get_by_role("article").filter(has_text="The sale begins today")
    await expect(rejected.first).to_be_visible()
    await expect(reject).to_have_count(0)
    assert await page.evaluate("Boolean(document.activeElement.closest('.thread .message'))")


async def test_the_focus_goes_back_to_a_button_that_was_redrawn_below_its_question(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    client = bots.client()
    asks = actions(BUTTON | {"confirm": CONFIRM})
    # The message below has a button of the same name in a block of the same id.
    posted = await client.chat_postMessage(channel="#releases", text="first", blocks=asks)
    await client.chat_postMessage(channel="#releases", text="second", blocks=[*said("second"), *asks])
    where: Json = {"channel": str(posted["channel"]), "ts": str(posted["ts"]), "text": "first"}
    page = await windows.open()
    first = page.get_by_role("article").first
    await first.get_by_role("button", name="Go").press("Enter")
    await expect(page.get_by_role("dialog", name="Sure?")).to_be_visible()
    await client.chat_update(**where, blocks=[*said("step 2"), *asks])
    await expect(first).to_contain_text("step 2")
    await page.keyboard.press("Escape")
    await expect(first.get_by_role("button", name="Go")).to_be_focused()

    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Sure?")).to_be_visible()
    await client.chat_update(**where, blocks=said("It is over"))
    await expect(first).to_contain_text("It is over")
    await page.keyboard.press("Escape")
    await expect(first).to_be_focused()


def said(text: str) -> list[Json]:
    return [{"type": "section", "text": {"type": "plain_text", "text": text}}]


async def test_the_focus_stays_while_messages_come_and_change(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    client = bots.client()
    await hands.types("ben", "before")
    posted = await client.chat_postMessage(channel="#releases", text="t", blocks=actions(BUTTON))
    where: Json = {"channel": str(posted["channel"]), "ts": str(posted["ts"]), "text": "t"}
    page = await windows.open()
    await page.get_by_role("button", name="Go").focus()
    await hands.types("ben", "and after")
    await client.chat_update(**where, blocks=[*said("step 2"), *actions(BUTTON)])
    await expect(page.get_by_text("step 2")).to_be_visible()
    await expect(page.get_by_role("button", name="Go")).to_be_focused()
    await client.chat_update(**where, blocks=said("It is over"))
    await expect(message(page, "It is over")).to_be_focused()


async def test_who_was_faster_than_the_page_keeps_the_focus(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    await bots.client().chat_postMessage(channel="#releases", text="t", blocks=actions(BUTTON))
    page = await windows.open("ann", "@ben")
    await expect(page.get_by_role("combobox", name="Message Ben Okafor")).to_be_focused()
    go_on = asyncio.Event()

    async def late(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/_sandbox/views*", late)
    await page.get_by_role("link", name="releases").press("Enter")
    button = page.get_by_role("button", name="Go")
    await button.focus()
    async with page.expect_response("**/_sandbox/views*"):
        go_on.set()
    # What is written now is seen after all that the page does on arrival.
    await hands.types("ben", "news")
    await expect(message(page, "news")).to_be_visible()
    await expect(button).to_be_focused()


async def test_a_thread_gives_the_focus_back_to_where_it_was_opened(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    posted = await bots.client().chat_postMessage(channel="#releases", text="Release")
    await bots.client().chat_postMessage(channel="#releases", text="first step", thread_ts=posted["ts"])
    page = await windows.open()
    replies = page.get_by_role("button", name="1 reply")
    await replies.press("Enter")
    await expect(page.get_by_role("combobox", name="Reply")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("complementary", name="Thread")).to_be_hidden()
    await expect(replies).to_be_focused()


async def test_a_menu_of_more_actions_works_with_the_arrows(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    app = bots.app()
    chosen: list[str] = []

    @app.action("more")
    async def more(ack: Any, action: Json) -> None:
        await ack()
        chosen.append(action["selected_option"]["value"])

    await bots.connect(app)
    options = [
        {"text": {"type": "plain_text", "text": name}, "value": name} for name in ("Log", "Diff", "History")
    ]
    menu: Json = {"type": "overflow", "action_id": "more", "options": options}
    await bots.client().chat_postMessage(channel="#releases", text="t", blocks=actions(menu))
    page = await windows.open()
    opener = page.get_by_role("button", name="More actions")
    await opener.press("Enter")
    await expect(page.get_by_role("menuitem", name="Log")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("menuitem", name="History")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_be_hidden()
    await expect(opener).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(opener).to_be_focused()

    async def diff() -> bool:
        return chosen == ["Diff"]

    await hands.eventually(diff)


async def test_the_home_keeps_the_focus_while_it_is_published_anew(bots: Bots, windows: Windows) -> None:
    app = bots.app()

    async def publish(user: str, words: str, client: Any) -> None:
        await client.views_publish(
            user_id=user, view={"type": "home", "blocks": [*said(words), *actions(BUTTON)]}
        )

    @app.event("app_home_opened")
    async def home(event: Json, client: Any) -> None:
        await publish(event["user"], "First look", client)

    @app.action("go")
    async def again(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await publish(body["user"]["id"], "Second look", client)

    await bots.connect(app)
    page = await windows.open("ann", "@ghostbot")
    await expect(page.get_by_text("First look")).to_be_visible()
    button = page.get_by_role("button", name="Go")
    await button.press("Enter")
    await expect(page.get_by_text("Second look")).to_be_visible()
    await expect(button).to_be_focused()
    await page.get_by_role("tab", name="Home").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Messages")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("log", name="Messages", exact=True)).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", name="Home")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("tab", name="Home")).to_be_focused()


async def test_a_button_of_the_home_that_goes_away_leaves_the_focus_in_the_home(
    team: Team, windows: Windows
) -> None:
    await team.waits_for_approval()
    page = await windows.open("ann", "@ghostbot")
    await page.get_by_role("button", name="Cancel").first.press("Enter")
    await page.get_by_role("dialog").get_by_role("button").last.press("Enter")
    await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert await page.evaluate("Boolean(document.activeElement.closest('#home'))")


async def test_one_becomes_somebody_else_with_the_arrows_and_stays_at_the_list(
    hands: Hands, windows: Windows
) -> None:
    page = await windows.open("ann")
    person = page.get_by_role("combobox", name="You are")
    await person.focus()
    await page.keyboard.press("ArrowDown")
    await expect(person).to_have_value("ben")
    await expect(page.get_by_role("link", name="Ann Archer")).to_be_visible()
    await expect(person).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(person).to_have_value("cleo")
    await expect(page.get_by_role("link", name="Ben Okafor")).to_be_visible()
    await expect(person).to_be_focused()


async def test_a_command_is_completed_with_the_arrows(team: Team, windows: Windows) -> None:
    page = await windows.open("ann")
    field = page.get_by_role("combobox", name="Message #releases")
    await field.focus()
    await page.keyboard.type("/ghost s")
    offers = page.get_by_role("listbox", name="Suggestions")
    await expect(offers.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("ArrowUp")
    last = offers.get_by_role("option").last
    await expect(last).to_have_attribute("aria-selected", "true")
    assert await field.get_attribute("aria-activedescendant") == await last.get_attribute("id")
    await page.keyboard.press("Home")
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowDown")
    while "status" not in await page.locator(".offer[aria-selected=true]").inner_text():
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(field).to_have_value("/ghost status ")
    await page.keyboard.press("Enter")
    await expect(message(page, "blog").last).to_contain_text("Ghost 6.40.0")


async def test_a_step_that_changes_does_not_close_the_plan_or_take_the_focus(
    team: Team, windows: Windows
) -> None:
    release = await team.starts_upgrade()
    await team.records.step(release.id, Step.PREFLIGHT, StepState.RUNNING, "")
    page = await windows.open("ann")
    plan = page.locator("summary")
    await plan.press("Enter")
    await expect(page.get_by_role("listitem").first).to_be_visible()
    await team.records.step(release.id, Step.PREFLIGHT, StepState.DONE, "12 things looked at")
    await team.records.note(release.id, old_slot_stops_at=datetime.now(UTC) + timedelta(hours=1))
    await expect(page.get_by_role("listitem").first).to_contain_text("12 things looked at")
    await expect(plan).to_be_focused()
    cancel = page.get_by_role("button", name="Cancel")
    await cancel.focus()
    await team.engine.does(release.id, Step.BACK_UP, detail="12 MB")
    await expect(page.get_by_role("listitem").filter(has_text="12 MB")).to_be_visible()
    await expect(cancel).to_be_focused()
