"""Which late writes there are to carry over, told by the records alone."""

from release.errors import ReleaseError
from release.model import Kind, Release, State
from release.records import Records


class NothingToCarry(ReleaseError):
    problem = "There is nothing on {0} that could be carried over: {1}."
    remedy = "The last release's thread tells what came late, and in which backup it is kept."


async def carried_from(records: Records, site: str, backup: str | None) -> Release | None:
    """The release of a site whose late writes are kept in this backup."""
    for release in await records.reached_production(site):
        if release.facts.late is not None and release.facts.late.late.id == backup:
            return release
    return None


async def to_carry(records: Records, site: str) -> Release:
    """The release that production runs, if some of its late writes can be carried over. Raises NothingToCarry."""
    for release in await records.reached_production(site):
        taken_back = release.state is State.ROLLED_BACK and release.kind is Kind.CARRY_OVER
        if taken_back or (release.state is State.ROLLED_BACK and await _undoes_a_carry(records, release)):
            continue
        if release.state is State.ROLLED_BACK:
            break
        if release.state is State.LIVE:
            return _with_something(release)
    raise NothingToCarry(site, "no release of the bot is live")


async def _undoes_a_carry(records: Records, rollback: Release) -> bool:
    return rollback.undoes is not None and (await records.release(rollback.undoes)).kind is Kind.CARRY_OVER


def _with_something(release: Release) -> Release:
    late, done_by = release.facts.late, release.facts.carried_over_by
    if done_by is not None:
        raise NothingToCarry(release.site, f"{done_by} carried the late writes of {release.id} over already")
    if late is None or not late.anything:
        raise NothingToCarry(release.site, f"nothing came late to {release.id} that is safe to carry")
    return release
