"""Take the pictures of the docs: `make screenshots`, from the top of the checkout.

The same world as `ghostbot demo --tiny`; a real browser looks at the local Slack's page while it runs.
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page
from rich.console import Console

from demo.chromium import find_chromium
from demo.notes import NOTES
from demo.stages import TINY, put_on_stage, tiny_opening
from demo.world import SiteInDemo, World, open_world
from docs.pictures.emoji import use_emoji
from release.ghost.cache import default_cache_folder
from tests.browser import open_browser

FOLDER = Path(__file__).parent
SITE = "blog"
CHANNEL = "releases"
# So wide that the page shows a thread beside the channels and nothing else.
WIDTH = 960
# Sharp on a screen with more pixels, without a picture that takes long to load.
SCALE = 1.5


async def take() -> None:
    """The pictures are in this folder."""
    console = Console()
    if not use_emoji():
        console.print("no font with emoji: the pictures have boxes in their place")
    with tempfile.TemporaryDirectory(prefix="ghostbot-pictures-") as folder:
        async with tiny_opening(*TINY, default_cache_folder(), console.print) as opening:
            nodes = {opening.node_major: opening.node}
            async with open_world(Path(folder), nodes) as world, open_browser() as browser:
                admin_key = await put_on_stage(world, opening, SITE)
                more = {
                    "cache_folder": str(opening.cache),
                    "npm_registry": opening.registry,
                    "browser": str(find_chromium()),
                }
                world.configure([SiteInDemo(SITE, admin_key)], **more)
                await world.publish_notes(NOTES)
                await world.start_bot()
                await _story(world, browser, opening.after)


async def _story(world: World, browser: Browser, version: str) -> None:
    """A day of ann and ben: an upgrade with all its questions, a freeze, something for later, and the way back."""

    async def types(who: str, text: str) -> None:
        await world.slack_does("type", **{"as": who, "channel": CHANNEL, "text": text})

    await world.slack_does("wait", **{"as": "ann", "channel": CHANNEL, "regex": "is out", "timeout": 30})
    await _picture_of_channel(world, browser, "notice.png", "ann", 640)
    await types("ann", f"/ghost upgrade {version}")
    await world.slack_does(
        "wait", **{"as": "ben", "channel": CHANNEL, "regex": r"step \d+ of", "timeout": 60}
    )
    await _picture_of_channel(world, browser, "staging.png", "ben", 620)
    await world.slack_does(
        "wait",
        **{"as": "ben", "channel": CHANNEL, "regex": "look the same", "button": "Approve", "timeout": 90},
    )
    card = await _picture_of_thread(world, browser, "Approve", "approval.png", 1160)
    await _pictures_of_questions(world, browser, card)
    await _picture_of_home(world, browser)

    await types("ann", "/ghost freeze until tomorrow 6:00 the annual sale")
    await types("ben", "/ghost backup blog")
    await world.slack_does(
        "wait", **{"as": "ben", "channel": CHANNEL, "regex": "is busy with", "timeout": 30}
    )
    await types("ben", "/ghost status")
    await world.slack_does("wait", **{"as": "ben", "channel": CHANNEL, "regex": "Last backup", "timeout": 30})
    await _picture_of_channel(world, browser, "frozen.png", "ben", 900)
    await types("ann", "/ghost unfreeze")
    await types("ann", "/ghost backup blog tomorrow 6:00")
    await world.slack_does("wait", **{"as": "ann", "channel": CHANNEL, "regex": "begins", "timeout": 30})
    await types("ann", "/ghost scheduled")
    await world.slack_does(
        "wait", **{"as": "ann", "channel": CHANNEL, "regex": r"\*Scheduled\*", "timeout": 30}
    )
    await _picture_of_channel(world, browser, "scheduled.png", "ann", 760)

    click = {"as": "ben", "channel": CHANNEL, "ts": card["ts"], "text": "Approve", "confirm": True}
    await world.slack_does("click", **click)
    # The message on top of the thread is the last to say that the release is live.
    await world.slack_does("wait", **{"as": "ben", "channel": CHANNEL, "regex": r"Live: ", "timeout": 60})
    await world.slack_does(
        "wait", **{"as": "ben", "channel": CHANNEL, "regex": "How long visitors waited", "timeout": 60}
    )
    await _picture_of_thread(world, browser, "Rollback", "live.png", 1240, end=True)

    live = await world.slack_does(
        "wait", **{"as": "ann", "channel": CHANNEL, "regex": ".", "button": "Rollback"}
    )
    back = {"as": "ann", "channel": CHANNEL, "ts": live["ts"], "text": "Rollback", "confirm": True}
    await world.slack_does("click", **back)
    # The message on top has the button, too, and sooner than the question that tells the price.
    await world.slack_does(
        "wait",
        **{"as": "ben", "channel": CHANNEL, "regex": "The price", "button": "Roll back", "timeout": 60},
    )
    question = await _picture_of_thread(world, browser, "Roll back", "rollback.png", 900)
    yes = {"as": "ann", "channel": CHANNEL, "ts": question["ts"], "text": "Roll back", "confirm": True}
    await world.slack_does("click", **yes)
    await world.slack_does("wait", **{"as": "ben", "channel": CHANNEL, "regex": "is back on", "timeout": 60})
    await world.slack_does(
        "wait", **{"as": "ben", "channel": CHANNEL, "regex": "Rolled back: blog runs", "timeout": 60}
    )
    await _picture_of_channel(world, browser, "narrow.png", "ben", 760, width=420)


async def _pictures_of_questions(world: World, browser: Browser, card: dict[str, object]) -> None:
    """What is asked before an approval, and before a rejection; neither is answered."""
    page = await _page(world, browser, f"#/ben/{card['channel']}/{card['thread_ts']}", 620)
    thread = page.locator("#thread")
    await thread.get_by_role("button", name="Approve", exact=True).last.click()
    await page.get_by_role("dialog").wait_for()
    await page.screenshot(path=FOLDER / "confirm.png")
    await page.keyboard.press("Escape")
    await thread.get_by_role("button", name="Reject", exact=True).last.click()
    await page.get_by_text("Why not?").wait_for()
    await page.screenshot(path=FOLDER / "reject.png")
    await page.close()
    await world.slack_does("close", **{"as": "ben"})


async def _picture_of_channel(
    world: World, browser: Browser, name: str, reader: str, height: int, width: int = WIDTH
) -> None:
    """The channel as somebody sees it now, scrolled to its end."""
    channel = world.slack["channels"][CHANNEL] if "channels" in world.slack else CHANNEL
    page = await _page(world, browser, f"#/{reader}/{channel}", height, width)
    await page.get_by_role("article").last.wait_for()
    await page.screenshot(path=FOLDER / name)
    await page.close()


async def _picture_of_thread(
    world: World, browser: Browser, button: str, name: str, height: int, *, end: bool = False
) -> dict[str, object]:
    """The thread in which a message with this button is, as ben sees it, scrolled to that message."""
    wish = {"as": "ben", "channel": CHANNEL, "regex": ".", "button": button, "timeout": 60}
    message = await world.slack_does("wait", **wish)
    page = await _page(world, browser, f"#/ben/{message['channel']}/{message['thread_ts']}", height)
    pressed = page.locator("#thread").get_by_role("button", name=button).last
    await pressed.wait_for()
    last = page.locator("#thread").get_by_role("img").last if end else pressed
    await last.scroll_into_view_if_needed()
    await page.screenshot(path=FOLDER / name)
    await page.close()
    return message


async def _picture_of_home(world: World, browser: Browser) -> None:
    page = await _page(world, browser, "#/ben/@ghostbot", 520)
    await page.get_by_role("tab", name="Home").click()
    await page.get_by_text("Sites").first.wait_for()
    await page.screenshot(path=FOLDER / "home.png")
    await page.close()


async def _page(world: World, browser: Browser, place: str, height: int, width: int = WIDTH) -> Page:
    page = await browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=SCALE)
    await page.goto(world.slack["page"] + place)
    return page


if __name__ == "__main__":
    asyncio.run(take())
