"""One web app at run time: its slots, its swap, and what happened to it."""

from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from sandbox.appservice.build import Builder
from sandbox.appservice.content import Content
from sandbox.appservice.deploy import Deployer
from sandbox.appservice.jobs import Jobs
from sandbox.appservice.launch import Launch, Whereabouts
from sandbox.appservice.nodes import Runtimes
from sandbox.appservice.options import Options
from sandbox.appservice.platforms.containers import Containers, is_image
from sandbox.appservice.platforms.linux import Linux
from sandbox.appservice.platforms.platform import Platform
from sandbox.appservice.platforms.windows import Windows
from sandbox.appservice.records import PRODUCTION, Operation, SiteRecord, SlotRecord, Store
from sandbox.appservice.slot import Background, Occupant, Slot
from sandbox.appservice.vaults import seen_by
from sandbox.appservice.worker import Worker


class Site:
    """A site and its slots."""

    def __init__(
        self, record: SiteRecord, store: Store, options: Options, runtimes: Runtimes, background: Background
    ) -> None:
        self.record = record
        self.store = store
        self.options = options
        self.events: deque[dict[str, str]] = deque(maxlen=2_000)
        self.background = background
        self._runtimes = runtimes
        self.slots = {
            name: Slot(record.name, slot, self._occupant(slot.content), background)
            for name, slot in record.slots.items()
        }
        self.point_links()

    @property
    def name(self) -> str:
        """The site's name."""
        return self.record.name

    @property
    def production(self) -> Slot:
        """The production slot."""
        return self.slots[PRODUCTION]

    @property
    def running_operation(self) -> Operation | None:
        """The long-running operation that keeps others out."""
        swap = self.record.swap
        return self.record.operations[swap.operation] if swap and swap.operation else None

    def add_slot(self, record: SlotRecord) -> None:
        """A further slot of the same site."""
        self.slots[record.name] = Slot(self.name, record, self._occupant(record.content), self.background)
        self.point_links()

    def tell(self, slot: str, event: str, detail: str = "") -> None:
        """Note what happened, for the control endpoint."""
        now = datetime.now(UTC).isoformat()
        self.events.append({"time": now, "slot": slot, "event": event, "detail": detail})

    def folder(self, slot: str) -> Path:
        """A path of the slot's folder that stays the same over swaps (a link)."""
        return self.store.folder / "sites" / self.name / "slots" / slot

    def point_links(self) -> None:
        """Make the slots' links show where their content is now."""
        for name, slot in self.slots.items():
            link = self.folder(name)
            link.parent.mkdir(parents=True, exist_ok=True)
            fresh = link.with_name(f".{name}.new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(slot.occupant.content.home, target_is_directory=True)
            fresh.replace(link)

    def exchange_occupants(self, one: Slot, other: Slot) -> None:
        """The moment of a swap: from now on requests reach the other process. No await, so nobody sees half of it."""
        one.occupant, other.occupant = other.occupant, one.occupant
        one.record.content, other.record.content = other.record.content, one.record.content
        self.point_links()

    def address(self, slot: Slot) -> str:
        """Host and port of the slot's site, which ARM shows as its host name."""
        return f"{self.options.host}:{slot.record.site_port}"

    def scm_address(self, slot: Slot) -> str:
        """Host and port of the slot's SCM."""
        return f"{self.options.host}:{slot.record.scm_port}"

    def _occupant(self, name: str) -> Occupant:
        content = Content(self.store.content_folder(self.name, name))

        def slot() -> Slot:
            return next(one for one in self.slots.values() if one.occupant.content is content)

        def plan(port: int) -> Launch | None:
            tenant = slot()
            return self.platform(tenant).plan(tenant.record, content, self._whereabouts(tenant), port)

        def job_environment() -> dict[str, str]:
            return self.environment(slot())

        def restart() -> None:
            slot().restart_soon()

        return Occupant(
            content,
            Worker(content, plan, self.options.stop_seconds),
            Deployer(
                content,
                Builder(job_environment, lambda: self.platform(slot()).node(slot().record)),
                restart,
                self.options.deployment_lag_seconds,
            ),
            Jobs(content, job_environment),
        )

    def environment(self, slot: Slot) -> dict[str, str]:
        """The environment that WebJobs and Kudu's commands of a slot get; raises CannotStart."""
        return self.platform(slot).environment(slot.record, slot.occupant.content, self._whereabouts(slot))

    def identity(self, slot: Slot) -> str:
        """Who the slot is to a Key Vault: blog, blog/staging."""
        return self.name if slot.is_production else f"{self.name}/{slot.name}"

    def platform(self, slot: Slot) -> Platform:
        """What kind of App Service the slot is on."""
        if self.record.windows:
            return Windows(self._runtimes)
        if is_image(slot.record):
            return Containers(self._runtimes, self.store.images)
        return Linux(self._runtimes)

    def _whereabouts(self, slot: Slot) -> Whereabouts:
        account = self.store.account
        return Whereabouts(
            site=self.name,
            hostname=self.address(slot),
            resource_group=account.resource_group,
            subscription=account.subscription,
            instance=account.instance,
            sees=lambda text: seen_by(self.store.vaults, self.identity(slot), text),
        )
