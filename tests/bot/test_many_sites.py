"""Two hundred sites: what is bad or behind is told, and what is left out is said to be."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from bot.render.checked import checked
from bot.render.home import Seen, home_view
from bot.render.message import Message, whole
from bot.render.notice import reminded, version_notice
from bot.render.replies import reply
from commands.command import StatusReply, VersionsReply
from release.checking import Finding, Outcome, SiteChecked
from release.model import Kind, Release, SiteStatus, SiteVersions, SlotStatus, State, Versions
from tests.bot.limits import assert_slack_takes

NAMES = [f"site-{number}" for number in range(200)]
SLOT = SlotStatus("production", "running", "6.40.0", "https://blog.example.net", healthy=True)
WELL = Finding(Outcome.GOOD, "Azure lets the bot in")
WRONG = Finding(Outcome.PROBLEM, "There is no slot staging", "Make one, then check again.")
NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def whole_lines_and_the_rest(told: Message, named: int, all_of_them: int = len(NAMES)) -> None:
    assert_slack_takes(told)
    for shown in (told.text, str(told.blocks)):
        left = re.search(r"and (\d+) more", shown)
        assert left is not None
        assert len(set(re.findall(r"site-\d+", shown))) + int(left[1]) == all_of_them
        assert f"site-{named}" in shown
        assert "…" not in shown


def test_a_check_of_many_sites_tells_every_problem() -> None:
    sites = [SiteChecked(name, (WELL, WELL)) for name in NAMES]
    for number in range(160, 190):
        sites[number] = SiteChecked(NAMES[number], (WELL, WRONG))
    told = checked(tuple(sites))
    assert_slack_takes(told)
    for number in range(160, 190):
        assert f"*site-{number}*: 1 problem" in str(told.blocks)
    assert re.search(r"and \d+ more that are not well: `/ghost check SITE`", told.text)
    assert "All is well: site-0, site-1, " in told.text


def test_a_check_that_finds_more_than_a_message_holds_says_how_many_and_how_to_see_them() -> None:
    found = (Finding(Outcome.WARNING, "Warm-up is slow"), WRONG)
    sites = tuple(SiteChecked(name, found[: 1 + (number >= 150)]) for number, name in enumerate(NAMES))
    told = checked(sites)
    whole_lines_and_the_rest(told, named=150)
    assert "that are not well: `/ghost check SITE`" in told.text
    assert "that are not well: `/ghost check SITE`" in str(told.blocks)


def test_one_site_with_more_findings_than_a_message_holds_says_so() -> None:
    told = checked((SiteChecked("blog", (Finding(Outcome.WARNING, "ab " * 30, "cd " * 30),) * 60),))
    assert_slack_takes(told)
    assert re.search(r"and \d+ more: `/ghost check blog`", str(told.blocks))


def test_the_status_of_many_sites_begins_with_those_in_trouble() -> None:
    sites = [SiteStatus(name, SLOT, SLOT, None, None, None) for name in NAMES]
    sites[199] = replace(sites[199], production=replace(SLOT, healthy=False))
    told = reply(StatusReply(tuple(sites)), "/blog")
    whole_lines_and_the_rest(told, named=199)
    assert told.text.startswith("*site-199*")
    assert "more: `/blog status SITE`" in told.text


def test_the_versions_of_many_sites_begin_with_those_behind() -> None:
    current = [SiteVersions(name, "6.65.0", "6.65.0", 0) for name in NAMES]
    current[198] = SiteVersions(NAMES[198], "6.40.0", "6.65.0", 25)
    current[199] = SiteVersions(NAMES[199], None, "6.65.0", 0, "Azure did not answer")
    versions = Versions(("6.65.0",), tuple(current))
    told = reply(VersionsReply(versions), "/ghost")
    for named in (198, 199):
        whole_lines_and_the_rest(told, named)
    for told in (version_notice("6.65.0", versions), reminded("6.65.0", versions, None)):
        for named in (198, 199):
            whole_lines_and_the_rest(told, named)
    closed = version_notice("6.65.0", versions, "Every site runs it, or a newer one.")
    whole_lines_and_the_rest(closed, 198)
    assert str(closed.blocks).count("Every site runs it, or a newer one.") == 1


def test_a_notice_says_how_sites_without_a_button_are_upgraded() -> None:
    versions = Versions(("6.65.0",), tuple(SiteVersions(name, "6.40.0", "6.65.0", 25) for name in NAMES))
    assert "For 180 more sites without a button: `/ghost upgrade 6.65.0 SITE`" in str(
        version_notice("6.65.0", versions).blocks
    )


def test_the_home_of_many_sites_keeps_its_end() -> None:
    def waits(name: str) -> Release:
        return Release(
            f"r-{name}", Kind.UPGRADE, name, State.AWAITING_APPROVAL, "U0ANN000001", "C1", NOW, NOW
        )

    sites = tuple(
        SiteStatus(name, SLOT, SLOT, waits(name) if number < 30 else None, None, None)
        for number, name in enumerate(NAMES)
    )
    versions = Versions(("6.65.0",), tuple(SiteVersions(name, "6.40.0", "6.65.0", 25) for name in NAMES))
    view = home_view(Seen(sites, versions=versions), "U0BEN000001", "/ghost")
    shown = str(view["blocks"])
    assert len(view["blocks"]) <= 100
    for told in ("Last releases", "Look again", "and 20 more", "`/ghost status SITE` in any channel"):
        assert told in shown


def test_an_answer_on_the_home_keeps_what_it_offers() -> None:
    offered = {"type": "actions", "elements": [{"type": "button", "text": {"text": "Break the glass"}}]}
    told = Message("Refused.", ({"type": "section"}, offered))
    assert offered in home_view(Seen(()), "U0BEN000001", "/ghost", told)["blocks"]


def test_what_fits_is_left_as_it_is() -> None:
    assert whole(["a", "b"], 3, "and {} more") == "a\nb"
    assert whole(["a" * 9, "b" * 9, "c" * 9], 25, "and {} more") == f"{'a' * 9}\nand 2 more"
