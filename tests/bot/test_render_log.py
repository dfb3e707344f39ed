"""A log's end fits into a message, whatever is in it."""

from bot.render.slot_log import slot_log
from release.slot_log import SlotLog
from tests.bot.limits import assert_slack_takes


def test_the_last_lines_are_shown_and_fit() -> None:
    lines = (*(f"<{number}> & ``` {'x' * 500}" for number in range(500)), "the end")
    told = slot_log(SlotLog("staging", "a.log", "2026", lines), "/ghost")
    assert_slack_takes(told)
    assert "the end" in told.text
    assert "<499>" not in told.text
    assert told.text.count("```") == 0


def test_an_empty_log_says_so() -> None:
    assert "The log is empty" in slot_log(SlotLog("staging", "a.log", "2026", ()), "/ghost").text
