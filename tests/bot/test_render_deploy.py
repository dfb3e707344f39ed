"""What people read of a web app's deployment: before they decide, when production suffers, and afterwards."""

from dataclasses import replace

import pytest

from bot.door import words_of
from bot.render.approval import card, reminder
from bot.render.message import Message
from bot.render.release import parent
from bot.render.result import result
from bot.render.rollback import rollback_card
from release.model import (
    Approval,
    Artefact,
    ArtefactAsked,
    Candidate,
    Facts,
    Kind,
    ProbeSeen,
    Release,
    SchemaMigrated,
    State,
    Step,
    StepRecord,
    StepState,
    Verdict,
)
from tests.bot.test_render_release import ANN, APPROVAL, BEN, NOON, labels

ASKED = ArtefactAsked("https://builds.example.com/shop-2.zip")
CANDIDATE = Candidate(
    "shop-2@abcdef12", "abcdef12" * 8, "", "shop-1@12345678", "https://shop-staging.example.com"
)
ARTEFACT = Artefact("shop-2", "f" * 64, "abcdef12" * 8, 1000, 3, bundle="b" * 64)
SCHEMA = SchemaMigrated(
    ("002_stock", "003_<b>"),
    NOON,
    "migrations/r-1.log",
    lock="an advisory lock in the database",
    ended_at=NOON,
    seconds=4,
    visitors=ProbeSeen(40, 0, 20, 10, 4),
)
FACTS = Facts(artefact_asked=ASKED, artefact=ARTEFACT, candidate=CANDIDATE)
RELEASE = Release(
    "r-1",
    Kind.DEPLOY,
    "shop",
    State.AWAITING_APPROVAL,
    ANN,
    "C1",
    NOON,
    NOON,
    "shop-2@abcdef12",
    "shop-1@12345678",
)
PENDING = replace(APPROVAL, release="r-1")


def told(message: Message) -> str:
    return f"{message.text} {message.blocks}"


def test_the_card_says_what_was_migrated_that_production_took_it_and_what_both_versions_must() -> None:
    facts = replace(FACTS, schema=SCHEMA, production_tested="well")
    text = told(card(replace(RELEASE, facts=facts), PENDING, (BEN,)))
    for part in (
        "2 migrations were applied",
        "002_stock",
        "003_&lt;b&gt;",
        "40 requests, none failed",
        "an advisory lock",
        "was tested on the new schema: well",
        "N and N-1",
        "A rollback does not undo the migration",
        "https://builds.example.com/shop-2.zip",
        "https://shop-staging.example.com",
    ):
        assert part in text, part
    assert "Ghost" not in text


def test_asked_first_the_card_says_that_productions_database_changes_under_the_running_version() -> None:
    facts = replace(FACTS, pending=("002_stock",))
    release = replace(RELEASE, kind=Kind.DEPLOY_ASKING_FIRST, facts=facts)
    message = card(release, PENDING, (BEN,))
    for part in (
        "1 migration wait",
        "002_stock",
        "database is changed while shop-1@12345678 runs on it",
        "N-1",
    ):
        assert part in told(message), part
    assert "shop-staging" not in told(message), "staging is stopped: there is nothing to try"
    assert "First the database is migrated" in told(message)
    assert labels(message) == ["Approve", "Reject"]


@pytest.mark.parametrize("pending", [None, ()])
def test_what_is_not_known_or_not_there_is_said(pending: tuple[str, ...] | None) -> None:
    release = replace(RELEASE, kind=Kind.DEPLOY_ASKING_FIRST, facts=replace(FACTS, pending=pending))
    text = told(card(release, PENDING, (BEN,)))
    assert ("was not asked" if pending is None else "No migration is pending") in text


def test_a_lock_that_the_bot_does_not_know_and_a_visitor_who_suffered_are_warned_of() -> None:
    schema = replace(SCHEMA, lock="no lock of its kind", visitors=ProbeSeen(40, 3, 20, 10, 4))
    text = told(card(replace(RELEASE, facts=replace(FACTS, schema=schema)), PENDING, (BEN,)))
    assert ":warning: No lock of its kind." in text
    assert ":warning: *3 failed*" in text


def test_the_query_of_an_artefacts_address_is_not_shown() -> None:
    asked = ArtefactAsked("https://builds.example.com/shop-2.zip?for=hunter22")
    release = replace(RELEASE, version=None, facts=Facts(artefact_asked=asked))
    for message in (parent(release, PENDING), card(release, PENDING, (BEN,))):
        assert "https://builds.example.com/shop-2.zip" in str(message)
        assert "hunter22" not in str(message)


def test_a_site_without_migrations_has_a_card_without_a_database() -> None:
    skipped = (StepRecord(Step.LIST_PENDING, StepState.SKIPPED),)
    release = replace(RELEASE, facts=replace(FACTS, artefact=replace(ARTEFACT, bundle="")), steps=skipped)
    assert "Database" not in told(card(release, PENDING, (BEN,)))


def test_production_that_suffers_is_the_first_word_and_the_way_out_is_a_button() -> None:
    failed = replace(
        RELEASE,
        state=State.FAILED,
        facts=replace(FACTS, schema=SCHEMA),
        reason="PRODUCTION IS NOT WELL since the database was migrated under it: / answers 500.",
        remedy="Look at production now. /ghost undo-migration shop runs the configured down migration.",
        steps=(StepRecord(Step.MIGRATE_SHARED, StepState.DONE),),
        ended_at=NOON,
    )
    message = result(failed)
    assert message is not None
    text = told(message)
    assert "PRODUCTION IS NOT WELL" in text
    assert "its database was migrated" in text
    assert "untouched" not in text
    assert labels(message) == ["Undo the migration"]
    undone = replace(failed, facts=replace(failed.facts, schema=replace(SCHEMA, undone_by="r-2")))
    after = result(undone)
    assert after is not None
    assert labels(after) == []
    assert "was undone by r-2" in told(after)


@pytest.mark.parametrize("state", [State.REJECTED, State.EXPIRED, State.CANCELLED])
def test_stopped_after_its_migration_it_says_that_the_schema_stays(state: State) -> None:
    stopped = replace(RELEASE, state=state, facts=replace(FACTS, schema=SCHEMA), ended_at=NOON)
    approval = replace(PENDING, verdict=Verdict.REJECTED, decided_by=BEN, decided_at=NOON)
    message = result(stopped, approval)
    assert message is not None
    for text in (told(message), told(parent(stopped, approval))):
        assert "its database was migrated" in text
        assert "untouched" not in text
    assert "stays on the schema of shop-2@abcdef12" in told(message)
    before = replace(stopped, facts=FACTS)
    early = result(before, approval)
    assert early is not None
    assert "Production is untouched" in told(early)


def test_the_reminder_says_what_was_done_to_production_already() -> None:
    migrated = replace(RELEASE, facts=replace(FACTS, schema=SCHEMA))
    assert "after that it is over. Production runs what it ran before; its database was migrated." in told(
        reminder(migrated, PENDING, ())
    )
    assert "after that it is over. Production is untouched." in told(reminder(RELEASE, PENDING, ()))


def test_a_rollback_says_that_nothing_is_lost_and_that_the_schema_stays() -> None:
    back = Release(
        "r-2", Kind.SWAP_BACK, "shop", State.AWAITING_APPROVAL, ANN, "C1", NOON, NOON, "shop-1@1", "shop-2@2"
    )
    message = rollback_card(back, Approval("a2", "r-2", Verdict.PENDING, NOON, NOON))
    assert "Nothing that was written is lost" in told(message)
    assert "stays on the schema of shop-2@2" in told(message)
    assert "backup" not in told(message)
    assert labels(message) == ["Roll back", "Keep"]


def test_an_undone_migration_is_told_with_what_production_runs() -> None:
    undone = Release(
        "r-3", Kind.MIGRATE_DOWN, "shop", State.MIGRATED_DOWN, ANN, "C1", NOON, NOON, "shop-1@1", "shop-2@2"
    )
    message = result(replace(undone, ended_at=NOON))
    assert message is not None
    assert "The migration of shop-2@2 is undone" in told(message)
    assert "runs shop-1@1" in told(message)


@pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])
@pytest.mark.parametrize(
    ("down", "database"),
    [
        (StepState.PENDING, "Production is untouched."),
        (StepState.FAILED, "the down migration may have changed its database."),
        (StepState.DONE, "the down migration changed its database."),
    ],
)
def test_a_down_migration_that_was_stopped_says_what_production_runs_and_what_it_may_have_changed(
    state: State, down: StepState, database: str
) -> None:
    stopped = Release(
        "r-3", Kind.MIGRATE_DOWN, "shop", state, ANN, "C1", NOON, NOON, "shop-1@1", "shop-2@2",
        ended_at=NOON, steps=(StepRecord(Step.MIGRATE_DOWN, down),),
    )  # fmt: skip
    message = result(stopped)
    assert message is not None
    assert f"{database} It still runs shop-1@1." in told(message)
    assert "runs shop-2@2" not in told(message)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (
            "deploy shop <https://b.example.com/a/shop-2.zip?x=1&amp;y=2>",
            ["deploy", "shop", "https://b.example.com/a/shop-2.zip?x=1&y=2"],
        ),
        (
            "deploy <https://b.example.com/very/long/shop-2.zip|https://b.example.com/ver…-2.zip> sha256:aa",
            ["deploy", "https://b.example.com/very/long/shop-2.zip", "sha256:aa"],
        ),
        ("deploy shop <http://shop-2.zip|shop-2.zip>", ["deploy", "shop", "shop-2.zip"]),
        ("deploy blob:shop/2.zip", ["deploy", "blob:shop/2.zip"]),
        ("status <http://blog.example.com|blog.example.com>", ["status", "blog.example.com"]),
        ("status <https://blog.example.com>", ["status", "blog.example.com"]),
        ("help <mailto:ann@example.com|ann@example.com>", ["help", "ann@example.com"]),
        (
            "freeze <@U024BE7LH|ann> of <!subteam^S012ABC|@team> said so in <#C012ABC|releases>",
            ["freeze", "@ann", "of", "@team", "said", "so", "in", "#releases"],
        ),
    ],
)
def test_links_that_slack_makes_are_given_back_as_they_were_meant(sent: str, words: list[str]) -> None:
    assert words_of(sent) == words
