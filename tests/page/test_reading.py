"""Reading along: who is at the end stays there, and who looks at something earlier is left where they are."""

import io
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import expect

from tests.page.conftest import Windows
from tests.sandbox.slack_fixtures import Bots, Hands

Json = dict[str, Any]  # Any: what Slack takes
pytestmark = pytest.mark.browser


def a_picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (480, 360), "teal").save(file, "PNG")
    return file.getvalue()


async def test_the_end_of_a_thread_stays_in_sight_when_its_pictures_come(
    hands: Hands, bots: Bots, windows: Windows
) -> None:
    client = bots.client()
    posted = await client.chat_postMessage(channel="#releases", text="Release")
    place: Json = {"channel": str(posted["channel"]), "thread_ts": str(posted["ts"])}
    for number in range(3):
        title = f"Page {number}"
        await client.files_upload_v2(**place, file=a_picture(), filename="page.png", title=title)
    await client.chat_postMessage(**place, text="All pages look as before")
    page = await windows.open("ann", f"{posted['channel']}/{posted['ts']}", height=500)
    picture = page.get_by_role("img", name="Page 2")
    await expect(picture).to_have_js_property("complete", value=True)
    await expect(picture).to_have_js_property("naturalWidth", 480)
    await expect(page.get_by_text("All pages look as before").last).to_be_in_viewport(ratio=1)


async def test_who_reads_something_earlier_is_left_there(hands: Hands, bots: Bots, windows: Windows) -> None:
    for number in range(40):
        await hands.types("ben", f"message {number}")
    page = await windows.open("ann", height=500)
    first = page.get_by_text("message 0", exact=True)
    await first.scroll_into_view_if_needed()
    await hands.types("ben", "something new")
    await expect(page.locator("#log").get_by_text("something new")).to_be_attached()
    await expect(first).to_be_in_viewport(ratio=1)
    await page.get_by_role("combobox", name="Message #releases").fill("I answer")
    await page.keyboard.press("Enter")
    await expect(page.locator("#log").get_by_text("I answer")).to_be_in_viewport(ratio=1)
