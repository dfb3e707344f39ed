"""What people read of a release that stands still: how production is by then, and what a restart does."""

from dataclasses import replace

import pytest

from bot.render.stuck import stuck_messages
from release.model import Facts, Kind, SchemaMigrated, Step, StepState, Stuck
from tests.bot.test_render_release import NOON, RELEASE, steps

CLOSED = "closed for writes"
CHANGES = "This step changes production's database"
GOES_ON = "Restart the bot: it goes on"
MIGRATED = SchemaMigrated(("002_stock",), NOON, "migrations/r-1.log", ended_at=NOON, seconds=4)


def told(kind: Kind, step: Step | None, facts: Facts, done: tuple[tuple[Step, StepState], ...] = ()) -> str:
    """The message of a release that stands still at this step."""
    stuck = Stuck(step, NOON, 60.0, "", "p")
    running = ((step, StepState.RUNNING),) if step else ()
    release = replace(RELEASE, kind=kind, facts=replace(facts, stuck=(stuck,)), steps=steps(*done, *running))
    (message,) = stuck_messages(release).values()
    return message.text


@pytest.mark.parametrize(
    ("kind", "step", "facts", "said", "not_said"),
    [
        (Kind.UPGRADE, Step.DEPLOY, Facts(), ("Production is untouched", GOES_ON), (CHANGES, CLOSED)),
        (Kind.UPGRADE, Step.LAST_LOOK, Facts(), (CLOSED, GOES_ON), ("untouched",)),
        (Kind.UPGRADE, Step.LAST_LOOK, Facts(writes_stay_open="no guard"), ("untouched",), (CLOSED,)),
        (Kind.DEPLOY, Step.MIGRATE_SHARED, Facts(), (CHANGES, "command is run again"), ("untouched", CLOSED)),
        (
            Kind.DEPLOY,
            Step.TEST_PRODUCTION,
            Facts(schema=MIGRATED),
            ("its database was migrated", GOES_ON),
            ("untouched",),
        ),
        (
            Kind.UPGRADE_SHARED,
            Step.CLOSE_WRITES,
            Facts(writes_closed_at=NOON),
            (CLOSED, GOES_ON),
            ("untouched",),
        ),
        (
            Kind.UPGRADE_SHARED,
            Step.MIGRATE_SHARED,
            Facts(changing_since=NOON),
            (CHANGES, CLOSED, "migrates again"),
            ("untouched",),
        ),
        (
            Kind.UPGRADE_SHARED,
            Step.PREVIEW,
            Facts(changing_since=NOON),
            ("a database that this release has changed", CLOSED),
            ("untouched",),
        ),
        (
            Kind.ROLLBACK_SHARED,
            Step.RESTORE_SHARED,
            Facts(changing_since=NOON),
            (CHANGES, CLOSED, "puts the same dump back"),
            ("untouched",),
        ),
        (
            Kind.MIGRATE_DOWN,
            Step.MIGRATE_DOWN,
            Facts(),
            (CHANGES, "it does not run it again"),
            ("untouched", GOES_ON),
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, Kind | Step) else "",
)
def test_a_release_that_stands_still_says_what_it_does_to_production(
    kind: Kind, step: Step, facts: Facts, said: tuple[str, ...], not_said: tuple[str, ...]
) -> None:
    text = told(kind, step, facts)
    assert not [part for part in said if part not in text], text
    assert not [part for part in not_said if part in text], text


def test_after_a_down_migration_production_is_not_called_untouched() -> None:
    done = ((Step.MIGRATE_DOWN, StepState.DONE),)
    for step in (Step.TEST_PRODUCTION, None):
        text = told(Kind.MIGRATE_DOWN, step, Facts(), done)
        assert "the down migration changed its database" in text
        assert "untouched" not in text


def test_a_database_that_is_put_back_after_the_swap_is_told_as_such() -> None:
    text = told(Kind.UPGRADE_SHARED, Step.PUT_BACK, Facts(), ((Step.SWAP, StepState.DONE),))
    assert CHANGES in text
    assert "puts the same dump back" in text
