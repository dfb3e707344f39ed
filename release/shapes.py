"""The kinds of sites there are."""

from release.deployments.whole import Whole
from release.ghost.pages import GhostPages
from release.model import Kind
from release.shape import Shape

GHOST_ON_SQLITE = Shape(
    words="Ghost on SQLite",
    kinds=frozenset(
        {
            Kind.UPGRADE,
            Kind.BACKUP,
            Kind.SWAP,
            Kind.ROLLBACK,
            Kind.VERIFY,
            Kind.VERIFY_KEPT,
            Kind.RESTORE,
            Kind.CARRY_OVER,
        }
    ),
    pages=GhostPages(),
    deployment=Whole(),
    address_setting="url",
)
"""The database is a file in the site's content, copied and migrated off the server."""
