"""The whole local Azure at run time: its state, its sites, its tokens and what can go wrong."""

import asyncio
import logging
import re
import secrets
from collections.abc import Coroutine
from typing import Any

from sandbox.appservice import swap
from sandbox.appservice.faults import Faults
from sandbox.appservice.line import Line
from sandbox.appservice.nodes import Runtimes
from sandbox.appservice.options import Options
from sandbox.appservice.platforms.windows import NODE_VERSION
from sandbox.appservice.processes import free_port, kill_leftovers
from sandbox.appservice.records import PRODUCTION, SiteRecord, SlotRecord, Store
from sandbox.appservice.share import Share
from sandbox.appservice.site import Site
from sandbox.appservice.slot import Slot
from sandbox.appservice.tokens import Tokens

_log = logging.getLogger(__name__)
# Azure's rules for names of apps and slots, without the upper case that it accepts and then ignores.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


class BadSite(Exception):
    """A site or slot that cannot be made."""


class Cloud:
    """Everything that the servers need."""

    def __init__(self, store: Store, options: Options, runtimes: Runtimes) -> None:
        self.store = store
        self.options = options
        self.runtimes = runtimes
        self.share = Share(store.folder / "sites")
        self.faults = Faults()
        self.to_scm, self.from_scm = Line(options.scm_bytes), Line(options.scm_bytes)
        self.sites: dict[str, Site] = {}
        self._owners: dict[int, tuple[Site, Slot, bool]] = {}  # of ports: a slot keeps its own
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, store: Store, options: Options) -> "Cloud":
        """Read the state, and kill what an earlier run may have left behind."""
        if killed := await asyncio.to_thread(kill_leftovers, store.account.instance):
            _log.warning("killed what an earlier run left behind", extra={"processes": killed})
        cloud = cls(store, options, await Runtimes.find(options.node))
        for record in store.sites.values():
            cloud.sites[record.name] = cloud._site(record)
        for name, slots in options.sites.items():
            cloud.make_site(name, slots)
        store.save()
        return cloud

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self.options.https else "http"

    @property
    def arm_url(self) -> str:
        """Where ARM is."""
        return f"{self.scheme}://{self.options.host}:{self.store.account.arm_port}"

    @property
    def tokens(self) -> Tokens:
        """Issues and checks tokens."""
        return Tokens(self.store.account, self.options.token_seconds, self.arm_url)

    def make_site(self, name: str, slots: tuple[str, ...], *, windows: bool = False) -> Site:
        """Make a site with these slots besides production, or add those it lacks; raises BadSite.

        `windows` is for a new one: a site stays on the plan it was made on.
        """
        for one in (name, *slots):
            if not _NAME.fullmatch(one):
                raise BadSite(f"{one!r} is not a name: 1 to 60 of a-z, 0-9 and '-', no '-' at the ends")
        record = self.store.sites.setdefault(name, SiteRecord(name, {}, windows=windows))
        added = [one for one in (PRODUCTION, *slots) if one not in record.slots]
        for slot in added:
            record.slots[slot] = self._slot_record(slot, windows=record.windows)
        known = self.sites.get(name)
        if known is None:
            known = self.sites[name] = self._site(record)
        else:
            for slot in added:
                known.add_slot(record.slots[slot])
        self.store.save_site(record)
        return known

    def _site(self, record: SiteRecord) -> Site:
        return Site(record, self.store, self.options, self.runtimes, self.background)

    def _slot_record(self, name: str, *, windows: bool) -> SlotRecord:
        ports = frozenset(self.taken_ports())
        site_port = free_port(self.options.host, ports)
        return SlotRecord(
            name=name,
            content=secrets.token_hex(4),
            site_port=site_port,
            scm_port=free_port(self.options.host, ports | {site_port}),
            publishing_password=secrets.token_urlsafe(30),
            app_settings={NODE_VERSION: f"~{self.runtimes.default_major}"} if windows else {},
            web={"linuxFxVersion": "" if windows else self.runtimes.default_stack, "appCommandLine": ""},
        )

    def taken_ports(self) -> list[int]:
        """The ports that slots own."""
        records = [slot for site in self.store.sites.values() for slot in site.slots.values()]
        return [port for slot in records for port in (slot.site_port, slot.scm_port)]

    def move(self, slot: Slot, name: str) -> None:
        """Another port for a slot, in place of its `site_port` or `scm_port`."""
        self._owners.pop(getattr(slot.record, name), None)
        setattr(slot.record, name, free_port(self.options.host, frozenset(self.taken_ports())))

    async def start(self) -> None:
        """Start what is meant to run, and go on with the swaps that were under way."""
        for site in self.sites.values():
            for slot in site.slots.values():
                if slot.record.running:
                    await slot.start()
            swap.resume(site)

    async def stop(self) -> None:
        """Stop every process. The state says what to start again."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        slots = [slot for site in self.sites.values() for slot in site.slots.values()]
        await asyncio.gather(*(slot.occupant.jobs.stop() for slot in slots))
        await asyncio.gather(*(slot.occupant.deployer.kill() for slot in slots))
        await asyncio.gather(*(slot.stop() for slot in slots))
        self.store.save()
        self.store.close()

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start work that nobody waits for; a bug in it is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("background work failed", exc_info=error)

    def slot_by_port(self, port: int) -> tuple[Site, Slot, bool] | None:
        """The slot that owns a port, and whether it is its SCM."""
        if port not in self._owners:
            self._owners |= {
                one: (site, slot, one == slot.record.scm_port)
                for site in self.sites.values()
                for slot in site.slots.values()
                for one in (slot.record.site_port, slot.record.scm_port)
            }
        return self._owners.get(port)

    def slot_by_host(self, host: str) -> tuple[Site, Slot, bool] | None:
        """The slot of an Azure host name such as blog-staging.scm.azurewebsites.net, and whether it is its SCM."""
        label, *rest = host.lower().split(":")[0].split(".")
        for site in self.sites.values():
            for slot in site.slots.values():
                if slot.host_label == label and rest[-2:] == ["azurewebsites", "net"]:
                    return site, slot, rest[0] == "scm"
        return None
