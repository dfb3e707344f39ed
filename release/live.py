"""Which release production runs, and which migrated its database last."""

from release.migrations.errors import NothingToUndo
from release.model import (
    Release,
    State,
    Step,
    StepState,
)
from release.records import Records
from release.site import Site
from release.swap import Held, change_of, held_by_production


async def _failed_and_live(site: Site, release: Release) -> bool:
    """Whether production holds what a failed release swapped in: one that was not verified, or not swapped back."""
    swapped = release.step(Step.SWAP).state is not StepState.PENDING
    if release.state is not State.FAILED or release.kind.goes_back or not swapped:
        return False
    if release.facts.swap is not None and release.facts.swap.swapped_back:
        return False
    return (await held_by_production(site, change_of(release)))[0] is Held.AFTER


async def last_live(site: Site, records: Records) -> Release | None:
    """The release that is in production now, if the bot put it there. One may have failed and yet be live."""
    for release in await records.reached_production(site.name):
        if release.state is State.LIVE or await _failed_and_live(site, release):
            return release
        if release.state is State.ROLLED_BACK and not release.kind.goes_back:
            return None
    return None


async def last_migrated(site: Site, records: Records) -> Release:
    """The newest release that has migrated the shared database. Raises NothingToUndo."""
    release = await records.newest_migration(site.name)
    if release is None or release.facts.schema is None:
        raise NothingToUndo(site.name, "none of its releases has migrated the database")
    if release.facts.schema.undone_by is not None:
        raise NothingToUndo(site.name, f"{release.facts.schema.undone_by} has undone the last one")
    return release
