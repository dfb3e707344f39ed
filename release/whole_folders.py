"""Which folders are copied whole, each as one zip: what is asked of Kudu then grows with folders, not with files."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from release.azure.kudu import Entry

# Below this a file is as quick by itself.
FEWEST_FILES = 8
# Of what lies below a folder, so much has to be copied that the rest may come along.
MOSTLY = 0.9
# A zip is taken in by Kudu within one request; one that breaks off is sent again from its beginning.
MOST_BYTES = 128 * 1024 * 1024
MOST_FILES = 2000


@dataclass
class _Folder:
    files: int = 0
    bytes: int = 0
    copied_files: int = 0
    copied_bytes: int = 0
    below: set[str] = field(default_factory=set)

    @property
    def is_worth_it(self) -> bool:
        mostly = self.copied_files >= MOSTLY * self.files and self.copied_bytes >= MOSTLY * self.bytes
        return mostly and self.copied_files >= FEWEST_FILES

    @property
    def is_small_enough(self) -> bool:
        return self.files <= MOST_FILES and self.bytes <= MOST_BYTES


def whole_folders(seen: Mapping[str, Entry], copy: Set[str], roots: tuple[str, ...]) -> tuple[str, ...]:
    """The topmost folders, at or below `roots`, of which nearly all is to be copied, and none larger than a zip may be.

    `seen` are all files by path, `copy` the paths of those to be copied. No folder lies in another one.
    """
    folders: dict[str, _Folder] = {root: _Folder() for root in roots}
    for path, entry in seen.items():
        for folder in _above(path, roots):
            found = folders.setdefault(folder, _Folder())
            found.files += 1
            found.bytes += entry.size
            if path in copy:
                found.copied_files += 1
                found.copied_bytes += entry.size
    for folder in folders:
        above = str(PurePosixPath(folder).parent)
        if folder not in roots and above in folders:
            folders[above].below.add(folder)
    chosen: list[str] = []
    waiting = list(roots)
    while waiting:
        folder = waiting.pop()
        if folders[folder].is_worth_it and folders[folder].is_small_enough:
            chosen.append(folder)
        else:
            waiting += folders[folder].below
    return tuple(sorted(chosen))


def _above(path: str, roots: tuple[str, ...]) -> Iterator[str]:
    """The folders that a file lies in, up to its root; none where it lies in no root."""
    root = next((root for root in roots if path.startswith(f"{root}/")), None)
    if root is None:
        return
    folder = PurePosixPath(path).parent
    while str(folder) != root:
        yield str(folder)
        folder = folder.parent
    yield root
