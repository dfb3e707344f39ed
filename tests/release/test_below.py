"""A blog below a path of its address (https://example.com/blog): looked for there, and nowhere else."""

import asyncio
from dataclasses import replace

import pytest

from demo.tiny.seed import Seeded
from release.below import PathsDiffer, below_one_path
from release.preflight import preflight_swap
from release.shape import Expected
from release.site import PRODUCTION, path_of
from release.smoke import SmokeTestFailed, smoke_test
from release.staging import start_and_warm
from release.swap import put_live
from release.warm_up import WARM_UP_PATH
from tests.release.conftest import NEW, Cloud
from tests.release.test_put_live import CHANGE, Thread


async def moves_below(cloud: Cloud, path: str, *slots: str) -> None:
    """The slots' blogs answer below this path only, and a swap warms them up there."""
    for slot in slots:
        cloud.settings(slot).update({"url": cloud.address(slot) + path, WARM_UP_PATH: f"{path}/"})
        await cloud.service.cloud.sites["blog"].slots[slot].restart()


@pytest.fixture
async def below(staged: Cloud) -> Cloud:
    await moves_below(staged, "/blog", PRODUCTION, "staging")
    await asyncio.gather(*(start_and_warm(staged.site, slot) for slot in (PRODUCTION, "staging")))
    return staged


async def test_every_look_at_a_blog_is_below_its_path(below: Cloud, new: Seeded) -> None:
    site = below.site_with(admin_key=new.admin_key)
    assert (await below.http.get(below.address() + "/")).status_code == 404
    assert await site.answers(PRODUCTION)
    pages = await smoke_test(site, "staging", Expected(NEW, posts=17, members=20))
    assert {"a post", "an image", "feed", "admin"} <= {page.what for page in pages}
    assert not [page.path for page in pages if "/blog" in page.path]
    assert all(page.ok for page in pages)


async def test_it_goes_live_and_no_visitor_below_the_path_notices(below: Cloud) -> None:
    await preflight_swap(below.site)
    _, seen = await put_live(below.site, CHANGE, thread := Thread(), thread.step, preview=True)
    assert (await below.site.version(PRODUCTION), seen.failed) == (NEW, 0)
    assert await below.asked("/blog/rss/", "GET") > 0


async def test_a_new_version_that_answers_at_the_root_fails_its_smoke_test(below: Cloud) -> None:
    below.settings("staging")["url"] = below.address("staging")
    await below.service.cloud.sites["blog"].slots["staging"].restart()
    await below.is_well("staging")
    with pytest.raises(SmokeTestFailed, match=r"front page \(/\) answers 404"):
        await smoke_test(below.site, "staging", Expected(NEW))


async def test_slots_below_different_paths_are_named_before_anything_is_touched(laid_out: Cloud) -> None:
    laid_out.settings(PRODUCTION)["url"] = laid_out.address() + "/blog/"
    with pytest.raises(PathsDiffer, match="below /blog in production and below / on staging") as told:
        await preflight_swap(laid_out.site)
    assert f"url={laid_out.address('staging')}/blog" in told.value.advice


async def test_a_path_that_moves_is_known_to_the_next_release(laid_out: Cloud) -> None:
    assert await laid_out.site.url(PRODUCTION) == laid_out.address()
    for slot in (PRODUCTION, "staging"):
        laid_out.settings(slot)["url"] = laid_out.address(slot) + "/news/blog"
    await below_one_path(laid_out.site)
    assert await laid_out.site.url("staging") == laid_out.address("staging") + "/news/blog"


async def test_what_the_operator_says_of_the_path_counts(laid_out: Cloud) -> None:
    for slot in (PRODUCTION, "staging"):
        laid_out.settings(slot).pop("url")
    site = laid_out.site_with(path="/blog")
    await below_one_path(site)
    assert await site.url(PRODUCTION) == laid_out.address() + "/blog"


async def test_a_site_without_an_address_of_its_own_is_at_the_root(laid_out: Cloud) -> None:
    laid_out.settings(PRODUCTION)["url"] = laid_out.address() + "/v2"
    site = laid_out.site
    site.shape = replace(site.shape, address_setting=None)
    await below_one_path(site)
    assert await site.url(PRODUCTION) == laid_out.address()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://example.com/blog", "/blog"),
        ("https://example.com/a/b/", "/a/b"),
        ("https://example.com", ""),
        ("@Microsoft.KeyVault(SecretUri=https://vault.example.net/secrets/url/)", ""),
        ("https://[broken/blog", ""),
        ("", ""),
    ],
)
def test_the_path_of_an_address(url: str, path: str) -> None:
    assert path_of(url) == path
