"""Traffic routing that somebody left on: with it some visitors get what is on staging, before and after a swap.

It is cleared by the release itself, right before it would hurt: when staging is about to be stopped and filled, or else
right before the swap. What it was is written down first, so that it can be set again.
"""

from collections.abc import Awaitable, Callable, Mapping

from release.site import PRODUCTION, Site

Keep = Callable[[Mapping[str, float]], Awaitable[None]]


async def clear_routing(site: Site, keep: Keep) -> str:
    """Nobody is routed to another slot afterwards; in words what was done, empty where nobody was.

    `keep` gets the rules before they are cleared. Nothing happens during a preview: Azure takes no configuration then.
    """
    rules = await site.app.routed()
    if not rules or (await site.app.slot(PRODUCTION)).target_swap_slot is not None:
        return ""
    await keep(rules)
    await site.app.route_nobody()
    return f"traffic routing cleared ({in_words(rules)})"


def in_words(rules: Mapping[str, float]) -> str:
    """`12.5 % to staging`."""
    return ", ".join(f"{share:g} % to {slot}" for slot, share in sorted(rules.items()))


def how_to_set_again(group: str, app: str, rules: Mapping[str, float]) -> str:
    """The command that brings the rules back."""
    distribution = " ".join(f"{slot}={share:g}" for slot, share in sorted(rules.items()))
    return f"az webapp traffic-routing set -g {group} -n {app} --distribution {distribution}"


def will_be_cleared(rules: Mapping[str, float]) -> tuple[str, ...]:
    """For the people who approve; empty where nobody is routed."""
    if not rules:
        return ()
    told = f"Traffic routing sends visitors to another slot ({in_words(rules)})."
    return (f"{told} The release clears it, and says how to set it again.",)
