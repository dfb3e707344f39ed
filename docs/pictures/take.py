"""Take the pictures of README.md: `python -m docs.pictures.take`, from the top of the checkout.

The same world as `ghostbot demo --tiny`; a real browser looks at the local Slack's page while it runs.
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page
from rich.console import Console

from demo.stages import TINY, put_on_stage, tiny_opening
from demo.world import SiteInDemo, World, open_world
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
    """The pictures are in this folder: approval.png, live.png, home.png."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="ghostbot-pictures-") as folder:
        async with tiny_opening(*TINY, default_cache_folder(), console.print) as opening:
            nodes = {opening.node_major: opening.node}
            async with open_world(Path(folder), nodes) as world, open_browser() as browser:
                admin_key = await put_on_stage(world, opening, SITE)
                more = {"cache_folder": str(opening.cache), "npm_registry": opening.registry}
                world.configure([SiteInDemo(SITE, admin_key)], **more)
                await world.start_bot()
                await _story(world, browser, opening.after)


async def _story(world: World, browser: Browser, version: str) -> None:
    """Ann asks for the upgrade and ben approves it; a picture at each turn."""
    await world.slack_does("type", **{"as": "ann", "channel": CHANNEL, "text": f"/ghost upgrade {version}"})
    card = await _picture_of_thread(world, browser, "Approve", "approval.png", 1160)
    await _picture_of_home(world, browser)
    click = {"as": "ben", "channel": CHANNEL, "ts": card["ts"], "text": "Approve", "confirm": True}
    await world.slack_does("click", **click)
    # The message on top of the thread is the last to say that the release is live.
    await world.slack_does("wait", **{"as": "ben", "channel": CHANNEL, "regex": r"Live: ", "timeout": 60})
    await _picture_of_thread(world, browser, "Rollback", "live.png", 900)


async def _picture_of_thread(
    world: World, browser: Browser, button: str, name: str, height: int
) -> dict[str, object]:
    """The thread in which a message with this button is, as ben sees it, scrolled to that message."""
    wish = {"as": "ben", "channel": CHANNEL, "regex": ".", "button": button, "timeout": 60}
    message = await world.slack_does("wait", **wish)
    page = await _page(world, browser, f"#/ben/{message['channel']}/{message['thread_ts']}", height)
    pressed = page.locator("#thread").get_by_role("button", name=button).last
    await pressed.wait_for()
    await pressed.scroll_into_view_if_needed()
    await page.screenshot(path=FOLDER / name)
    await page.close()
    return message


async def _picture_of_home(world: World, browser: Browser) -> None:
    page = await _page(world, browser, "#/ben/@ghostbot", 520)
    await page.get_by_role("tab", name="Home").click()
    await page.get_by_text("Sites").first.wait_for()
    await page.screenshot(path=FOLDER / "home.png")
    await page.close()


async def _page(world: World, browser: Browser, place: str, height: int) -> Page:
    page = await browser.new_page(viewport={"width": WIDTH, "height": height}, device_scale_factor=SCALE)
    await page.goto(world.slack["page"] + place)
    return page


if __name__ == "__main__":
    asyncio.run(take())
