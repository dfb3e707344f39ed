"""A release that makes no progress for longer than its step may take is noticed once, and so is that it goes on."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from release.journal import Journal
from release.model import Kind, Release, State, Step, Stuck
from release.records import Records, open_records
from release.site import SiteConfig
from release.stuck import BETWEEN_STEPS, Watchman, bound, limits
from tests.bot.stand_ins import StandInSite

SITE = StandInSite("blog", "6.40.0", "6.39.0")
DAY = timedelta(days=1)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    records = open_records(f"sqlite:///{tmp_path}/bot.db")
    yield records
    records.close()


async def upgrade(records: Records) -> Release:
    return await records.create(Kind.UPGRADE, "blog", "ann", "C1", version="6.65.0")


async def look(records: Records, after: timedelta) -> tuple[Stuck, ...]:
    """What is known of the one open release when the watchman looks so much later than it last did something."""
    (release,) = await records.open_releases()
    await Watchman({"blog": SITE}, records).look(release.updated_at + after)
    return (await records.release(release.id)).facts.stuck


def test_every_step_has_a_bound_beyond_its_own_limits() -> None:
    config = SITE.config
    assert limits(config).keys() == set(Step)
    bounds = {step: bound(step, config).total_seconds() for step in Step}
    for step, limit in (
        (Step.START, config.start_limit),
        (Step.DEPLOY, config.deploy_limit),
        (Step.BACK_UP, config.backup_limit),
        (Step.SWAP, config.swap_limit),
        (Step.VERIFY, config.swap_limit),
        (Step.OBSERVE, config.observe.total_seconds() + config.swap_limit),
        (Step.CATCH_UP, config.scheduled_limit.total_seconds()),
    ):
        assert bounds[step] > limit, step
    assert min(bounds.values()) > 60
    longer: SiteConfig = replace(config, deploy_limit=config.deploy_limit + 7)
    assert bound(Step.DEPLOY, longer).total_seconds() == bounds[Step.DEPLOY] + 7


async def test_beyond_its_bound_it_is_told_once_with_what_it_was_doing(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    release = await upgrade(records)
    await records.begin_step(release.id, Step.DEPLOY)
    await records.say(release.id, Step.DEPLOY, "uploading 88.1 MB")
    allowed = bound(Step.DEPLOY, SITE.config)
    assert await look(records, allowed) == ()
    with caplog.at_level(logging.WARNING):
        (stuck,) = await look(records, allowed + timedelta(seconds=1))
    assert (stuck.step, stuck.doing, stuck.goes_on_at) == (Step.DEPLOY, "uploading 88.1 MB", None)
    assert "a release makes no progress" in caplog.text
    assert await look(records, DAY) == (stuck,)


async def test_what_it_says_is_progress_and_going_on_is_told(records: Records) -> None:
    release = await upgrade(records)
    journal = Journal(records, release.id)
    async with journal.step(Step.BUILD) as words:
        await words.say("downloading")
        (stuck,) = await look(records, DAY)
        assert stuck.goes_on_at is None
        await words.say("compiling")
        (stuck,) = await look(records, timedelta(seconds=1))
        assert stuck.goes_on_at is not None
        assert len(await look(records, DAY)) == 1, "once a step"
    async with journal.step(Step.MIGRATE):
        assert [one.step for one in await look(records, DAY)] == [Step.BUILD, Step.MIGRATE]


async def test_of_steps_side_by_side_the_slowest_counts(records: Records) -> None:
    release = await upgrade(records)
    await records.begin_step(release.id, Step.SMOKE_TEST)
    await records.begin_step(release.id, Step.BUILD)
    assert await look(records, bound(Step.SMOKE_TEST, SITE.config) + timedelta(seconds=1)) == ()
    assert await look(records, bound(Step.BUILD, SITE.config) + timedelta(seconds=1))


async def test_an_open_release_of_which_nothing_runs_is_told_too(records: Records) -> None:
    await upgrade(records)
    assert await look(records, timedelta(seconds=BETWEEN_STEPS - 1)) == ()
    (stuck,) = await look(records, timedelta(seconds=BETWEEN_STEPS + 1))
    assert stuck.step is None


async def test_what_waits_for_people_or_is_over_stands_still_lawfully(records: Records) -> None:
    release = await upgrade(records)
    await records.ask(release.id, DAY)
    assert await look(records, DAY * 30) == ()
    await records.move(release.id, State.REJECTED)
    await Watchman({"blog": SITE}, records).look(datetime.now(UTC) + DAY)
    assert (await records.release(release.id)).facts.stuck == ()


async def test_a_site_that_is_no_longer_in_the_settings_is_left_alone(records: Records) -> None:
    await upgrade(records)
    await Watchman({}, records).look(datetime.now(UTC) + DAY)
