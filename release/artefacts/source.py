"""Where one site's artefacts come from, whatever kind of place it is."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from release.artefacts.downloads import CHUNK, Downloads, own_file, without_query
from release.artefacts.errors import (
    ArtefactMissing,
    ArtefactTooLarge,
    ArtefactUnreachable,
    NoSuchSource,
    NotAnArtefact,
    WrongDigest,
)
from release.artefacts.reference import Place, Reference
from release.azure.blobs import Blobs, NotStored
from release.errors import ReleaseError
from release.ghost.archive import in_thread

DIGEST = re.compile(r"\b[0-9a-f]{64}\b", re.IGNORECASE)
DIGEST_FILE = 4096


@dataclass(frozen=True)
class Source:
    """The places that a site's settings allow. `prefix` is put before the names of blobs."""

    site: str
    downloads: Downloads | None
    folder: Path | None
    blobs: Blobs | None
    prefix: str
    most_bytes: int

    def find(self, reference: Reference) -> Reference:
        """The same with its place settled. Raises NoSuchSource."""
        place = reference.place
        if place is Place.ANYWHERE:
            place = Place.FOLDER if self.folder is not None else Place.CONTAINER
        missing = {
            Place.ADDRESS: "no host is allowed" if self.downloads is None else "",
            Place.FOLDER: "it has no folder for them" if self.folder is None else "",
            Place.CONTAINER: "it has no container for them" if self.blobs is None else "",
        }[place]
        if missing:
            raise NoSuchSource(self.site, missing)
        return Reference(place, reference.where)

    async def fetch(self, reference: Reference, target: Path) -> str:
        """The artefact is in `target`, readable for the bot only; returns its sha256."""
        reference = self.find(reference)
        if reference.place is Place.ADDRESS and self.downloads is not None:
            return await self.downloads.fetch(reference.where, target)
        if reference.place is Place.FOLDER and self.folder is not None:
            return await self._copy(self.folder, reference.where, target)
        return await self._from_container(reference.where, target)

    async def digest_beside(self, reference: Reference, target: Path) -> str | None:
        """What a file NAME.sha256 beside the artefact says it is; None where there is no such file."""
        told = self.find(reference).beside(f"{reference.file}.sha256")
        try:
            await self.fetch(told, target)
        except ReleaseError as error:
            # Storage that is public answers 403 for what is not there.
            if isinstance(error, ArtefactMissing) or "HTTP 403" in str(error):
                return None
            raise
        with target.open("rb") as file:
            found = DIGEST.search(file.read(DIGEST_FILE).decode("utf-8", "replace"))
        if found is None:
            raise NotAnArtefact(told.file[:80], "it holds no sha256 of 64 hexadecimal digits")
        return found.group().lower()

    async def _copy(self, folder: Path, path: str, target: Path) -> str:
        """A link in the folder may not lead out of it, either."""
        root = folder.resolve()
        source = (root / path).resolve()
        if not source.is_relative_to(root):
            raise NotAnArtefact(path[:80], "it leads out of the folder")
        if not source.is_file():
            raise ArtefactMissing(path)
        if source.stat().st_size > self.most_bytes:
            raise ArtefactTooLarge(path, f"{self.most_bytes / 1e6:.0f}")

        def copy() -> str:
            digest = hashlib.sha256()
            with source.open("rb") as origin, own_file(target) as copied:
                while chunk := origin.read(CHUNK):
                    digest.update(chunk)
                    copied.write(chunk)
            return digest.hexdigest()

        try:
            return await in_thread(lambda _: copy())
        except OSError as error:
            raise ArtefactUnreachable(path, error.strerror or type(error).__name__) from error

    async def _from_container(self, path: str, target: Path) -> str:
        if self.blobs is None:
            raise NoSuchSource(self.site, "it has no container for them")
        name = f"{self.prefix}{path}"
        try:
            if await self.blobs.size(name) > self.most_bytes:
                raise ArtefactTooLarge(path, f"{self.most_bytes / 1e6:.0f}")
            return await self.blobs.fetch(name, target)
        except NotStored as error:
            raise ArtefactMissing(f"{path} in {self.blobs.name}") from error


def expect(reference: Reference, found: str, *expected: str | None) -> None:
    """Raises WrongDigest unless the artefact has every digest that was told for it."""
    for told in expected:
        if told is not None and told.lower() != found:
            raise WrongDigest(without_query(reference.where), found[:12], told.lower()[:12])
