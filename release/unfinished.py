"""A slot between two states: what is on it is neither what was there nor a tested candidate, and is never swapped.

The note stands where the bot's mark stands, so that one replaces the other: put there right before a deployment,
replaced by the mark once the slot has its database.
"""

import json
from dataclasses import asdict, dataclass

from release.errors import ReleaseError
from release.site import Site
from release.staging import MARK


class UnfinishedThere(ReleaseError):
    problem = "{0} holds what {1} left unfinished there: its files and its database do not belong together."
    remedy = (
        "Nothing was started or swapped. Put a version on staging first: /ghost upgrade or /ghost restore."
    )


@dataclass(frozen=True)
class _Note:
    """`deployment` is the one the note is about; empty while that is still under way."""

    unfinished: str
    deployment: str


async def note_unfinished(site: Site, release: str, deployment: str = "") -> None:
    """Until a mark is left again, staging is known as unfinished, or until somebody else deploys there."""
    note = json.dumps(asdict(_Note(release, deployment))).encode()
    await (await site.kudu(site.staging)).write(site.note(MARK), note)


async def unfinished_by(site: Site) -> str | None:
    """The release that left staging unfinished; None where it is whole, or somebody deployed over it since."""
    kudu = await site.kudu(site.staging)
    try:
        note = _Note(**json.loads(await kudu.read(site.note(MARK)) or b"{}"))
    except (ValueError, TypeError):
        return None
    if note.deployment and await site.shape.deployment.latest(site) != note.deployment:
        return None
    return note.unfinished


async def refuse_unfinished(site: Site) -> None:
    """Raises UnfinishedThere if staging may not be started or swapped."""
    release = await unfinished_by(site)
    if release is not None:
        raise UnfinishedThere(site.app.called(site.staging), release)
