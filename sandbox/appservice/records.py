"""What the local App Service remembers on disk: sites, slots, operations and its own addresses."""

import json
import os
import secrets
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any, Self

PRODUCTION = "production"


class SwapPhase(StrEnum):
    """How far a swap has come; everything before ROUTED can still be reverted."""

    PREVIEWED = "previewed"
    APPLIED = "applied"
    ROUTED = "routed"


class OperationState(StrEnum):
    """The state of a long-running operation."""

    RUNNING = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass
class ConnectionString:
    """One connection string, as ARM shows it."""

    value: str
    type: str


@dataclass
class SlotRecord:
    """One slot: what belongs to the slot itself, and which content folder it serves at the moment."""

    name: str
    content: str
    site_port: int
    scm_port: int
    publishing_password: str
    running: bool = True
    basic_auth: bool = False
    scm_bearer: bool = True
    https_only: bool = False
    site_auth: bool = False
    app_settings: dict[str, str] = field(default_factory=dict)
    connection_strings: dict[str, ConnectionString] = field(default_factory=dict)
    web: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Read back what `asdict` wrote."""
        strings = {name: ConnectionString(**one) for name, one in row.pop("connection_strings", {}).items()}
        return cls(connection_strings=strings, **row)


@dataclass
class SlotSettings:
    """The settings of a slot before a swap touched them: what a revert puts back."""

    app_settings: dict[str, str]
    connection_strings: dict[str, ConnectionString]


@dataclass
class SwapRecord:
    """The swap a site is in (or, in the phase PREVIEWED, prepared for)."""

    source: str
    target: str
    phase: SwapPhase
    before: SlotSettings
    operation: str | None = None


@dataclass
class Operation:
    """One long-running operation, kept for as long as somebody may poll it."""

    id: str
    name: str
    slot: str
    started: str
    state: OperationState = OperationState.RUNNING
    status: int = 202
    code: str = ""
    message: str = ""


@dataclass
class SlotSwapStatus:
    """The last successful swap, shown by both slots that took part in it."""

    timestamp: str
    source: str
    destination: str


@dataclass
class ImageRecord:
    """A container image: the folder that is its file system's app, what it starts there, with which Node."""

    folder: str
    command: str
    node: int
    port: int = 80  # what it EXPOSEs


@dataclass
class SiteRecord:
    """One web app and all its slots. `windows`: it is on a plan of Windows machines."""

    name: str
    slots: dict[str, SlotRecord]
    windows: bool = False
    sticky_settings: list[str] = field(default_factory=list)
    sticky_connection_strings: list[str] = field(default_factory=list)
    swap: SwapRecord | None = None
    operations: dict[str, Operation] = field(default_factory=dict)
    last_swaps: dict[str, SlotSwapStatus] = field(default_factory=dict)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Read back what `asdict` wrote."""
        swap = row.pop("swap", None)
        record = cls(
            name=row["name"],
            slots={name: SlotRecord.from_json(one) for name, one in row["slots"].items()},
            windows=row.get("windows", False),
            sticky_settings=row["sticky_settings"],
            sticky_connection_strings=row["sticky_connection_strings"],
            operations={
                key: Operation(**{**one, "state": OperationState(one["state"])})
                for key, one in row["operations"].items()
            },
            last_swaps={key: SlotSwapStatus(**one) for key, one in row["last_swaps"].items()},
        )
        if swap:
            strings = {
                name: ConnectionString(**one) for name, one in swap["before"]["connection_strings"].items()
            }
            record.swap = SwapRecord(
                source=swap["source"],
                target=swap["target"],
                phase=SwapPhase(swap["phase"]),
                before=SlotSettings(swap["before"]["app_settings"], strings),
                operation=swap["operation"],
            )
        return record


@dataclass
class VaultRecord:
    """A Key Vault: its secrets by name, and the slots ("blog", "blog/staging") whose identity may read them."""

    secrets: dict[str, str] = field(default_factory=dict)
    readers: list[str] = field(default_factory=list)


@dataclass
class AccountRecord:
    """Who the one subscription of the sandbox belongs to, and the secrets it was born with."""

    subscription: str = field(default_factory=lambda: str(uuid.uuid4()))
    tenant: str = field(default_factory=lambda: str(uuid.uuid4()))
    resource_group: str = "ghostbot"
    plan: str = "plan"
    plan_bytes: int = 50 << 30  # what all sites of the plan may store together; Standard has 50 GB
    location: str = "West Europe"
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    identity_header: str = field(default_factory=lambda: secrets.token_hex(16))
    signing_key: str = field(default_factory=lambda: secrets.token_hex(32))
    instance: str = field(default_factory=lambda: secrets.token_hex(32))
    arm_port: int = 0
    deployment_user: str = field(default_factory=lambda: f"deployer-{secrets.token_hex(4)}")
    deployment_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    front_port: int = 0
    identity_port: int = 0


class StateInUse(Exception):
    """Another sandbox works in this state folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another sandbox is using the state folder {folder}; stop it, or choose another --state"
        )


class Store:
    """The state folder: `state.json`, `records` with a file a site, and `sites`, the share that the plan counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        try:
            flock(self._lock, LOCK_EX | LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise StateInUse(folder) from error
        self.account = AccountRecord()
        self.sites: dict[str, SiteRecord] = {}
        self.images: dict[str, ImageRecord] = {}  # by reference: host/name:tag
        self.vaults: dict[str, VaultRecord] = {}
        self._read()

    def _read(self) -> None:
        path = self.folder / "state.json"
        if not path.exists():
            return
        state = json.loads(path.read_text())
        known = {one.name for one in fields(AccountRecord)}
        self.account = AccountRecord(
            **{key: value for key, value in state["account"].items() if key in known}
        )
        once = state.get("sites", [])  # where they stood before each had a file of its own
        rows = [json.loads(path.read_text()) for path in sorted((self.folder / "records").glob("*.json"))]
        self.sites = {row["name"]: SiteRecord.from_json(row) for row in (*once, *rows)}
        self.images = {name: ImageRecord(**row) for name, row in state.get("images", {}).items()}
        self.vaults = {name: VaultRecord(**row) for name, row in state.get("vaults", {}).items()}

    def save(self) -> None:
        """Write everything; a reader sees each file as it was before or after, never half of it."""
        state = {
            "account": asdict(self.account),
            "images": {name: asdict(image) for name, image in self.images.items()},
            "vaults": {name: asdict(vault) for name, vault in self.vaults.items()},
        }
        for site in self.sites.values():
            self.save_site(site)
        write_atomically(self.folder / "state.json", json.dumps(state, indent=1))

    def save_site(self, site: SiteRecord) -> None:
        """Write what belongs to one site: a plan may have hundreds of them."""
        folder = self.folder / "records"
        folder.mkdir(exist_ok=True)
        write_atomically(folder / f"{site.name}.json", json.dumps(asdict(site), indent=1))

    def content_folder(self, site: str, content: str) -> Path:
        """Where a content folder lives; a slot only points at one, so a swap moves no file."""
        return self.folder / "sites" / site / "contents" / content

    def close(self) -> None:
        """Let another sandbox use the folder."""
        self._lock.close()

    @contextmanager
    def changing(self, site: SiteRecord | None = None) -> Iterator[None]:
        """Save at the end of the block (the one site), also when it raises: memory and disk say the same."""
        try:
            yield
        finally:
            if site is None:
                self.save()
            else:
                self.save_site(site)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that nobody ever reads half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(temporary).replace(path)
