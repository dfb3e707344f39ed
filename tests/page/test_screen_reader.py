"""What a screen reader makes of the page: axe-core finds nothing serious, and news are read once."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from release.model import Step, StepState
from tests.bot.conftest import Team
from tests.page.axe import find_axe
from tests.page.conftest import Windows, card_in_thread
from tests.page.test_modals import modal
from tests.sandbox.slack_fixtures import Bots, Hands
from tests.sandbox.test_slack_socket_mode import BUTTON, actions

Json = dict[str, Any]  # Any: what Slack takes
pytestmark = pytest.mark.browser
# A picture of one pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100"
    "c9fe92ef0000000049454e44ae426082"
)
STYLED = "*a* _b_ ~c~ `d` :tada: <!here>\n```" + "long\n" * 40 + "```"
AXE = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  if (!found.passes.length) return ["axe-core looked at nothing"];
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.failureSummary}`));
}"""


async def has_no_barrier(page: Page) -> None:
    """axe-core names nothing that it calls serious or critical."""
    await page.evaluate(await asyncio.to_thread(find_axe))
    assert await page.evaluate(AXE) == []


@pytest.mark.parametrize("width", [1280, 360])
async def test_a_release_has_no_barrier_wherever_one_looks(team: Team, windows: Windows, width: int) -> None:
    await team.types("ben", "Good morning @ann, see https://example.net and `this`")
    _, card = await team.waits_for_approval()
    channel, thread = card["channel"], f"{card['channel']}/{card['thread_ts']}"
    page = await windows.open("ben", channel, width)
    await page.locator("summary").press("Enter")
    await expect(page.get_by_role("listitem").first).to_be_visible()
    await has_no_barrier(page)
    if width < 700:
        await page.get_by_role("button", name="Show channels").press("Enter")
        await has_no_barrier(page)
    await page.close()

    page = await windows.open("ben", thread, width)
    await expect(card_in_thread(page).get_by_role("button", name="Approve")).to_be_visible()
    await has_no_barrier(page)
    await card_in_thread(page).get_by_role("button", name="Approve").press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await has_no_barrier(page)
    await page.keyboard.press("Escape")
    await card_in_thread(page).get_by_role("button", name="Reject").press("Enter")
    await expect(page.get_by_role("textbox", name="Why not?")).to_be_focused()
    await has_no_barrier(page)
    await page.keyboard.press("Escape")
    await page.close()

    page = await windows.open("ben", "@ghostbot", width)
    await expect(page.get_by_text("It waits for you")).to_be_visible()
    await has_no_barrier(page)


async def test_a_form_its_errors_and_the_completion_have_no_barrier(bots: Bots, windows: Windows) -> None:
    app = bots.app()

    @app.command("/ghost")
    async def ask(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    await bots.connect(app)
    page = await windows.open()
    await page.get_by_role("combobox", name="Message #releases").fill("/g")
    await expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    await has_no_barrier(page)
    await page.keyboard.type("host ask")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("combobox", name="Site")).to_be_focused()
    await page.keyboard.press("Control+Enter")
    await expect(page.get_by_text("Please complete this required field.").first).to_be_visible()
    await has_no_barrier(page)


async def test_every_kind_of_message_has_no_barrier(hands: Hands, bots: Bots, windows: Windows) -> None:
    client = bots.client()
    plain = {"type": "plain_text", "text": "Words"}
    cell = {"type": "raw_text", "text": "Cell"}
    task = {"type": "task_card", "task_id": "1", "title": "Back up"}
    option = {"text": plain, "value": "v"}
    blocks: list[Json] = [
        {"type": "header", "text": plain},
        {
            "type": "markdown",
            "text": "# Title\n\n- one\n- [two](https://example.net)\n\n```\ncode\n```\n> quote",
        },
        {"type": "table", "rows": [[cell, cell], [cell, cell]]},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": STYLED},
        },
        {"type": "context", "elements": [plain]},
        {"type": "plan", "title": "Plan", "tasks": [task | {"status": "error"}, task | {"task_id": "2"}]},
    ]
    more: Json = {"type": "overflow", "action_id": "more", "options": [option, option | {"value": "w"}]}
    site: Json = {"type": "static_select", "action_id": "site", "placeholder": plain, "options": [option]}
    danger = BUTTON | {"action_id": "no", "style": "danger"}
    primary = BUTTON | {"action_id": "yes", "style": "primary"}
    elements: list[Json] = [primary, danger, site, more]
    posted = await client.chat_postMessage(channel="#releases", text="t", blocks=blocks + actions(*elements))
    await client.reactions_add(channel=str(posted["channel"]), timestamp=str(posted["ts"]), name="eyes")
    await hands.types("eve", "from elsewhere", channel="shared")
    page = await windows.open()
    await page.locator("summary").press("Enter")
    await expect(page.get_by_role("listitem").first).to_be_visible()
    await has_no_barrier(page)
    await page.get_by_role("button", name="More actions").press("Enter")
    await has_no_barrier(page)
    page = await windows.open("ann", hands.addresses["channels"]["shared"])
    await expect(page.get_by_text("from elsewhere")).to_be_visible()
    await has_no_barrier(page)


async def test_a_picture_has_words_and_a_file_has_its_name_in_the_thread(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    client = bots.client()
    posted = await client.chat_postMessage(channel="#releases", text="Release")
    place: Json = {"channel": str(posted["channel"]), "thread_ts": str(posted["ts"])}
    await client.files_upload_v2(
        **place,
        file=PNG,
        filename="chart.png",
        title="Waiting",
        alt_txt="Visitors waited 0.2 seconds at most.",
    )
    await client.files_upload_v2(
        **place, file=b"added 1 package\n" * 60, filename="npm.txt", title="What npm said"
    )
    page = await windows.open("ann", f"{posted['channel']}/{posted['ts']}")
    picture = page.get_by_role("img", name="Visitors waited 0.2 seconds at most.")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    async with page.expect_download() as download:
        await page.get_by_role("link", name="What npm said").press("Enter")
    assert (await download.value).suggested_filename == "npm.txt"
    await expect(page.get_by_role("group", name="Beginning of What npm said")).to_contain_text(
        "added 1 package"
    )
    await has_no_barrier(page)


async def test_what_is_new_is_read_out_once_and_not_what_is_redrawn(team: Team, windows: Windows) -> None:
    page = await windows.open("ann")
    # Everything that would be read out, in its order.
    await page.evaluate(
        """window.heard = [];
        for (const place of document.querySelectorAll("[aria-live=polite], [aria-live=assertive]"))
          new MutationObserver((all) => {
            for (const one of all) heard.push(...[...one.addedNodes].map((node) => node.textContent));
          }).observe(place, { childList: true, subtree: true });"""
    )
    await team.types("ben", "Anything against it?")
    release = await team.starts_upgrade()
    await team.records.step(release.id, Step.PREFLIGHT, StepState.RUNNING, "")
    await expect(page.get_by_text("step 1 of")).to_be_visible()
    await team.records.step(release.id, Step.PREFLIGHT, StepState.DONE, "all is well")
    await expect(page.locator("summary", has_text="1 of 19 steps done")).to_be_visible()
    await team.types("ben", "It runs.")
    await expect(page.get_by_role("article").filter(has_text="It runs.")).to_be_visible()
    heard = [text for text in await page.evaluate("heard") if text]
    assert heard[0] == "Ben Okafor: Anything against it?"
    assert heard[-1] == "Ben Okafor: It runs."
    between = heard[1:-1]
    assert [text for text in between if text.startswith("ghostbot: ") and "Upgrade blog" in text]
    assert len(between) == len(set(between)) <= 2, "the answer to ann and the release, each of them once"


async def test_nothing_turns_or_slides_for_who_does_not_want_it(team: Team, windows: Windows) -> None:
    release = await team.starts_upgrade()
    await team.records.step(release.id, Step.PREFLIGHT, StepState.RUNNING, "")
    for wish, moves in (("no-preference", True), ("reduce", False)):
        page = await windows.open("ann", reduced_motion=wish)
        await expect(page.get_by_text("step 1 of")).to_be_visible()
        await page.locator("summary").click()
        # A button that was pressed and waits for its answer.
        await page.get_by_role("button", name="Cancel").evaluate(
            "node => node.setAttribute('aria-busy', 'true')"
        )
        running = await page.evaluate(
            "document.getAnimations().filter((one) => one.playState === 'running').length"
        )
        assert (running > 0) is moves
