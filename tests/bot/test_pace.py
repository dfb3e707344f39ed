"""How fast Slack is called."""

import pytest

from bot.pace import Bucket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_at_once_and_then_one_by_one() -> None:
    clock = Clock()
    bucket = Bucket(burst=3, per_second=0.5, clock=clock)
    for _ in range(3):
        assert bucket.wait() == 0
        bucket.take()
    assert bucket.wait() == pytest.approx(2.0)
    clock.now += 2.0
    assert bucket.wait() == pytest.approx(0.0)


def test_nothing_is_called_while_slack_wants_silence_and_no_burst_follows() -> None:
    clock = Clock()
    bucket = Bucket(burst=10, per_second=0.001, clock=clock)
    bucket.close(30)
    assert bucket.wait() == pytest.approx(30)
    clock.now += 30
    assert bucket.wait() == 0
    bucket.take()
    assert bucket.wait() > 900


def test_a_rest_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    bucket = Bucket(burst=2, per_second=1, clock=clock)
    clock.now += 3600
    bucket.take()
    bucket.take()
    assert bucket.wait() == pytest.approx(1.0)


def test_those_who_wait_line_up_one_behind_the_other() -> None:
    clock = Clock()
    bucket = Bucket(burst=1, per_second=0.5, clock=clock)
    assert bucket.line_up() == 0
    bucket.take()
    assert [bucket.line_up() for _ in range(3)] == pytest.approx([2.0, 4.0, 6.0])
    bucket.begin_line()
    clock.now += 1
    assert bucket.line_up() == pytest.approx(1.0)
