"""What App Service may do with the slots by itself, and a release cannot work with: auto swap, site authentication."""

import asyncio

from release.errors import ReleaseError
from release.site import PRODUCTION, Site


class SwapsByItself(ReleaseError):
    problem = "{0} has auto swap on: whatever is deployed there goes to {1} at once, before anybody has approved it."
    remedy = "Turn it off: `az webapp deployment slot auto-swap -g {2} -n {3} --slot {4} --disable`, then start again."


class NoPreview(ReleaseError):
    problem = (
        "{0} has site authentication on, and Azure refuses a swap with preview then: nothing could be tested with "
        "production's settings before it goes live."
    )
    remedy = (
        "Turn it off on both slots (portal: Authentication) and let the app itself, or what stands before it, ask who "
        "people are. Then start again."
    )


async def waits_to_be_swapped(site: Site) -> None:
    """What is deployed on staging stays there until it is swapped; else SwapsByItself."""
    to = await site.app.auto_swap(site.staging)
    if to:
        config = site.config
        raise SwapsByItself(
            site.app.called(site.staging), to, config.resource_group, config.app, site.staging
        )


async def takes_a_preview(site: Site) -> tuple[str, ...]:
    """Azure takes a swap with preview, else NoPreview; a sentence for people where that cannot be told."""
    slots = (PRODUCTION, site.staging)
    try:
        found = await asyncio.gather(*(site.app.site_authentication(slot) for slot in slots))
    except ReleaseError as error:
        return (f"Whether site authentication is on, which would refuse the swap, cannot be told: {error}",)
    on = [site.app.called(slot) for slot, is_on in zip(slots, found, strict=True) if is_on]
    if on:
        raise NoPreview(" and ".join(on))
    return ()
