"""An artefact taken apart: the site's files packed anew, the migrations beside them. Nothing is believed."""

import stat
import threading
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from release.artefacts.errors import NoBundle, UnsafeArtefact
from release.ghost.archive import BLOCK, FIXED_TIME, MOST_FILES, MOST_NAME, STORED, Stopped, in_thread
from release.ghost.cache import file_digest

# Unpacked; a zip of zeros shrinks to a thousandth.
MOST_UNPACKED = 2 << 30


@dataclass(frozen=True)
class Packed:
    """A zip made here: names sorted, times fixed, so that equal files have one digest. `size` in bytes."""

    path: Path
    digest: str
    size: int
    files: int


async def split(
    archive: Path, name: str, bundle: str, site: Path, migrations: Path
) -> tuple[Packed, Packed | None]:
    """The artefact's files are in the zip `site`, those of its folder `bundle` in `migrations`, if it names one.

    Raises UnsafeArtefact for names that would leave their folder, for links and devices, for two files of one name and
    beyond 2 GiB unpacked or 100,000 files; NoBundle where the folder is empty.
    """
    return await in_thread(lambda stop: _split(archive, name, bundle, site, migrations, stop))


async def pack_again(archive: Path, name: str, packed: Path) -> Packed:
    """All of an artefact's files, checked in the same way, in a zip of ours."""
    found, _ = await split(archive, name, "", packed, packed)
    return found


def _split(
    archive: Path, name: str, bundle: str, site: Path, migrations: Path, stop: threading.Event
) -> tuple[Packed, Packed | None]:
    inside = tuple(PurePosixPath(bundle).parts)
    try:
        with zipfile.ZipFile(archive) as source:
            entries = _checked(source, name)
            of_bundle = {
                path: entry for path, entry in entries.items() if inside and path[: len(inside)] == inside
            }
            rest = {path: entry for path, entry in entries.items() if path not in of_bundle}
            if inside and not of_bundle:
                raise NoBundle(name, f"its folder {bundle}")
            if not rest:
                raise UnsafeArtefact(name, "there are no files of a site in it")
            shorter = {path[len(inside) :]: entry for path, entry in of_bundle.items()}
            packed = _pack(source, shorter, migrations, stop) if shorter else None
            return _pack(source, rest, site, stop), packed
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, UnicodeError) as error:
        raise UnsafeArtefact(name, "it is no zip, or a damaged one") from error
    except RuntimeError as error:  # what zipfile raises for an encrypted member
        raise UnsafeArtefact(name, "it is encrypted") from error


def _checked(source: zipfile.ZipFile, name: str) -> dict[tuple[str, ...], zipfile.ZipInfo]:
    """Every file by the parts of its path; folders are left out, as they come with their files."""
    entries = source.infolist()
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise UnsafeArtefact(name, "unpacked it would be larger than any site")
    found: dict[tuple[str, ...], zipfile.ZipInfo] = {}
    for entry in entries:
        # Old tools of Windows write backslashes.
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        shown = entry.filename[:80]
        drive = bool(path.parts) and path.parts[0].endswith(":")
        if path.is_absolute() or ".." in path.parts or drive or len(entry.filename) > MOST_NAME:
            raise UnsafeArtefact(name, f"{shown} would leave its folder")
        mode = entry.external_attr >> 16
        # Tools of Windows leave the mode out.
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeArtefact(name, f"{shown} is no plain file")
        if entry.filename.endswith(("/", "\\")) or stat.S_ISDIR(mode) or not path.parts:
            continue
        if path.parts in found:
            raise UnsafeArtefact(name, f"{shown} is in it twice")
        found[path.parts] = entry
    return found


def _pack(
    source: zipfile.ZipFile,
    entries: dict[tuple[str, ...], zipfile.ZipInfo],
    packed: Path,
    stop: threading.Event,
) -> Packed:
    packed.unlink(missing_ok=True)
    packed.touch(mode=0o600)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for path in sorted(entries):
            if stop.is_set():
                raise Stopped
            origin = entries[path]
            entry = zipfile.ZipInfo("/".join(path), FIXED_TIME)
            executable = bool((origin.external_attr >> 16) & stat.S_IXUSR)
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            stored = PurePosixPath(path[-1]).suffix.lower() in STORED
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.file_size = origin.file_size
            # zipfile gives no more bytes than the entry says, whatever is compressed in there.
            with source.open(origin) as read, target.open(entry, "w") as written:
                while block := read.read(BLOCK):
                    written.write(block)
    return Packed(packed, file_digest(packed), packed.stat().st_size, len(entries))
