"""Small things that make a message good or silly: commands to copy, times, names, what is said once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.render.approval import card, decided_line
from bot.render.checked import checked
from bot.render.difference import difference
from bot.render.home import Seen, home_view
from bot.render.message import ago, as_typed, message, section, typed
from bot.render.release import log_line, parent
from bot.render.replies import reply, usage_error
from bot.render.result import result
from bot.render.rollback import rollback_card
from bot.render.slot_log import slot_log
from bot.render.watch import watch_message
from commands import COMMANDS, find, unknown
from commands.command import HelpReply, HistoryReply, UsageError
from release.checking import Finding, Outcome, SiteChecked
from release.difference import SlotsCompared
from release.model import (
    Approval,
    Candidate,
    Facts,
    Freeze,
    Kind,
    PageDiffers,
    PageSeen,
    Release,
    ReleaseNotes,
    Scheduled,
    SiteStatus,
    SlotStatus,
    State,
    Step,
    StepRecord,
    StepState,
    SwapDone,
    Verdict,
    WatchDecided,
    WatchEnd,
    WhatIsNew,
    Written,
)
from release.preflight import NotAnUpgrade
from release.records import Deed, Entry
from release.slot_log import SlotLog

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ANN, BEN, CLEO = "U0ANN000001", "U0BEN000001", "U0CLEO00001"
WAITING = Release(
    "r-7f3k2", Kind.UPGRADE, "blog", State.AWAITING_APPROVAL, ANN, "C1", NOON, NOON, "6.65.0", "6.40.0"
)
ASKED = Approval("a1", WAITING.id, Verdict.PENDING, NOON, NOON + timedelta(hours=24))
BACK = Release(
    "r-back1", Kind.ROLLBACK, "blog", State.AWAITING_APPROVAL, ANN, "C1", NOON, NOON, "6.40.0", "6.65.0"
)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("See /ghost history blog for more.", "See `/ship history blog` for more."),
        ("or (/ghost versions lists them)", "or (`/ship versions` lists them)"),
        ("Type /ghost upgrade 6.65.0 blog.", "Type `/ship upgrade 6.65.0 blog`."),
        (
            "/ghost restore b-20260301-120000-7f3a brings it",
            "`/ship restore b-20260301-120000-7f3a` brings it",
        ),
        ("`/ghost carry blog` is code already", "`/ghost carry blog` is code already"),
        ("/var/ghost logs are elsewhere", "/var/ghost logs are elsewhere"),
    ],
)
def test_a_command_in_a_text_can_be_copied_and_has_the_name_it_has_here(told: str, shown: str) -> None:
    assert as_typed(told, "/ship", ("blog",)) == shown
    sent = typed(message(told, section(told)), "/ship", ("blog",))
    assert sent.text == shown
    assert sent.blocks[0]["text"]["text"] == shown


def test_what_happened_a_moment_ago_is_not_counted_in_tenths() -> None:
    assert [ago(seconds) for seconds in (-1, 0.04, 4, 12.4, 200)] == [
        "just now", "just now", "just now", "12 s ago", "3 min 20 s ago",
    ]  # fmt: skip


def test_everybody_who_said_yes_is_named() -> None:
    approved = replace(
        ASKED, verdict=Verdict.APPROVED, decided_by=CLEO, decided_at=NOON, needed=2, votes=(BEN, CLEO)
    )
    assert decided_line(approved).startswith(f"Approved by <@{BEN}> and <@{CLEO}>,")
    live = result(replace(WAITING, state=State.LIVE, ended_at=NOON), approved)
    assert live is not None
    assert f"approved by <@{BEN}> and <@{CLEO}>." in live.text
    one_yes = replace(ASKED, needed=2, votes=(BEN,))
    assert "1 of 2 said yes" in parent(WAITING, one_yes).text


def test_who_broke_the_glass_is_said_to_have_been_alone() -> None:
    alone = replace(
        ASKED, verdict=Verdict.APPROVED, decided_by=CLEO, decided_at=NOON, reason="break-glass: It is down"
    )
    line = decided_line(alone)
    assert f"by <@{CLEO}> alone, breaking the glass," in line
    assert line.endswith("\nReason: It is down")


def test_a_card_that_is_decided_no_longer_leads_to_staging() -> None:
    candidate = Candidate("6.65.0", "p1", "d1", "6.40.0", "https://staging.example")
    release = replace(WAITING, facts=Facts(candidate=candidate))
    assert "https://staging.example" in str(card(release, ASKED, (BEN,)).blocks)
    decided = card(release, replace(ASKED, verdict=Verdict.APPROVED, decided_by=BEN, decided_at=NOON), (BEN,))
    assert "https://staging.example" not in str(decided.blocks)
    assert "if it changes" not in str(decided.blocks)


def test_what_is_frozen_says_so_on_top_of_its_thread() -> None:
    frozen = replace(WAITING, facts=Facts(frozen=Freeze("f1", "blog", BEN, NOON, None, "the sale")))
    assert f"and frozen by <@{BEN}> until somebody lifts it: the sale" in parent(frozen, ASKED).text


def test_an_end_without_a_decision_tells_its_reason_once() -> None:
    expired = replace(ASKED, verdict=Verdict.EXPIRED, reason="nobody decided in time")
    ended = result(replace(WAITING, state=State.EXPIRED, ended_at=NOON), expired)
    assert ended is not None
    assert "was not decided in time." in ended.text
    assert "Reason" not in ended.text


def test_a_swap_back_is_told_while_it_is_done() -> None:
    watch = WatchDecided(WatchEnd.TAKEN_BACK, NOON, BEN)
    going = replace(
        WAITING,
        state=State.PROMOTING,
        facts=Facts(watched_until=NOON, watch=watch),
        steps=(StepRecord(Step.OBSERVE, StepState.RUNNING, started_at=NOON),),
    )
    assert f"Swapping back to 6.40.0, as <@{BEN}> asked." in parent(going).text
    told = watch_message(going)
    assert told is not None
    assert f"blog was watched on 6.65.0: <@{BEN}> decided to swap back" in told.text


@pytest.mark.parametrize(("back", "said"), [(True, "is swapped back"), (False, "is to be swapped back")])
def test_what_turned_sick_is_called_swapped_back_once_it_is(back: bool, said: str) -> None:
    swap = SwapDone("6.40.0", "6.65.0", 8.1, 9.0, swapped_back=back)
    facts = Facts(watched_until=NOON, watch=WatchDecided(WatchEnd.TAKEN_BACK, NOON, why="no"), swap=swap)
    told = watch_message(replace(WAITING, state=State.FAILED, facts=facts))
    assert told is not None
    assert f"it turned sick and {said}" in told.text


def test_a_rollback_that_is_done_is_confirmed_and_promises_nothing_more() -> None:
    facts = Facts(left_behind=Written("nothing", "", "b-1"))
    asked = rollback_card(replace(BACK, facts=facts), ASKED)
    assert "What is written until the swap is kept" in str(asked.blocks)
    done = rollback_card(
        replace(BACK, facts=facts, state=State.ROLLED_BACK),
        replace(ASKED, verdict=Verdict.APPROVED, decided_by=BEN, decided_at=NOON),
    )
    assert f"Confirmed by <@{BEN}>" in done.text
    assert "What is written until the swap is kept" not in str(done.blocks)
    assert done.text.startswith("Rolled back: blog 6.65.0 → 6.40.0")
    assert "that is left behind" in done.text


@pytest.mark.parametrize("state", [State.PROMOTING, State.FAILED])
def test_a_rollback_that_is_confirmed_and_not_done_is_not_called_done(state: State) -> None:
    facts = Facts(left_behind=Written("nothing", "", "b-1"))
    confirmed = rollback_card(
        replace(BACK, facts=facts, state=state),
        replace(ASKED, verdict=Verdict.APPROVED, decided_by=BEN, decided_at=NOON),
    )
    assert confirmed.text.startswith("Confirmed: blog 6.65.0 → 6.40.0")
    assert "that would be left behind" in confirmed.text


def test_a_skipped_step_does_not_say_twice_that_it_was_not_needed() -> None:
    line = log_line(StepRecord(Step.OBSERVE, StepState.SKIPPED, "observe_minutes is 0", NOON, NOON))
    assert line is not None
    assert line.text.endswith("*Watch production* skipped: observe_minutes is 0")


def test_a_rollback_that_waits_is_decided_on_the_home_of_who_may() -> None:
    slot = SlotStatus("production", "running", "6.65.0", "", healthy=True)
    status = SiteStatus("blog", slot, slot, BACK, None, None)

    def shown(seen: Seen) -> str:
        return str(home_view(seen, CLEO, "/ghost"))

    theirs = shown(Seen((status,), questions={BACK.id: ASKED}))
    assert "confirm_rollback:r-back1" in theirs
    assert "keep_version:r-back1" in theirs
    assert "It waits for you" in theirs
    assert "'cancel:r-back1'" not in theirs, "keeping what runs is the same"
    assert "confirm_rollback" not in shown(Seen((status,)))


def test_a_slot_that_runs_and_does_not_answer_is_not_called_running_alone() -> None:
    sick = SlotStatus("staging", "running", "6.65.0", "", healthy=False)
    told = str(home_view(Seen((SiteStatus("blog", sick, sick, None, None, None),)), ANN, "/ghost"))
    assert ":warning: running, but its front page does not answer as it should" in told


def test_a_page_without_a_title_leaves_no_gap_in_the_table() -> None:
    page = PageDiffers("/robots.txt", PageSeen("200", "", 76, 5), PageSeen("200", "", 76, 4))
    told = difference(SlotsCompared("blog", (), (page,), staging_runs=True))
    assert "200, 76 bytes, 4 ms" in str(told.blocks)


def test_one_line_of_a_log_is_one_line_and_only_production_leads_to_staging() -> None:
    one = slot_log(SlotLog("production", "a.log", "2026", ("booted",)), "/ghost")
    assert one.text.startswith("The last line of production's")
    assert "logs SITE staging" in str(one.blocks)
    assert "logs SITE staging" not in str(
        slot_log(SlotLog("staging", "a.log", "2026", ("booted",)), "/ghost").blocks
    )


def test_a_command_that_can_wait_says_how() -> None:
    command = find("upgrade")
    assert command is not None
    assert "tomorrow 6:00" in reply(HelpReply((command,)), "/ghost").text
    assert "tomorrow 6:00" in usage_error(UsageError("I do not know “later”."), command, "/ghost").text
    status = find("status")
    assert status is not None
    assert "tomorrow 6:00" not in reply(HelpReply((status,)), "/ghost").text


def test_who_types_a_decision_is_led_to_its_buttons() -> None:
    assert "buttons on the card" in str(unknown("Approve", COMMANDS))
    assert "There is no command" in str(unknown("yes", COMMANDS))


def test_the_version_that_runs_already_is_not_called_not_newer() -> None:
    assert str(NotAnUpgrade("blog", "6.65.0", "6.65.0")) == "blog runs 6.65.0 already."
    assert str(NotAnUpgrade("blog", "6.65.0", "6.0.0")) == "blog runs 6.65.0 already, and 6.0.0 is not newer."


def test_the_audit_speaks_words_and_no_names_of_code() -> None:
    deed = Deed(CLEO, "break_glass", "a1", "asked for a reason", "blog", "r-7f3k2", "C1")
    told = reply(HistoryReply("blog", (), (Entry(1, NOON, deed, "d"),)), "/ghost").text
    assert "break glass r-7f3k2: asked for a reason" in told


def test_a_rollback_that_somebody_called_off_is_not_called_rejected() -> None:
    kept = replace(BACK, state=State.REJECTED, ended_at=NOON)
    no = replace(ASKED, verdict=Verdict.REJECTED, decided_by=ANN, decided_at=NOON)
    told = reply(HistoryReply("blog", (kept, BACK)), "/ghost").text
    assert "called off" in told
    assert "waiting for a decision" in told
    assert "rejected" not in told
    card_then = rollback_card(kept, no)
    assert card_then.text.startswith(f"Not rolled back: blog stays on 6.65.0\nCalled off by <@{ANN}>")


def test_who_ended_a_release_is_not_called_to_read_of_it() -> None:
    cancelled = replace(WAITING, state=State.CANCELLED, ended_at=NOON, cancel_asked_by=ANN)
    own = result(cancelled)
    assert own is not None
    assert own.text.count(f"<@{ANN}>") == 1
    by_ben = result(replace(cancelled, cancel_asked_by=BEN))
    assert by_ben is not None
    assert f"<@{ANN}>, start again whenever you like." in by_ben.text


def test_a_check_does_not_count_what_there_is_none_of() -> None:
    found = (Finding(Outcome.GOOD, "Azure"), Finding(Outcome.WARNING, "slow"))
    assert checked((SiteChecked("blog", found),)).text.startswith("*blog*: 1 warning. Nothing was changed.")


def test_what_comes_later_is_in_the_order_of_its_time() -> None:
    slot = SlotStatus("production", "running", "6.65.0", "", healthy=True)

    def waits(site: str, at: datetime | None) -> SiteStatus:
        one = Scheduled(f"s-{site}", site, f"upgrade {site}", ANN, "C1", NOON, at)
        return SiteStatus(site, slot, slot, None, None, None, scheduled=(one,))

    sites = (waits("late", NOON + timedelta(days=1)), waits("soon", NOON), waits("queued", None))
    told = str(home_view(Seen(sites), ANN, "/ghost"))
    assert told.index("upgrade queued,") < told.index("upgrade soon,") < told.index("upgrade late,")


def test_the_card_warns_before_it_tells_what_is_new() -> None:
    facts = Facts(
        warnings=("Take care",),
        passes=("6.41.0", "7.0.0"),
        new=WhatIsNew(ReleaseNotes("7.1.0", (), ("Added a clock",))),
    )
    told = card(replace(WAITING, version="7.1.0", facts=facts), ASKED, (BEN,))
    assert str(told.blocks).index("Take care") < str(told.blocks).index("Added a clock")
    assert (
        told.text.index("Crosses into Ghost 7")
        < told.text.index("Take care")
        < told.text.index("Added a clock")
    )
