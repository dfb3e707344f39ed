"""What people should know of a swap beside its figures: whether production was warm, and what was cleared for it."""

from bot.render.message import escape
from release.model import Release

# What the people of the second seed measured: cold, their ping took a minute; warmed up, one to three seconds.
WARM_MS = 3_000
COLD_MS = 20_000
MEASURE = "warm is up to 3 s, cold a minute"


def warmth(release: Release) -> str:
    """`warm`, `slow (...)` or `cold (...)`, by the slowest answer that anybody got around the swap."""
    swap, probe = release.facts.swap, release.facts.probe
    if swap is None:
        return ""
    slowest = max(swap.first_response_ms, probe.slowest_ms if probe else 0)
    if slowest <= WARM_MS:
        return "warm"
    if slowest <= COLD_MS:
        return f":warning: slow ({MEASURE})"
    return f":warning: cold ({MEASURE}): Azure's warm-up did not reach the app, see its warnings"


def routing_line(release: Release) -> str:
    """That traffic routing was cleared, and how it is set again; empty where there was none."""
    cleared = release.facts.routing_cleared
    if cleared is None:
        return ""
    return (
        f":twisted_rightwards_arrows: Traffic routing was cleared ({escape(cleared.words)}), since it would show some "
        f"visitors another version. Where it is still wanted: `{escape(cleared.again)}`"
    )
