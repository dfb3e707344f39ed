"""What the old slot took at the last moment: written down whole, its files kept, and both ready to be carried over."""

import asyncio
import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from release.backups import BackupStore, Beside
from release.content import LateFiles, is_content, list_content
from release.ghost.build import Package
from release.ghost.carry_over import LateCopies, LeftOut, align_people
from release.ghost.database import inspect
from release.ghost.differences import Difference, Told, in_words, named
from release.ghost.migrate import Migrator, migrate_copy
from release.ghost.npm import Npm
from release.model import BackupTaken, LateWrites, Written
from release.site import Site

SHOWN = 20
NO_FILES = LateFiles({}, {})


async def keep_written(
    store: BackupStore,
    backup: BackupTaken,
    found: tuple[Difference, ...],
    work: Path,
    files: LateFiles = NO_FILES,
    left_out: tuple[LeftOut, ...] = (),
) -> Written:
    """All of it by title is kept beside the backup that holds it; returns it in the words of one line."""
    whole = {
        "written": [{"what": one.words} | asdict(one) for kind in found for one in kind.listed],
        "files": asdict(files),
        "not_carried_over": [told(one) for one in left_out],
    }
    text = json.dumps(whole, indent=1, ensure_ascii=False)

    def write() -> Path:
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = work / Beside.WRITTEN
        path.write_text(text, encoding="utf-8", errors="replace")
        return path

    await store.keep_beside(backup, Beside.WRITTEN, await asyncio.to_thread(write))
    words, names = in_words(found), named(found)
    for count, what in ((len(files.added), "added"), (len(files.changed), "changed")):
        if count:
            told_so_far = f"{words}, " if words != "nothing" else ""
            words = f"{told_so_far}{count} {'file' if count == 1 else 'files'} {what}"
    paths = "; ".join(first([*files.added, *files.changed]))
    return Written(words, "; ".join(part for part in (names, paths) if part), backup.id)


async def keep_late_files(
    site: Site, store: BackupStore, backup: BackupTaken, files: LateFiles, work: Path
) -> str | None:
    """Copies of the late files are kept beside the backup: the next release empties the slot they are on.

    Returns the sha256 of the zip they are in; None where there are none.
    """
    paths = (*files.added, *files.changed)
    if not paths:
        return None
    kudu = await site.kudu(site.staging)
    await asyncio.to_thread(work.mkdir, parents=True, exist_ok=True, mode=0o700)
    archive, file = work / Beside.LATE_FILES, work / "late-file"
    await asyncio.to_thread(archive.unlink, missing_ok=True)
    for path in paths:
        await kudu.download(f"{site.config.content}/{path}", file)
        await asyncio.to_thread(_add, archive, file, path)
    return await store.keep_beside(backup, Beside.LATE_FILES, archive)


async def put_late_files(site: Site, store: BackupStore, late: LateWrites, work: Path) -> tuple[str, ...]:
    """Late files that production has none of are on staging; returns their paths. Others are left as they are."""
    if late.files_digest is None:
        return ()
    archive = await store.read_beside(late.late, Beside.LATE_FILES, late.files_digest)
    there = await list_content(site)
    kudu = await site.kudu(site.staging)
    paths = [path for path in await asyncio.to_thread(_names, archive) if path not in there]
    for path in paths:
        file = await asyncio.to_thread(_take, archive, path, work)
        await kudu.upload(f"{site.config.content}/{path}", file)
    return tuple(paths)


async def late_copies(
    package: Package,
    base: Path,
    late: Path,
    target: Path,
    work: Path,
    npm: Npm,
    stops: Sequence[Migrator] = (),
) -> LateCopies:
    """The two old databases, and copies of them as the version of `target`, the package's, makes them, below `work`.

    They go through the same `stops` as production's did.
    """
    if (await inspect(base)).version == (await inspect(target)).version:
        return LateCopies(base, late, base, late)
    copies: list[Path] = []
    for name, database in (("base", base), ("late", late)):
        folder = work / name
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        copy = Path((await migrate_copy(package, database, folder, npm, stops)).path)
        await align_people(copy, target)
        copies.append(copy)
    return LateCopies(base, late, *copies)


def late_writes(
    base: BackupTaken,
    late: BackupTaken,
    carried: tuple[Told, ...],
    left_out: tuple[LeftOut, ...],
    files: LateFiles = NO_FILES,
    files_digest: str | None = None,
) -> LateWrites:
    """The same in words, for people and the records: the first of each."""
    kept = [f"file changed: {path}: production has one of that name" for path in files.changed]
    return LateWrites(
        base,
        late,
        first([one.words for one in carried]),
        first([*(told(one) for one in left_out), *kept]),
        first([*files.added]),
        files_digest,
    )


def told(one: LeftOut) -> str:
    """ "post changed: Autumn: it was changed in production too"."""
    return f"{one.what.words}: {one.why}"


def first(names: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """The first of many, and how many more there are."""
    more = (f"and {len(names) - SHOWN} more",) if len(names) > SHOWN else ()
    return (*names[:SHOWN], *more)


def _add(archive: Path, file: Path, path: str) -> None:
    archive.touch(mode=0o600)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as kept:
        kept.write(file, path)
    file.unlink()


def _names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as kept:
        return [name for name in kept.namelist() if is_content(name)]


def _take(archive: Path, path: str, work: Path) -> Path:
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = work / "late-file"
    with zipfile.ZipFile(archive) as kept, kept.open(path) as source, file.open("wb") as to:
        shutil.copyfileobj(source, to)
    return file
