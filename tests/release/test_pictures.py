"""Pictures of both slots, by a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image

from demo.chromium import find_chromium
from release.ghost.errors import CommandFailed
from release.pictures import Camera, NoBrowser, View, found_browser, views_of
from release.site import PRODUCTION
from tests.release.conftest import Cloud

pytestmark = pytest.mark.browser

FRONT = View("page-0", "Front page", "/")
PAGE = """<!doctype html><title>{title}</title><body style="background:{colour};height:2000px">
<script>fetch("/count", {{method: "POST"}})</script>"""


class House:
    """A site whose production is red and whose staging is blue."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.address = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        if request.path.endswith("/elsewhere"):
            raise web.HTTPFound(self.address.replace("127.0.0.1", "localhost") + "/production/")
        staging = request.path.startswith("/staging")
        page = PAGE.format(title="New & shiny" if staging else "Old", colour="#00f" if staging else "#f00")
        return web.Response(text=page, content_type="text/html")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", house.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    house.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield house
    await runner.cleanup()


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return Camera(find_chromium(), tmp_path / "pictures")


async def test_production_is_on_the_left_and_staging_on_the_right(
    house: House, camera: Camera, tmp_path: Path
) -> None:
    before, after = (
        ("Production, 1.0", f"{house.address}/production"),
        ("Staging, 2.0", f"{house.address}/staging"),
    )
    (picture,) = await camera.take((FRONT,), before, after)
    path = tmp_path / "taken.jpg"
    path.write_bytes(picture.content or b"")
    with Image.open(path) as image:
        width, height = image.size
        left, right = (image.getpixel((width * part // 4, height // 2)) for part in (1, 3))
    assert 1000 < width < 1600
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert (left[0] > 200, left[2] < 60) == (True, True), "red"
    assert (right[2] > 200, right[0] < 60) == (True, True), "blue"
    assert picture.title == "Front page"
    assert "Production, 1.0 is titled “Old”; Staging, 2.0 is titled “New & shiny”" in picture.alt_text
    assert "100 %" in picture.alt_text
    assert not [asked for asked in house.asked if asked.startswith("POST")], (
        "nobody was there, so nobody is counted"
    )
    assert not list((tmp_path / "pictures").iterdir()), "nothing is left"


async def test_a_page_that_cannot_be_had_costs_only_its_own_picture(house: House, camera: Camera) -> None:
    nobody = ("Production, 1.0", "http://127.0.0.1:9")
    assert await camera.take((FRONT,), nobody, ("Staging, 2.0", house.address)) == ()


async def test_a_page_that_leads_elsewhere_is_told(house: House, camera: Camera) -> None:
    here = f"{house.address}/production"
    views = (FRONT, View("page-1", "A post", "/elsewhere"))
    pictures = await camera.take(
        views, ("Production, 1.0", here), ("Staging, 2.0", f"{house.address}/staging")
    )
    assert "leads to" not in pictures[0].alt_text
    assert f"(leads to localhost:{house.address.rpartition(':')[2]})" in pictures[1].alt_text


async def test_a_browser_that_does_not_start_is_an_error_in_words(house: House, tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(CommandFailed, match="a browser takes pictures"):
        await Camera(broken, tmp_path / "work").take((FRONT,), ("P", house.address), ("S", house.address))
    assert not list((tmp_path / "work").iterdir())


def test_a_browser_is_found_as_the_setting_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_browser("none") is None
    with pytest.raises(NoBrowser, match="no program"):
        found_browser(str(tmp_path / "none of that name"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBrowser, match="on PATH"):
        found_browser("auto")
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert found_browser("auto") == program
    assert found_browser(str(program)) == program


async def test_of_a_blog_the_front_page_and_a_post_are_pictured(staged: Cloud, camera: Camera) -> None:
    here, there = [await staged.site.url(slot) for slot in (PRODUCTION, "staging")]
    views = await views_of(staged.site, here)
    assert [view.title for view in views] == ["Front page", "A post"]
    pictures = await camera.take(views, ("Production", here), ("Staging", there))
    assert [picture.title for picture in pictures] == ["Front page", "A post"]
