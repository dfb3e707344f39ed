"""What differs between the slots, looked at whenever somebody wants to know."""

from release.difference import MOST_PAGES, compare_pages, compare_slots, looks
from release.model import PageDiffers, PageSeen
from release.site import PRODUCTION
from tests.release.conftest import Cloud


async def test_settings_are_told_by_name_and_whether_a_swap_takes_them_along(staged: Cloud) -> None:
    here, there = staged.settings(PRODUCTION), staged.settings("staging")
    here["NEWSLETTER"], there["NEWSLETTER"] = "rosebud-1", "rosebud-2"
    here["ONLY_HERE"] = there["ONLY_THERE"] = "rosebud"
    compared = await compare_slots(staged.site)
    found = {one.name: (one.on_production, one.on_staging, one.goes) for one in compared.settings}
    assert found["NEWSLETTER"] == (True, True, True)
    assert found["ONLY_HERE"] == (True, False, True)
    assert found["ONLY_THERE"] == (False, True, True)
    assert found["url"][2] is False, "it stays with its slot"
    assert "rosebud" not in repr(compared)


async def test_pages_of_both_slots_are_seen_side_by_side(staged: Cloud) -> None:
    compared = await compare_slots(staged.site)
    assert compared.staging_runs
    pages = {page.path: page for page in compared.pages}
    assert 3 < len(pages) <= MOST_PAGES
    front = pages["/"]
    assert (front.production.status, front.staging.status) == ("200", "200")
    assert front.production.size > 0
    assert front.production.title
    await staged.answers(host="site", slot="blog/staging", path="^/$", status=503, count=1)
    again = {page.path: page for page in (await compare_slots(staged.site)).pages}
    assert again["/"].staging.status == "503"
    assert again["/"].differs


async def test_the_card_knows_which_pages_a_visitor_would_find_changed(staged: Cloud) -> None:
    before = looks(await compare_pages(staged.site))
    assert 3 < before.compared <= MOST_PAGES
    await staged.answers(host="site", slot="blog/staging", path="^/$", status=503, count=1)
    seen = looks(await compare_pages(staged.site))
    assert seen.differing == before.differing + 1
    front = next(page for page in seen.different if page.path == "/")
    assert (front.production.status, front.staging.status) == ("200", "503")


async def test_a_stopped_staging_has_no_pages(staged: Cloud) -> None:
    await staged.site.app.stop("staging")
    compared = await compare_slots(staged.site)
    assert (compared.pages, compared.staging_runs) == ((), False)


def test_what_a_visitor_would_not_notice_is_no_difference() -> None:
    def page(size: int, title: str = "Blog", status: str = "200") -> PageSeen:
        return PageSeen(status, title, size, 20)

    assert not PageDiffers("/", page(10_000), page(10_900)).differs
    assert PageDiffers("/", page(10_000), page(15_000)).differs
    assert PageDiffers("/", page(10_000), page(10_000, "Other")).differs
    assert PageDiffers("/", page(10_000), page(10_000, status="404")).differs
