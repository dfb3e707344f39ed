"""What people read at each turn of a release."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.render.approval import card, migration_line
from bot.render.message import Message, naming, when
from bot.render.release import log_line, parent
from bot.render.replies import refusal
from bot.render.result import production_stands, result
from bot.render.watch import sick_message, watch_message
from release.errors import SiteBusy
from release.model import (
    PLAN,
    Approval,
    BackupTaken,
    Candidate,
    ContentSynced,
    Facts,
    Kind,
    LateWrites,
    MigrationDone,
    PackageBuilt,
    ProbeSeen,
    Release,
    Stacks,
    State,
    Step,
    StepRecord,
    StepState,
    Stop,
    SwapDone,
    ThemeChecked,
    TurnedSick,
    Verdict,
    WatchDecided,
    WatchEnd,
)
from tests.bot.limits import assert_slack_takes

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANN, BEN = "U0ANN000001", "U0BEN000001"
RELEASE = Release(
    "r-7f3k2", Kind.UPGRADE, "blog", State.STAGING, ANN, "C0RELEASES1", NOON, NOON, "6.65.0", "6.40.0"
)
APPROVAL = Approval("a1", RELEASE.id, Verdict.PENDING, NOON, NOON + timedelta(hours=24))


def labels(message: Message) -> list[str]:
    return [
        element["text"]["text"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def steps(*states: tuple[Step, StepState]) -> tuple[StepRecord, ...]:
    return tuple(StepRecord(step, state, started_at=NOON) for step, state in states)


def test_the_line_above_the_plan_names_the_running_steps() -> None:
    running = steps(
        (Step.PREFLIGHT, StepState.DONE), (Step.BACK_UP, StepState.RUNNING), (Step.BUILD, StepState.RUNNING)
    )
    text = parent(replace(RELEASE, steps=running)).text
    assert f"*Back up production* and *Build the new version*: step 3 of {len(PLAN[Kind.UPGRADE])}" in text
    assert when(NOON, "{time_secs}").split("|")[0] in text


def test_the_plan_shows_every_step_and_keeps_its_id() -> None:
    early, late = parent(RELEASE), parent(replace(RELEASE, state=State.LIVE, ended_at=NOON))
    plans = [next(block for block in message.blocks if block["type"] == "plan") for message in (early, late)]
    assert plans[0]["block_id"] == plans[1]["block_id"]
    assert [task["task_id"] for task in plans[0]["tasks"]] == list(PLAN[Kind.UPGRADE])


@pytest.mark.parametrize(
    ("state", "swap", "shown"),
    [
        (State.STAGING, StepState.PENDING, ["Cancel"]),
        (State.AWAITING_APPROVAL, StepState.PENDING, ["Cancel"]),
        (State.PROMOTING, StepState.PENDING, ["Cancel"]),
        (State.PROMOTING, StepState.RUNNING, []),
        (State.ROLLING_BACK, StepState.PENDING, []),
        (State.LIVE, StepState.DONE, ["Rollback"]),
        (State.FAILED, StepState.PENDING, []),
    ],
)
def test_buttons_are_those_that_help_now(state: State, swap: StepState, shown: list[str]) -> None:
    assert labels(parent(replace(RELEASE, state=state, steps=steps((Step.SWAP, swap))))) == shown


def test_the_message_on_top_decides_too_while_there_is_something_to_decide() -> None:
    waiting = replace(RELEASE, state=State.AWAITING_APPROVAL)
    candidate = Candidate("6.65.0", "d", "d", "6.40.0", "https://staging.example.net")
    tried = replace(waiting, facts=Facts(candidate=candidate))
    assert labels(parent(tried, APPROVAL)) == ["Approve", "Reject", "Try staging", "Cancel"]
    assert labels(parent(waiting, APPROVAL)) == ["Approve", "Reject", "Cancel"]
    decided = replace(APPROVAL, verdict=Verdict.APPROVED, decided_by="U0BEN000001")
    assert labels(parent(replace(waiting, state=State.PROMOTING), decided)) == ["Cancel"]
    back = replace(waiting, kind=Kind.ROLLBACK)
    assert labels(parent(back, APPROVAL)) == ["Roll back", "Keep"]


def test_what_another_release_has_followed_offers_no_way_back_any_more() -> None:
    live = replace(RELEASE, state=State.LIVE, ended_at=NOON)
    stops = replace(live, facts=replace(live.facts, old_slot_stops_at=NOON))
    assert labels(parent(stops)) == ["Rollback", "Stop the old version"]
    followed = replace(stops, facts=replace(stops.facts, superseded_by="r-other"))
    assert labels(parent(followed)) == []
    ending = result(followed)
    assert ending is not None
    assert labels(ending) == []


def test_a_release_that_is_watched_says_until_when_and_offers_two_buttons() -> None:
    facts = Facts(watched_until=NOON + timedelta(minutes=5))
    watched = replace(RELEASE, state=State.PROMOTING, facts=facts, steps=steps((Step.SWAP, StepState.DONE)))
    top, told = parent(watched), watch_message(watched)
    assert told is not None
    for shown in (top, told):
        assert labels(shown) == ["Keep it", "Swap back now"]
        assert when(NOON + timedelta(minutes=5), "{time}") in shown.text
    assert "Live: blog runs 6.65.0" in top.text

    decided = replace(facts, watch=WatchDecided(WatchEnd.TAKEN_BACK, NOON, BEN))
    over = replace(watched, state=State.ROLLED_BACK, facts=decided, ended_at=NOON)
    told, ending = watch_message(over), result(over)
    assert told is not None
    assert ending is not None
    assert not labels(parent(over)) + labels(told) + labels(ending)
    assert f"<@{BEN}> decided to swap back" in told.text
    assert f"taken back by <@{BEN}> while it was watched" in ending.text


def test_a_sickness_is_an_alarm_until_it_is_over() -> None:
    sick = TurnedSick("front page (/) answers 503 <b>", NOON)
    facts = Facts(watched_until=NOON + timedelta(minutes=5), sick=sick)
    watched = replace(RELEASE, state=State.PROMOTING, facts=facts)
    alarm = sick_message(watched)
    assert alarm is not None
    assert f"<@{ANN}>" in alarm.text
    assert "answers 503 &lt;b&gt;" in alarm.text
    assert "not well" in parent(watched).text
    passed = sick_message(replace(watched, facts=replace(facts, sick=replace(sick, well_again_at=NOON))))
    assert passed is not None
    assert "well again" in passed.text


def test_cancel_is_not_offered_twice() -> None:
    asked = parent(replace(RELEASE, cancel_asked_by=BEN))
    assert labels(asked) == []
    assert f"Stopping before the next step, as <@{BEN}> asked" in asked.text


def test_the_card_tells_what_is_leapt_over_and_warns_of_a_new_major() -> None:
    candidate = Candidate("6.65.0", "p", "d", "5.120.3", "https://blog-staging.example.net")
    passes = ("5.130.0", "6.0.0", "6.64.0")
    shown = card(replace(RELEASE, facts=Facts(candidate=candidate, passes=passes)), APPROVAL, (BEN,))
    assert_slack_takes(shown)
    told = json.dumps(shown.blocks)
    assert "3 versions, 5.130.0 to 6.64.0" in told
    assert "compare/v5.120.3...v6.65.0|what changed" in told
    assert "Crosses into Ghost 6: <https://docs.ghost.org/changes|breaking changes>" in told
    minor = Candidate("6.65.0", "p", "d", "6.63.0", "https://blog-staging.example.net")
    one = card(replace(RELEASE, facts=Facts(candidate=minor, passes=("6.64.0",))), APPROVAL, (BEN,))
    assert "1 version, 6.64.0" in json.dumps(one.blocks)
    assert "breaking" not in json.dumps(one.blocks)


def test_the_card_asks_until_it_is_decided() -> None:
    candidate = Candidate("6.65.0", "p", "d", "6.40.0", "https://blog-staging.example.net")
    release = replace(RELEASE, facts=Facts(candidate=candidate))
    asked = card(release, APPROVAL, (BEN, "S0APPROVERS"))
    assert labels(asked) == ["Approve", "Reject"]
    assert f"<@{BEN}> <!subteam^S0APPROVERS>, please decide by" in asked.text
    decided = replace(APPROVAL, verdict=Verdict.APPROVED, decided_by=BEN, decided_at=NOON)
    told = card(release, decided, (BEN, "S0APPROVERS"))
    assert labels(told) == []
    assert f"Approved by <@{BEN}>" in told.text
    assert "subteam" not in told.text


def test_files_that_staging_lacks_are_named_on_the_card() -> None:
    synced = ContentSynced(9, 4, 100, 0, tuple(f"images/{number}.png" for number in range(5)))
    told = card(replace(RELEASE, facts=Facts(content=synced)), APPROVAL, (BEN,)).text
    assert "does not give out 5 files, so staging lacks them: images/0.png" in told
    assert "images/4.png" not in told


def test_rows_that_were_lost_are_named_first() -> None:
    rows = {"posts": (12, 12), "tags": (3, 4), "members": (10, 9)}
    lines = migration_line(MigrationDone("6.40.0", "6.65.0", "m.db", "d", rows, 2.0)).splitlines()
    assert "Rows lost in 1 table" in lines[0]
    assert lines[1:] == ["• members: 10 → 9 rows", "• tags: 3 → 4 rows"]


def test_going_live_carries_its_proof() -> None:
    facts = Facts(swap=SwapDone("6.40.0", "6.65.0", 8.1, 120.0), probe=ProbeSeen(312, 0, 148.0, 12.0, 31.0))
    live = replace(RELEASE, state=State.LIVE, facts=facts, ended_at=NOON)
    approved = replace(APPROVAL, verdict=Verdict.APPROVED, decided_by=BEN, decided_at=NOON)
    told = result(live, approved)
    assert told is not None
    assert labels(told) == ["Rollback"]
    assert f"Asked for by <@{ANN}>, approved by <@{BEN}>" in told.text
    assert "312 requests, none failed, slowest answer 148 ms" in told.text
    sick = result(replace(live, facts=replace(facts, probe=ProbeSeen(312, 3, 148.0, 12.0, 31.0))), approved)
    assert sick is not None
    assert "*3 failed*" in sick.text


def test_a_release_that_another_one_followed_was_live_and_promises_no_way_back() -> None:
    facts = Facts(swap=SwapDone("6.40.0", "6.65.0", 8.1, 120.0), old_slot_stopped_at=NOON)
    live = replace(RELEASE, state=State.LIVE, facts=facts, ended_at=NOON)
    followed = replace(live, facts=replace(facts, superseded_by="r-9"))
    for release, said, promised in (
        (live, "Live: blog runs 6.65.0.", True),
        (followed, "Was live: blog ran 6.65.0 until r-9 followed.", False),
    ):
        assert said in parent(release).text
        told = result(release)
        assert told is not None
        assert ("a rollback starts it again" in told.text) is promised


@pytest.mark.parametrize(
    ("facts", "swap", "stands"),
    [
        (Facts(), StepState.PENDING, "Production is untouched. It still runs 6.40.0."),
        (
            Facts(swap=SwapDone("6.40.0", "6.65.0", 8.1, 9.0, swapped_back=True)),
            StepState.DONE,
            "Production was swapped back and runs 6.40.0 again.",
        ),
        (Facts(swap=SwapDone("6.40.0", "6.65.0", 8.1, 9.0)), StepState.DONE, "Production runs 6.65.0."),
        (Facts(swap_token="t"), StepState.FAILED, "The swap was begun"),
        (
            Facts(condemned="/ answers 500", swap=SwapDone("6.40.0", "6.65.0", 8.1, 9.0)),
            StepState.DONE,
            "6.65.0 was to be swapped back, and how that ended is not known: look at the site's status before",
        ),
        (Facts(condemned="/ answers 500"), StepState.DONE, "6.65.0 was to be swapped back"),
    ],
)
def test_a_failure_says_where_production_stands(facts: Facts, swap: StepState, stands: str) -> None:
    failed = replace(
        RELEASE,
        state=State.FAILED,
        reason="staging answered 503 on /.",
        remedy="Production is untouched. Read the slot's log.",
        facts=facts,
        steps=steps((Step.SWAP, swap)),
    )
    told = result(failed)
    assert told is not None
    assert stands in told.text
    assert told.text.count("Production is untouched") == (1 if "untouched" in stands else 0)
    assert f"<@{ANN}>" in told.text
    assert "Read the slot's log." in told.text


AS_BEFORE = "Production's database is as it was before this release: from b-3."
HOLDS_NEW = "Production holds 6.65.0, and the swap was asked for."


@pytest.mark.parametrize(
    ("facts", "stands"),
    [
        (Facts(put_back=AS_BEFORE), f"Production runs 6.40.0. {AS_BEFORE}"),
        (
            Facts(
                condemned="/ answers 500",
                swap=SwapDone("6.40.0", "6.65.0", 0, 0, swapped_back=True),
                put_back=AS_BEFORE,
            ),
            f"Production runs 6.40.0. {AS_BEFORE}",
        ),
        (Facts(swap_token="t", put_back=HOLDS_NEW), HOLDS_NEW),
        (Facts(condemned="/ answers 500", put_back=HOLDS_NEW), HOLDS_NEW),
        (Facts(swap_token="t", swap=SwapDone("6.40.0", "6.65.0", 8.1, 9.0), put_back=HOLDS_NEW), HOLDS_NEW),
    ],
)
def test_the_old_version_is_said_to_run_on_a_shared_database_only_where_it_does(
    facts: Facts, stands: str
) -> None:
    failed = replace(RELEASE, kind=Kind.UPGRADE_SHARED, state=State.FAILED, facts=facts)
    assert production_stands(failed) == stands


@pytest.mark.parametrize(
    ("state", "verdict", "said"),
    [
        (State.REJECTED, Verdict.REJECTED, f"was rejected by <@{BEN}>.\nReason: not today"),
        (State.CANCELLED, Verdict.CANCELLED, f"was cancelled by <@{BEN}>"),
        (State.EXPIRED, Verdict.EXPIRED, "was not decided in time"),
    ],
)
def test_a_release_that_was_stopped_says_by_whom(state: State, verdict: Verdict, said: str) -> None:
    by = None if verdict is Verdict.EXPIRED else BEN
    reason = "not today" if verdict is Verdict.REJECTED else None
    told = result(
        replace(RELEASE, state=state), replace(APPROVAL, verdict=verdict, decided_by=by, reason=reason)
    )
    assert told is not None
    assert said in told.text
    assert "Production is untouched" in told.text


def test_open_releases_have_no_result_and_running_steps_no_line() -> None:
    assert result(RELEASE) is None
    assert log_line(StepRecord(Step.BUILD, StepState.RUNNING)) is None


def test_a_step_that_was_not_needed_says_so() -> None:
    line = log_line(StepRecord(Step.CATCH_UP, StepState.SKIPPED, "nothing was written since"))
    assert line is not None
    assert "skipped: nothing was written since" in line.text


def test_a_line_says_how_long_the_step_took() -> None:
    ended = NOON + timedelta(seconds=200)
    line = log_line(StepRecord(Step.BUILD, StepState.DONE, "41.2 MB, Node <24>.", NOON, ended))
    assert line is not None
    assert line.text.endswith("*Build the new version* done in 3 min 20 s: 41.2 MB, Node &lt;24&gt;")


def test_ids_of_known_people_become_mentions_and_nothing_else_does() -> None:
    assert naming(f"held by {ANN}, <!channel>", ANN) == f"held by <@{ANN}>, &lt;!channel&gt;"
    told = refusal(SiteBusy("blog", "r-1", "upgrade, staging", ANN), "/spirit").text
    assert f"started by <@{ANN}>" in told
    assert "/spirit cancel blog" in told
    assert "/ghost" not in told


def test_messages_that_look_the_same_have_one_digest() -> None:
    assert parent(RELEASE).digest == parent(replace(RELEASE, updated_at=NOON + timedelta(hours=1))).digest
    assert parent(RELEASE).digest != parent(replace(RELEASE, state=State.LIVE)).digest


def test_late_writes_are_offered_until_they_are_carried() -> None:
    taken = BackupTaken("b-1", "blog", "6.40.0", "b-1.db", "d" * 64, 1, {}, {}, NOON)
    late = LateWrites(
        taken, taken, ("post added: <Winter>",), ("member added: its email is taken",), ("images/a.png",)
    )
    live = replace(RELEASE, state=State.LIVE, facts=Facts(late=late))
    told = result(live)
    assert told is not None
    assert labels(told) == ["Carry over", "Rollback"]
    for line in (
        "post added: &lt;Winter&gt;",
        "file added: images/a.png",
        "member added: its email is taken",
    ):
        assert line in told.text
    conflicts = result(replace(live, facts=Facts(late=replace(late, carried=(), files=()))))
    assert conflicts is not None
    assert labels(conflicts) == ["Rollback"]
    assert "None of it can be carried over without a guess" in conflicts.text
    done = result(replace(live, facts=Facts(late=late, carried_over_by="r-2")))
    assert done is not None
    assert labels(done) == ["Rollback"]
    assert "Carried over by release r-2." in done.text


def test_the_card_of_late_writes_says_exactly_what_goes_in_and_what_not() -> None:
    taken = BackupTaken("b-1", "blog", "6.40.0", "b-1.db", "d" * 64, 1, {}, {}, NOON)
    many = tuple(f"post added: {number}" for number in range(12))
    carries = LateWrites(taken, taken, many, ("post changed: Autumn: it was changed in production too",))
    release = replace(RELEASE, kind=Kind.CARRY_OVER, from_version="6.65.0", facts=Facts(carries=carries))
    told = card(release, APPROVAL, (BEN,))
    assert "post added: 9" in told.text
    assert "and 2 more" in told.text
    assert "Autumn: it was changed in production too" in told.text
    assert "kept in backup b-1" in told.text


@pytest.mark.parametrize(
    ("stacks", "told"),
    [
        (None, ""),
        (Stacks("NODE|22-lts", "NODE|22-lts", "NODE|22-lts"), ""),
        (
            Stacks("NODE|14-lts", "NODE|14-lts", "NODE|22-lts"),
            "NODE|14-lts → NODE|22-lts: staging's was set by this release (it was NODE|14-lts); "
            "production gets it by the swap",
        ),
        (Stacks("NODE|14-lts", "NODE|22-lts", "NODE|22-lts"), "NODE|14-lts → NODE|22-lts: staging has it"),
        (
            Stacks("NODE|22-lts", "NODE|14-lts", "NODE|22-lts"),
            "NODE|22-lts: staging's was set by this release (it was NODE|14-lts)",
        ),
    ],
)
def test_the_card_tells_another_node_and_what_was_done_for_it(stacks: Stacks | None, told: str) -> None:
    message = card(replace(RELEASE, facts=Facts(stacks=stacks)), APPROVAL, [BEN])
    shown = [str(block) for block in message.blocks if "Node" in str(block)]
    assert bool(shown) == bool(told)
    assert all(told in block for block in shown)


def test_the_card_tells_the_way_and_what_there_is_to_say_of_package_and_theme() -> None:
    facts = Facts(
        stops=(Stop("4.48.9", "^16"), Stop("5.130.6", "^22")),
        warnings=("of the site",),
        package=PackageBuilt("6.65.0", "22.23.1", "p", "f", "d", 1, 1.0, False, ("of the package",)),
        theme=ThemeChecked("harbour", "6.6.1", (), tuple(f"rule {number}" for number in range(7))),
    )
    message = card(replace(RELEASE, from_version="4.1.2", facts=facts), APPROVAL, [BEN])
    assert "4.1.2 → 4.48.9 → 5.130.6 → 6.65.0" in str(message.blocks)
    for told in (
        "of the site",
        "of the package",
        "theme harbour: rule 4",
        "theme harbour: and 2 more of gscan 6.6.1",
    ):
        assert told in message.text
    assert "rule 5" not in message.text
