"""The way from one Ghost to another: where a database stops on it.

Ghost's own guidance is to go to the last version of a major before the next one; each brings the migrations that
the next expects to be done. The stops are for the copy of the database alone, so visitors see one swap.
"""

from collections.abc import Iterable, Sequence

from release.errors import ReleaseError
from release.ghost.releases import GhostRelease
from release.version import Version

# Ghost 1.0 began a new schema: older blogs are exported and imported.
FIRST_MAJOR = 1


class TooOld(ReleaseError):
    problem = "Ghost {0} keeps its content in a form that no later Ghost migrates."
    remedy = "Export it in the old blog's labs, set up a new blog, and import it there; then releases work."


def stops_between(
    current: Version, target: Version, published: Iterable[GhostRelease]
) -> tuple[GhostRelease, ...]:
    """The last published version of each major that is left on the way, oldest first; without both ends.

    A major of which nothing newer than `current` was published is passed by. Raises TooOld.
    """
    if current.major < FIRST_MAJOR <= target.major:
        raise TooOld(str(current))
    last: dict[int, GhostRelease] = {}
    for release in published:
        version = release.version
        if current < version < target and version.major < target.major:
            known = last.get(version.major)
            if known is None or known.version < version:
                last[version.major] = release
    return tuple(last[major] for major in sorted(last))


def path_in_words(versions: Sequence[str]) -> str:
    """ "4.1.2 → 4.48.9 → 5.130.6 → 6.65.0"."""
    return " → ".join(versions)
