"""What a release finds out and makes on the way to its candidate."""

from dataclasses import dataclass, replace
from datetime import datetime

from release.model.kept import BackupTaken
from release.model.seen import ProbeSeen


@dataclass(frozen=True)
class PackageBuilt:
    """What is deployed. `size` in bytes; `digest` is sha256 of the zip; `warnings` are for those who approve."""

    version: str
    node: str
    path: str
    folder: str
    digest: str
    size: int
    seconds: float
    from_cache: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stop:
    """A Ghost that a database stops at on its way; `node` are the Nodes it accepts, in npm's notation."""

    version: str
    node: str


@dataclass(frozen=True)
class Stacks:
    """Stacks of App Service, as "NODE|22-lts": production's, the one that staging had, and the one it needs."""

    production: str
    staging: str
    needed: str

    @property
    def differ(self) -> bool:
        """Whether staging is given another one than it had."""
        return self.staging != self.needed


@dataclass(frozen=True)
class ArtefactAsked:
    """What somebody wants deployed, as they named it: never with a secret. `digest` is the sha256 they told."""

    where: str
    digest: str | None = None

    @property
    def shown(self) -> str:
        """As all may read it: of an address without its query, which may hold a key under any name."""
        return self.where.partition("?")[0] if "://" in self.where else self.where


@dataclass(frozen=True)
class Artefact:
    """What was fetched and checked. `fetched` is its sha256 as it came, `digest` that of the site's zip made of it.

    `bundle` is the sha256 of its migrations' zip, empty for none; `size` the site's zip's bytes.
    """

    name: str
    fetched: str
    digest: str
    size: int
    files: int
    bundle: str = ""


@dataclass(frozen=True)
class SchemaMigrated:
    """What was done to the database that both slots share.

    `pending` are the migrations that waited, None where the tool cannot list them; `lock` says who was kept away.
    `ended_at` is None while nobody knows whether it came to its end. `log` is the whole output, in the data folder.
    `down_by` is the release that has begun to undo it where the tool cannot list what is pending, `undone_by` the one
    that has undone it.
    """

    pending: tuple[str, ...] | None
    began_at: datetime
    log: str
    lock: str = ""
    ended_at: datetime | None = None
    seconds: float = 0
    visitors: ProbeSeen | None = None
    down_by: str | None = None
    undone_by: str | None = None


@dataclass(frozen=True)
class MigrationDone:
    """`rows` is table -> (before, after); `path` the migrated copy on the bot's disk; `stops` were gone through."""

    from_version: str
    to_version: str
    path: str
    digest: str
    rows: dict[str, tuple[int, int]]
    seconds: float
    stops: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThemeChecked:
    """What Ghost's own checker says of a theme: why the new version refuses it, and what it does not like."""

    theme: str
    gscan: str
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContentLacking:
    """What staging lacked of production's content when stock was taken. `size` in bytes."""

    files: int
    size: int


@dataclass(frozen=True)
class ContentSynced:
    """Files of the content folders: how many were looked at, and what had to move. `copied_bytes` in bytes.

    `left_out` are paths that Kudu lists and does not give out, so that they could not be copied.
    """

    looked_at: int
    copied: int
    copied_bytes: int
    removed: int
    left_out: tuple[str, ...] = ()

    def after(self, earlier: "ContentSynced | None") -> "ContentSynced":
        """Together with what moved earlier in the same release."""
        if earlier is None:
            return self
        return replace(
            self,
            copied=self.copied + earlier.copied,
            copied_bytes=self.copied_bytes + earlier.copied_bytes,
            removed=self.removed + earlier.removed,
        )


NOTHING_SYNCED = ContentSynced(0, 0, 0, 0)


@dataclass(frozen=True)
class Candidate:
    """What was tested on staging, so that exactly this is swapped."""

    version: str
    package_digest: str
    database_digest: str
    source_version: str
    staging_url: str
    deployment: str = ""


@dataclass(frozen=True)
class StagingBefore:
    """Staging as a release found it, before its first change there.

    `version` is None where it held no Ghost; `mark` is the release whose mark it bore. `way_back` is the version
    that a rollback could have gone back to, None where there was none. `database` is kept where the release is
    about to replace it and it could be read. `silent` is the file that says what was published already; empty for none.
    `package` is the digest that its mark told.
    """

    running: bool
    version: str | None
    mark: str | None
    way_back: str | None
    database: BackupTaken | None = None
    silent: str = ""
    package: str = ""


@dataclass(frozen=True)
class StagingLeft:
    """Staging as a release left it that was stopped. `undone`: it holds what it held before. `words` say the rest."""

    undone: bool
    running: bool
    version: str | None
    words: str
