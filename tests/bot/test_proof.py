"""The proof in the thread: a picture of what visitors waited for, once; and when to look again."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import matplotlib.image
import pytest

from bot.chart import chart, drawn, in_words
from release.model import ProbeSeen, Release, State, Step, Verdict
from release.probe import POINTS, thinned
from tests.bot.conftest import Team

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERIES = tuple((number / 5, 20.0 + number % 7, number != 40) for number in range(100))
SEEN = ProbeSeen(100, 1, 812.5, 22.0, 20.0, ("HTTP 502",), BEGAN, SERIES)


async def live(team: Team) -> Release:
    release, _ = await team.waits_for_approval()
    await team.records.note(release.id, probe=SEEN)
    approval = await team.records.approval_of(release.id)
    assert approval is not None
    await team.records.decide(approval.id, Verdict.APPROVED, team.ben)
    await team.engine.promotes(release.id, "6.40.0", "6.65.0")
    await team.records.note(release.id, probe=SEEN)
    return await team.records.release(release.id)


async def test_a_picture_of_the_visitors_is_in_the_thread_once_and_says_what_it_shows(team: Team) -> None:
    await live(team)
    await team.sees("is live on 6.65.0")

    async def uploaded() -> bool:
        return len(await _files(team)) == 1

    await team.eventually(uploaded, seconds=30)
    picture = (await _files(team))[0]
    assert "1 failed" in picture["alt_txt"]
    assert picture["title"] == "How long visitors waited during the swap"
    await team.stop_bot()
    await team.start_bot()
    release = (await team.records.history("blog"))[0]
    await team.records.note(release.id, warnings=("told again",))
    await team.bot.threads.catch_up()
    assert len(await _files(team)) == 1


async def test_what_the_programs_said_is_a_file_in_the_thread_while_people_are_asked(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    await team.breaks("files.getUploadURLExternal", error="internal_error", count=1)
    await team.records.keep_output(release.id, Step.MIGRATE, "== migrating ==\nall is well\n")
    await team.records.keep_output(release.id, Step.BUILD, "== installing ==\nadded 12 packages\n")
    await team.records.note(release.id, warnings=("told again",))

    async def uploaded() -> bool:
        return len(await _files(team)) == 1

    await team.eventually(uploaded, seconds=30)
    file = (await _files(team))[0]
    assert file["title"] == "Logs: Build the new version, Migrate a copy of the database"
    assert file["preview"].startswith("=== Build the new version ===")

    async def forgotten() -> bool:
        return await team.records.outputs(release.id) == {}

    await team.eventually(forgotten)


async def test_a_bot_that_ends_before_slack_has_answered_does_not_send_a_file_again(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    await team.breaks("files.completeUploadExternal", hang=5, after=True, count=1)
    await team.records.keep_output(release.id, Step.BUILD, "added 12 packages")
    await team.records.note(release.id, warnings=("told again",))

    async def uploaded() -> bool:
        return len(await _files(team)) == 1

    await team.eventually(uploaded, seconds=30)
    assert await team.records.outputs(release.id) == {}, "whoever starts now would send them again"
    await team.stop_bot()
    await team.start_bot()
    await team.records.note(release.id, warnings=("and again",))
    await team.bot.threads.catch_up()
    assert len(await _files(team)) == 1


@pytest.mark.parametrize("error", ["not_in_channel", "restricted_action"])
async def test_where_no_file_may_be_uploaded_nothing_waits_for_it(team: Team, error: str) -> None:
    release, _ = await team.waits_for_approval()
    await team.breaks("files.completeUploadExternal", error=error)
    await team.records.keep_output(release.id, Step.BUILD, "added 12 packages")
    await team.records.note(release.id, warnings=("told again",))

    async def forgotten() -> bool:
        return await team.records.outputs(release.id) == {}

    await team.eventually(forgotten)
    assert await _files(team) == []


async def _files(team: Team) -> list[dict[str, str]]:
    return [file for message in await team.messages("ann") for file in message.get("files") or []]


async def test_the_picture_is_one(team: Team) -> None:
    release = await live(team)
    png = await chart(release)
    assert png is not None
    height, width, _ = matplotlib.image.imread(io.BytesIO(png)).shape
    assert (width, height) == (900, 360)
    assert "the slowest 812 ms" in in_words(release)
    nothing = replace(release, facts=replace(release.facts, probe=replace(SEEN, series=())))
    assert await chart(nothing) is None


@pytest.mark.parametrize("well", [True, False], ids=["all answered", "all failed"])
@pytest.mark.parametrize("swap", [(5.0, 9.0), None], ids=["with the swap", "without it"])
def test_a_picture_where_all_went_one_way_keeps_milliseconds_as_its_scale(
    well: bool, swap: tuple[float, float] | None
) -> None:
    series = [(number / 5, 20.0 + number % 7, well) for number in range(100)]
    axes = drawn({"title": "blog", "series": series, "swap": swap}).axes[0]
    assert axes.get_ylim()[1] > 20
    assert all(label.get_text().isdigit() for label in axes.get_yticklabels())
    words = {"answered" if well else "failed"} | ({"swap"} if swap else set())
    legend = axes.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == words


def test_of_many_requests_the_slowest_and_every_failure_that_can_be_are_kept() -> None:
    many = [(number / 10, 10.0, True) for number in range(3000)]
    many[1000] = (100.0, 900.0, True)
    many[2000] = (200.0, 5.0, False)
    kept = thinned(many)
    assert len(kept) <= POINTS
    assert (100.0, 900.0, True) in kept
    assert (200.0, 5.0, False) in kept
    assert list(kept) == sorted(kept)
    assert thinned([]) == ()


async def test_the_next_release_says_when_it_usually_asks(team: Team) -> None:
    first = await live(team)
    await team.sees("is live on 6.65.0")
    told = [one["plain"] for one in await team.messages("ann")]
    assert not any("usually" in text for text in told), "nothing is known of the first"
    second = await team.records.create(first.kind, "blog", team.ann, first.channel, version="6.66.0")
    shown = await team.sees("usually asks for approval at about")
    assert second.id in shown["plain"]
    assert second.state is State.STAGING
    assert second.asked_at - timedelta(hours=1) < datetime.now(UTC)
