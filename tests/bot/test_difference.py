"""What people read of a comparison: by name, with words and not colours alone, and never a value."""

from bot.render.approval import looks_line
from bot.render.difference import difference
from release.difference import SettingDiffers, SlotsCompared
from release.model import Looks, PageDiffers, PageSeen
from tests.bot.limits import assert_slack_takes

WELL = PageSeen("200", "Our blog", 10_000, 25)


def test_settings_and_pages_are_told_and_fit_into_slack() -> None:
    settings = (
        SettingDiffers("NEWSLETTER", on_production=True, on_staging=True, goes=True),
        SettingDiffers("ONLY_<HERE>", on_production=True, on_staging=False, goes=True),
        SettingDiffers("url", on_production=True, on_staging=True, goes=False),
        *(SettingDiffers(f"SETTING_{number}", True, True, goes=True) for number in range(200)),
    )
    pages = (PageDiffers("/", WELL, PageSeen("500", "Error", 90, 3)), PageDiffers("/about/", WELL, WELL))
    told = difference(SlotsCompared("blog", settings, pages, staging_runs=True))
    assert_slack_takes(told)
    assert "With a swap these go into production: `NEWSLETTER`" in told.text
    assert "`ONLY_&lt;HERE&gt;` (production only)" in told.text
    assert "stay with their slots: `url`" in told.text
    assert "1 of 2 pages differ: /" in told.text


def test_no_difference_and_a_stopped_staging_are_said_in_words() -> None:
    told = difference(SlotsCompared("blog", (), (PageDiffers("/", WELL, WELL),), staging_runs=True))
    assert "No setting differs" in told.text
    assert "All 1 pages look the same" in told.text
    stopped = difference(SlotsCompared("blog", (), (), staging_runs=False))
    assert "Staging is stopped" in stopped.text


def test_the_card_names_what_a_visitor_would_find_changed() -> None:
    assert looks_line(None) == ""
    assert "All 12 compared" in looks_line(Looks(12, (), 0))
    lost = PageDiffers("/about/", WELL, PageSeen("404", "Not <found>", 900, 3))
    told = looks_line(Looks(12, (lost,), 3))
    assert "3 of 12 compared look different" in told
    assert "`/about/`: 200 “Our blog”, 10.0 kB becomes 404 “Not &lt;found&gt;”" in told
    assert "and 2 more" in told
