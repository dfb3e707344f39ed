"""A real browser that takes pictures of pages, in a process of its own: `python -m release.camera WISH.json`.

Pages run foreign code, and a browser takes a few hundred megabytes: neither belongs into the bot's process. The wish
is what `release.pictures` writes; the answer, JSON on standard output, is a list of the pictures that were taken.
"""

import base64
import html
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, ImageChops
from playwright.sync_api import Browser, Error, Page, Route, sync_playwright

WIDTH, HEIGHT = 1024, 720
SHOWN = 600
"""Pixels across of each page in the picture: two of them side by side."""
QUALITY = 82
PAGE_SECONDS = 15
QUIET_SECONDS = 3
"""A page that goes on loading (a feed, a video) is taken as it is after this long."""
# Built for containers where the bot runs: no zygote, no GPU, no set-uid sandbox, and little shared memory.
FLAGS = ("--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage")
_NOTICED = 24  # of 255: what is less is how a letter's edge was drawn
_COMPARED = (320, 225)
_FRAME = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 12px; background: #fff; font: 600 17px sans-serif; color: #1d1c1d; width: {width}px }}
main {{ display: flex; gap: 12px }} figure {{ margin: 0; width: {shown}px }}
figcaption {{ padding: 0 0 8px }} img {{ width: 100%; border: 1px solid #999; box-sizing: border-box; display: block }}
</style><main>{figures}</main>"""
_FIGURE = '<figure><figcaption>{0}</figcaption><img src="data:image/png;base64,{1}"></figure>'


@dataclass(frozen=True)
class _Shot:
    title: str
    elsewhere: str  # the host that the page led to, where that is another one
    png: bytes


def main(wish: dict[str, Any]) -> list[dict[str, str]]:  # Any: JSON
    """Take what can be taken; each picture that was is in the wish's folder, under its name."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=wish["browser"], args=list(FLAGS))
        try:
            return list(_pictures(browser, wish))
        finally:
            browser.close()


def _pictures(browser: Browser, wish: dict[str, Any]) -> Iterator[dict[str, str]]:
    for view in wish["views"]:
        try:
            shots = [_shot(browser, address) for address in view["addresses"]]
            path = Path(wish["folder"]) / f"{view['name']}.jpg"
            path.write_bytes(_side_by_side(browser, wish["labels"], shots))
        except Error as error:
            sys.stderr.write(f"{view['title']}: {error.message}\n")
            continue
        yield {"name": view["name"], "title": view["title"], "alt_text": _in_words(wish["labels"], shots)}


def _shot(browser: Browser, address: str) -> _Shot:
    """One page as a visitor sees it who was never there before."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
    try:
        # What a page reports about its visitors is not sent: nobody was there.
        page.route("**/*", _only_reading)
        page.goto(address, timeout=PAGE_SECONDS * 1000)
        _wait_until_quiet(page)
        png = page.screenshot(animations="disabled", caret="hide")
        host = urlsplit(page.url).netloc
        return _Shot(page.title(), "" if host == urlsplit(address).netloc else host, png)
    finally:
        page.close()


def _only_reading(route: Route) -> None:
    if route.request.method in ("GET", "HEAD"):
        route.continue_()
    else:
        route.abort()


def _wait_until_quiet(page: Page) -> None:
    try:
        page.wait_for_load_state("networkidle", timeout=QUIET_SECONDS * 1000)
    except Error:
        return


def _side_by_side(browser: Browser, labels: list[str], shots: list[_Shot]) -> bytes:
    figures = "".join(
        _FIGURE.format(html.escape(_caption(label, shot)), base64.b64encode(shot.png).decode())
        for label, shot in zip(labels, shots, strict=True)
    )
    page = browser.new_page(viewport={"width": 2 * SHOWN + 36, "height": 100})
    try:
        page.set_content(_FRAME.format(width=2 * SHOWN + 12, shown=SHOWN, figures=figures))
        return page.screenshot(full_page=True, type="jpeg", quality=QUALITY)
    finally:
        page.close()


def _caption(label: str, shot: _Shot) -> str:
    return f"{label} (leads to {shot.elsewhere})" if shot.elsewhere else label


def _in_words(labels: list[str], shots: list[_Shot]) -> str:
    shown = [
        f"{_caption(label, shot)} is titled “{shot.title}”" for label, shot in zip(labels, shots, strict=True)
    ]
    return f"{'; '.join(shown)}. {_difference(*shots)}"


def _difference(before: _Shot, after: _Shot) -> str:
    both = [Image.open(BytesIO(shot.png)).convert("L").resize(_COMPARED) for shot in (before, after)]
    counts = ImageChops.difference(*both).histogram()
    part = sum(counts[_NOTICED:]) / sum(counts)
    if part == 0:
        return "They look the same."
    return f"They differ in {'less than 1' if part < 0.01 else round(part * 100)} % of the picture."


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))
