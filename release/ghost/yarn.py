"""yarn 1, for Ghosts that ship a yarn.lock: exactly what is locked, as far as the registry has it.

Registries inside a company, and mirrors, carry some versions and not others. Where a locked one is missing, another
that the packages themselves accept is better than no release, as long as people are told.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from release.ghost.errors import CommandFailed
from release.ghost.process import Command, run

# More than that, and the registry is none for this Ghost.
MOST_MISSING = 15
# yarn refreshes its mutex all the time; where the machine is too busy for that, it takes its own for somebody else's.
STALE_TRIES = 3
_STALE = "Unable to update lock within the stale threshold"
_NOT_FOUND = re.compile(r"https?://[^/\s]+/(\S+?)/-/(\S+?)\.tgz: Request failed \"404")


def yarn_words(program: Path, yarn: Path, cache: Path, registry: Sequence[str]) -> list[str | Path]:
    """The command line that installs what production needs; `yarn` is the node_modules folder it is in."""
    return [
        program,
        yarn / "yarn" / "bin" / "yarn.js",
        "install",
        "--production",
        "--ignore-scripts",
        "--ignore-engines",
        "--non-interactive",
        "--cache-folder",
        cache,
        # Two yarns at once spoil each other's cache.
        "--mutex",
        f"file:{cache / '.mutex'}",
        *registry,
    ]


async def install_what_there_is(command: Command) -> tuple[str, ...]:
    """The command, run in a folder with a yarn.lock, ended well; returns the locked files that had to be replaced.

    Raises CommandFailed for anything but a few packages that the registry does not have.
    """
    lock = command.folder / "yarn.lock"
    missing: list[str] = []
    stale = 0
    while True:
        try:
            await run(command)
            return tuple(missing)
        except CommandFailed as error:
            if _STALE in error.detail and stale < STALE_TRIES:
                stale += 1
                continue
            # The log grows with each try: what it says last is of this one.
            found = _NOT_FOUND.findall(error.detail)
            if not found or len(missing) == MOST_MISSING:
                raise
            package, file = found[-1]
            if not await asyncio.to_thread(_unlock, lock, f"{package}/-/{file}.tgz"):
                raise
            missing.append(file)


def _unlock(lock: Path, file: str) -> bool:
    """The file is no longer in the lock file, which leaves the choice to yarn; whether it was."""
    entries = lock.read_text().split("\n\n")
    left = [entry for entry in entries if f"/{file}#" not in entry and f'/{file}"' not in entry]
    lock.write_text("\n\n".join(left))
    return len(left) < len(entries)
