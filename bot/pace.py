"""How fast Slack may be called: buckets of tokens that refill, and can be closed for a while."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """What Slack allows: about one post a second in a channel with short bursts, and 50 updates a minute
    (tier 3) for the whole workspace. `update_spacing` is in seconds, between two updates of one message;
    after a failure Slack is left alone for `first_pause` seconds, doubled each time up to `longest_pause`.
    """

    # One less than Slack takes: a call that is faster on its way than the one before would be one too many, and a
    # refusal costs a look for the message and another call.
    post_burst: int = 4
    posts_a_second: float = 1.0
    update_burst: int = 15
    updates_a_second: float = 50 / 60
    update_spacing: float = 1.5
    first_pause: float = 1.0
    longest_pause: float = 60.0

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, the present one not counted."""
        return float(min(self.longest_pause, self.first_pause * 2 ** min(failures, 20)))


ALLOWED = Pace()


class Bucket:
    """`burst` calls at once, then `per_second`."""

    def __init__(self, burst: int, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._tokens = float(burst)
        self._counted_at = clock()
        self._closed_until = 0.0
        self._in_line = 0

    def wait(self) -> float:
        """Seconds until the next call may be made; 0 when it may be made now."""
        self._refill()
        missing = max(0.0, 1.0 - self._tokens) / self._per_second
        return max(missing, self._closed_until - self._clock(), 0.0)

    def line_up(self) -> float:
        """As `wait`; where one has to wait, behind those who lined up since `begin_line`."""
        wait = self.wait()
        if wait > 0:
            wait += self._in_line / self._per_second
            self._in_line += 1
        return wait

    def begin_line(self) -> None:
        """Whoever lines up next is the first."""
        self._in_line = 0

    def take(self) -> None:
        """Count a call."""
        self._refill()
        self._tokens -= 1.0

    def close(self, seconds: float) -> None:
        """Slack asked for silence: no call for that long, and none saved up afterwards."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)
        self._tokens = min(self._tokens, 1.0)

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._counted_at) * self._per_second)
        self._counted_at = now
