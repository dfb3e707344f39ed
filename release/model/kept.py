"""What is kept for later: backups and packages."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class BackupTaken:
    """A checked copy of production's database, as it was found whole when it was taken.

    `path` is relative to the backup folder, `digest` sha256 of the file, `size` its bytes. `rows` counts
    every table. `files` is how many files the content folders held then; they are listed beside the backup, not
    in it, and None where nobody looked. `verified_at` is when a Ghost was last booted on a copy of it and read back.
    `slot` is the one it was taken from where that is not what production held. Of a database on a server the file is
    a picture to compare with, and what is restored is the dump beside it, whose sha256 is `dump_digest`; `size` is
    the dump's then.
    """

    id: str
    site: str
    version: str
    path: str
    digest: str
    size: int
    rows: dict[str, int]
    content_digests: dict[str, str]
    taken_at: datetime
    verified_at: datetime | None = None
    files: int | None = None
    files_digest: str | None = None
    slot: str | None = None
    dump_digest: str | None = None


@dataclass(frozen=True)
class ReadBack:
    """What a Ghost, booted on a copy of a backup, told over HTTP. `version` is major.minor.

    `post` is the address of the post that was opened, None on a blog without published posts; `totals`
    what its Admin API listed, empty where the backup holds no key for it. `seconds` from start to end.
    """

    version: str
    post: str | None
    totals: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class PackageStored:
    """A built package in the storage. `digest` is sha256 of the zip, `size` its bytes.

    `links` are its command links, path -> target, which the zip leaves out; `driver` and `warnings` are as in
    the package, "" for none.
    """

    key: str
    digest: str
    size: int
    driver: str
    warnings: str
    links: dict[str, str]
