"""Rate limits of the Web API: a bucket a method and, for posting, one a channel.

Slack's tiers promise 1+, 20+, 50+ and 100+ calls a minute; here a minute's worth may come at once and
the bucket refills evenly. chat.postMessage has its own rule: about one a second a channel, short bursts.
"""

import math
import time

TIERS = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}  # calls a minute; 5 stands for Slack's "special" tier
POST_BURST = 5  # messages a channel takes at once
POST_RATE = 1.0  # and then a second
FACTORS = {"slack": 1.0, "generous": 100.0}


class RateLimits:
    """Counts calls; ``take`` says when a call is one too many."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def forget(self) -> None:
        """Start counting afresh."""
        self._buckets.clear()

    def take(self, method: str, tier: int, channel: str | None, mode: str) -> int | None:
        """Count one call. None, or the whole seconds after which to try again."""
        if mode == "off":
            return None
        factor = FACTORS[mode]
        a_minute = TIERS[tier] * factor
        waits = [self._missing(method, a_minute, a_minute / 60)]
        if method == "chat.postMessage" and channel:
            waits.append(self._missing(f"{method} {channel}", POST_BURST * factor, POST_RATE * factor))
        wait = max(waits)
        if wait > 0:
            return max(1, math.ceil(wait))
        self._spend(method)
        if method == "chat.postMessage" and channel:
            self._spend(f"{method} {channel}")
        return None

    def _missing(self, key: str, capacity: float, a_second: float) -> float:
        """Refill the bucket; the seconds until it holds one call, 0 when it does."""
        at = time.monotonic()
        left, filled = self._buckets.get(key, (capacity, at))
        left = min(capacity, left + (at - filled) * a_second)
        self._buckets[key] = (left, at)
        return 0.0 if left >= 1 else (1 - left) / a_second

    def _spend(self, key: str) -> None:
        left, filled = self._buckets[key]
        self._buckets[key] = (left - 1, filled)
