"""A real blog with all that a blog can have beside its database: below a path, with routes, redirects and an adapter.

One upgrade of real Ghost, and the way back. Minutes.
"""

import shutil
from pathlib import Path

import httpx
import pytest

from demo.stages import put_on_stage, real_opening, settings_of
from demo.tiny.seed import picture
from demo.world import SiteInDemo, World, open_world
from release.ghost.admin_api import admin_token
from release.ghost.cache import default_cache_folder
from release.model import State
from release.warm_up import WARM_UP_PATH
from tests.stories.team import Team

SITE, BELOW = "harbour", "/blog"
OLD, NEW = "6.50.0", "6.65.0"
ADAPTER = Path(__file__).parent / "extras" / "shelf.js"
REDIRECTS = "302:\n  /yesterday/: /stories/morning-1-at-the-quay/\n"
ROUTES = """\
routes: {}
collections:
  /:
    permalink: /stories/{slug}/
    template: index
taxonomies:
  tag: /tag/{slug}/
  author: /author/{slug}/
"""
OPTIONS = {"close_writes": True, "watch_seconds": 1, "probe_rate": 2}


@pytest.mark.ghost
@pytest.mark.timeout(1500)
async def test_a_blog_below_a_path_keeps_its_routes_its_redirects_and_its_adapter(tmp_path: Path) -> None:
    cache = default_cache_folder()
    async with (
        real_opening(OLD, NEW, cache, lambda _: None) as opening,
        open_world(tmp_path, {opening.node_major: opening.node}, swap_seconds=4) as world,
    ):
        key = await put_on_stage(world, opening, SITE)
        await _gets_extras(world)
        team = Team(world, opening)
        world.configure([SiteInDemo(SITE, key, OPTIONS)], cache_folder=str(cache))
        await world.start_bot()
        try:
            image = await _uploads(world, key, "über den Hafen #1 + 50%.png")
            await _is_as_it_was(world, image)
            await team.types("ann", f"/ghost upgrade {NEW} {SITE}")
            await team.reaches(SITE, State.AWAITING_APPROVAL, seconds=400)
            card = await team.card(SITE, NEW)
            assert f"{await world.url(SITE, 'staging')}{BELOW}" in str(card)
            await _is_as_it_was(world, image, "staging")

            await team.clicks("ben", card, "Approve")
            release = await team.reaches(SITE, State.LIVE, seconds=300)
            assert await world.version(SITE) == NEW
            await _is_as_it_was(world, image)
            await _is_as_it_was(world, await _uploads(world, key, "after.png"))
            assert release.facts.probe is not None
            assert release.facts.probe.failed == 0
            assert release.facts.writes_closed_at is not None

            await team.rolls_back(SITE)
            await team.reaches(SITE, State.ROLLED_BACK, seconds=200, after=release)
            await _is_as_it_was(world, image)
        finally:
            team.close()


async def _gets_extras(world: World) -> None:
    """Production moves below the path, and gets routes, redirects and an adapter; staging has settings only."""
    content = await world.wwwroot(SITE) / "content"
    (content / "settings" / "routes.yaml").write_text(ROUTES)
    (content / "data" / "redirects.yaml").write_text(REDIRECTS)
    adapter = content / "adapters" / "storage" / "shelf" / "index.js"
    adapter.parent.mkdir(parents=True)
    shutil.copyfile(ADAPTER, adapter)
    settings = {}
    for slot in ("production", "staging"):
        own = await settings_of(world, SITE, slot)
        settings[slot] = own | {
            "url": own["url"] + BELOW,
            WARM_UP_PATH: f"{BELOW}/",
            "storage__active": "shelf",
            "storage__shelf__label": "ours",
        }
    await world.put_site(
        SITE,
        production={"settings": settings["production"]},
        slots={"staging": {"settings": settings["staging"]}},
    )
    await world.wait_until_well(SITE, page=f"{BELOW}/")


async def _uploads(world: World, key: str, name: str) -> str:
    """An image, as an editor uploads it to production; returns its path."""
    answer = await world.http.post(
        f"{await world.url(SITE)}{BELOW}/ghost/api/admin/images/upload/",
        headers={"Authorization": f"Ghost {admin_token(key)}"},
        files={"file": (name, picture(7, 640, 400), "image/png")},
        data={"purpose": "image"},
    )
    assert answer.status_code == 201, answer.text
    return httpx.URL(answer.json()["images"][0]["url"]).raw_path.decode().removeprefix(BELOW)


async def _is_as_it_was(world: World, image: str, slot: str = "production") -> None:
    """Front page, post, redirect and image of the slot, all of them below the path."""
    url = await world.url(SITE, slot)
    answers = {
        path: await world.http.get(url + path, follow_redirects=False)
        for path in (f"{BELOW}/", f"{BELOW}/stories/morning-1-at-the-quay/", f"{BELOW}/yesterday/", "/")
    }
    assert [answer.status_code for answer in answers.values()] == [200, 200, 302, 404]
    assert answers[f"{BELOW}/yesterday/"].headers["Location"] == f"{BELOW}/stories/morning-1-at-the-quay/"
    served = await world.http.get(f"{url}{BELOW}{image}")
    assert (served.status_code, served.headers.get("X-Shelf")) == (200, "ours")
