"""How long a site's releases usually take, so that people know when to look again."""

import statistics
from datetime import datetime, timedelta

from release.model import Release, State
from release.records import Records

LOOKED_THROUGH = 20
UNDER_WAY = (State.STAGING, State.PROMOTING)


async def expected_at(records: Records, release: Release) -> datetime | None:
    """When the release is expected to ask, or after the approval to be over; None where no earlier one tells.

    The median of the site's last releases of the same kind that came so far, from their own beginnings.
    """
    if release.state not in UNDER_WAY:
        return None
    approval = await records.approval_of(release.id)
    decided_at = approval.decided_at if approval else None
    began = release.asked_at if release.state is State.STAGING else decided_at
    lengths = [
        length
        for earlier in await records.history(release.site, LOOKED_THROUGH)
        if earlier.kind is release.kind and earlier.id != release.id
        if (length := await _length(records, earlier, release.state)) is not None
    ]
    if not lengths or began is None:
        return None
    return began + timedelta(seconds=statistics.median(lengths))


async def _length(records: Records, earlier: Release, phase: State) -> float | None:
    """Seconds of that phase of an earlier release; None where it did not come to its end."""
    approval = await records.approval_of(earlier.id)
    if approval is None:
        return None
    if phase is State.STAGING:
        return (approval.asked_at - earlier.asked_at).total_seconds()
    if earlier.state is not State.LIVE or approval.decided_at is None or earlier.ended_at is None:
        return None
    return (earlier.ended_at - approval.decided_at).total_seconds()
