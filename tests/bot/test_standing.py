"""The last message of a release that was stopped says where everything stands."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.render.release import parent
from bot.render.replies import reply
from bot.render.result import result
from bot.render.standing import staging_of_a_failure, standing
from commands.command import CancelAsked
from release.model import (
    BackupTaken,
    Candidate,
    Facts,
    Kind,
    Release,
    StagingBefore,
    StagingLeft,
    State,
    Step,
    StepRecord,
    StepState,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OURS = BackupTaken("b-1", "blog", "6.40.0", "blog/b-1.db", "d", 3, {}, {}, NOON)
THEIRS = replace(OURS, id="b-2", version="6.39.0", slot="staging")
BEFORE = StagingBefore(running=True, version="6.39.0", mark="r-1", way_back="6.39.0", database=THEIRS)
CANDIDATE = Candidate("6.65.0", "p", "d", "6.40.0", "https://blog-staging.example.net")
DEPLOYED = (StepRecord(Step.DEPLOY, StepState.DONE, started_at=NOON),)
RELEASE = Release(
    "r-7f3k2", Kind.UPGRADE, "blog", State.CANCELLED, "U0ANN000001", "C0RELEASES1", NOON, NOON, "6.65.0", "6.40.0",
    facts=Facts(backup=OURS, staging_before=BEFORE),
)  # fmt: skip
BACK = StagingLeft(
    undone=True, running=True, version="6.39.0", words="Ghost 6.39.0 is back on staging, running"
)
NOT_REHEARSED = StagingLeft(
    undone=True,
    running=False,
    version=None,
    words="blog_ghostbot is dropped, and staging is closed to swaps",
)
CLOSED = StagingLeft(
    undone=False, running=False, version=None, words="stopped, and closed to swaps: <no> Ghost."
)


@pytest.mark.parametrize(
    ("release", "lines"),
    [
        (
            RELEASE,
            [
                "Production is untouched. It still runs 6.40.0.",
                "Staging: as it was.",
                "Backups kept: b-1 of production, b-2 of what was on staging.",
                "/ghost rollback still goes back to 6.39.0.",
            ],
        ),
        (
            replace(RELEASE, steps=DEPLOYED, facts=replace(RELEASE.facts, staging_left=BACK)),
            [
                "Staging: Ghost 6.39.0 is back on staging, running.",
                "/ghost rollback still goes back to 6.39.0.",
            ],
        ),
        (
            replace(RELEASE, steps=DEPLOYED, facts=replace(RELEASE.facts, staging_left=CLOSED)),
            [
                ":warning: Staging could not be given back what it was. Staging: stopped, and closed to swaps: "
                "&lt;no&gt; Ghost.",
                "The way back to 6.39.0 was on staging and is gone (/ghost restore b-2 brings it).",
            ],
        ),
        (
            replace(
                RELEASE,
                kind=Kind.UPGRADE_SHARED,
                state=State.REJECTED,
                steps=DEPLOYED,
                facts=replace(
                    RELEASE.facts,
                    candidate=CANDIDATE,
                    staging_before=replace(BEFORE, database=None),
                    staging_left=NOT_REHEARSED,
                ),
            ),
            [
                "Staging: blog_ghostbot is dropped, and staging is closed to swaps.",
                "The way back to 6.39.0 was on staging and is gone.",
            ],
        ),
        (
            replace(
                RELEASE,
                kind=Kind.UPGRADE_SHARED,
                state=State.CANCELLED,
                steps=DEPLOYED,
                facts=replace(RELEASE.facts, put_back="Production's database is as it was: from b-3."),
            ),
            ["Production's database is as it was: from b-3."],
        ),
        (
            replace(
                RELEASE,
                state=State.REJECTED,
                steps=DEPLOYED,
                facts=replace(RELEASE.facts, candidate=CANDIDATE),
            ),
            [
                "Staging: 6.65.0, as it was tested, running; /ghost swap would put it live as it is, without what is "
                "written in the meantime.",
                "The way back to 6.39.0 was on staging and is gone (/ghost restore b-2 brings it).",
            ],
        ),
        (
            replace(RELEASE, kind=Kind.BACKUP, facts=Facts()),
            ["Production is untouched. It still runs 6.40.0."],
        ),
    ],
    ids=["before", "undone", "closed", "shared", "put back", "rejected", "backup"],
)
def test_where_everything_stands(release: Release, lines: list[str]) -> None:
    told = standing(release).split("\n")
    assert [line for line in lines if line not in told] == []
    message = result(release)
    assert message is not None
    assert all(line in message.text for line in lines)


def test_a_failure_says_what_it_left_on_staging() -> None:
    failed = replace(RELEASE, state=State.FAILED, steps=DEPLOYED, reason="No.", remedy="Look.")
    assert "it cannot be swapped in" in staging_of_a_failure(failed)
    tested = replace(failed, facts=replace(failed.facts, candidate=CANDIDATE))
    assert "Staging holds 6.65.0 as it was left" in staging_of_a_failure(tested)
    assert staging_of_a_failure(replace(failed, steps=())) == ""
    swapped = (*DEPLOYED, StepRecord(Step.SWAP, StepState.DONE))
    assert staging_of_a_failure(replace(tested, steps=swapped)) == ""


def test_the_plan_shows_an_undoing_only_where_there_is_one() -> None:
    undoing = replace(RELEASE, state=State.UNDOING, steps=(StepRecord(Step.UNDO, StepState.RUNNING),))
    assert "Stopped; giving staging back what it was" in parent(undoing).text
    plans = [
        next(block for block in parent(one).blocks if block["type"] == "plan") for one in (RELEASE, undoing)
    ]
    assert [plan["tasks"][-1]["task_id"] == "undo" for plan in plans] == [False, True]


CHANGED = "Production runs what it ran before, on a database that this release has changed."
DATABASE_BACK = "Production's database is as it was before this release: from b-3, and it is what was dumped."
SHARED = replace(RELEASE, kind=Kind.UPGRADE_SHARED, facts=Facts(changing_since=NOON))


@pytest.mark.parametrize("state", [State.PROMOTING, State.UNDOING, State.CANCELLED])
def test_a_database_that_this_release_is_changing_is_not_called_untouched(state: State) -> None:
    release = replace(SHARED, state=state, cancel_asked_by=RELEASE.asked_by)
    told = [reply(CancelAsked(release), "/ghost").text]
    if state is not State.PROMOTING:
        told.append(parent(release).text)
    for text in told:
        assert CHANGED in text
        assert "untouched" not in text


def test_the_advice_of_what_went_wrong_in_its_migration_does_not_call_it_untouched() -> None:
    advice = "Look for what differs: Production is untouched. The last lines below say why."
    failed = replace(
        SHARED, state=State.FAILED, facts=Facts(put_back=DATABASE_BACK), reason="No.", remedy=advice
    )
    message = result(failed)
    assert message is not None
    assert "untouched" not in message.text
    assert "Look for what differs: The last lines below say why." in message.text


def test_a_database_that_was_put_back_is_told_as_such_and_nothing_contradicts_it() -> None:
    stopped = replace(SHARED, facts=Facts(put_back=DATABASE_BACK))
    assert DATABASE_BACK in standing(stopped)
    for text in (standing(stopped), parent(stopped).text, reply(CancelAsked(stopped), "/ghost").text):
        assert "untouched" not in text
    by_hand = replace(stopped, facts=replace(stopped.facts, production_now="6.65.0"))
    assert "Production runs 6.65.0 now: somebody swapped by hand" in parent(by_hand).text
