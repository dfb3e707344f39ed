"""What a swap does, step by step, in state that survives a restart of the sandbox.

Source: https://learn.microsoft.com/azure/app-service/deploy-staging-slots#what-happens-during-a-swap
"""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import TypeVar

import aiohttp

from sandbox.appservice.records import (
    ConnectionString,
    Operation,
    OperationState,
    SlotRecord,
    SlotSettings,
    SlotSwapStatus,
    SwapPhase,
    SwapRecord,
)
from sandbox.appservice.site import Site
from sandbox.appservice.slot import Slot
from sandbox.appservice.worker import Worker, WorkerState

Value = TypeVar("Value", str, ConnectionString)

WARMUP_TRIES = 5
WARMUP_PATH = "WEBSITE_SWAP_WARMUP_PING_PATH"
WARMUP_STATUSES = "WEBSITE_SWAP_WARMUP_PING_STATUSES"
# Parts of web configuration that go with the content; the others stay with the slot.
_SWAPPED_WEB_SETTINGS = ("linuxFxVersion", "appCommandLine", "webSocketsEnabled", "healthCheckPath")


class SwapFailed(Exception):
    """The swap was reverted; status, code and text are what the poll of the operation answers."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class _Pace:
    """Spreads the time a swap is told to take over its steps."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._seconds = seconds

    async def until(self, share: float) -> None:
        """Wait until this share of the whole time has gone by."""
        await asyncio.sleep(max(0.0, self._began + share * self._seconds - time.monotonic()))


def prepare(site: Site, source: Slot, target: Slot, phase: SwapPhase) -> None:
    """Step 1: the target's sticky settings go to the source slot. The caller restarts the source."""
    record = source.record
    with site.store.changing(site.record):
        site.record.swap = SwapRecord(
            source=source.name,
            target=target.name,
            phase=phase,
            before=SlotSettings(dict(record.app_settings), dict(record.connection_strings)),
        )
        record.app_settings = _merge(
            record.app_settings, target.record.app_settings, site.record.sticky_settings
        )
        record.connection_strings = _merge(
            record.connection_strings,
            target.record.connection_strings,
            site.record.sticky_connection_strings,
        )
    site.tell(source.name, "settings applied", f"the sticky settings of {target.name}")


def cancel_preview(site: Site) -> Slot | None:
    """Give the source slot its own settings back; None if no swap was prepared. The caller restarts it."""
    swap = site.record.swap
    if swap is None or swap.phase is not SwapPhase.PREVIEWED or swap.operation:
        return None
    source = site.slots[swap.source]
    with site.store.changing(site.record):
        _revert(source.record, swap)
        site.record.swap = None
    site.tell(source.name, "preview cancelled")
    return source


def begin(site: Site, source: Slot, target: Slot) -> Operation:
    """Start the swap, or complete the one that was prepared; returns the operation to poll."""
    operation = Operation(
        id=str(uuid.uuid4()), name="SwapSiteSlots", slot=source.name, started=datetime.now(UTC).isoformat()
    )
    if site.record.swap is None:
        prepare(site, source, target, SwapPhase.APPLIED)
        prepared = False
    else:
        prepared = True
    with site.store.changing(site.record):
        site.record.operations[operation.id] = operation
        if site.record.swap:
            site.record.swap.phase = SwapPhase.APPLIED
            site.record.swap.operation = operation.id
    site.tell(source.name, "swap started", f"{source.name} -> {target.name}")
    site.background(_run(site, operation, restart=not prepared))
    return operation


def resume(site: Site) -> None:
    """Go on with the swap that the sandbox was in when it died; its processes are starting again."""
    operation = site.running_operation
    if operation:
        site.tell(operation.slot, "swap resumed")
        site.background(_run(site, operation, restart=False))


async def _run(site: Site, operation: Operation, *, restart: bool) -> None:
    swap = site.record.swap
    if swap is None:
        return
    source, target = site.slots[swap.source], site.slots[swap.target]
    pace = _Pace(site.options.swap_seconds)
    try:
        if swap.phase is SwapPhase.APPLIED:
            if restart:
                await pace.until(0.1)
                await source.restart()
            await _warm_up(site, source)
            await pace.until(0.8)
            _route(site, source, target, swap)
        await _settle(site, source, pace)
    except SwapFailed as failure:
        await _fail(site, operation, source, swap, failure)
        return
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    with site.store.changing(site.record):
        for slot in (source, target):
            site.record.last_swaps[slot.name] = SlotSwapStatus(now, source.name, target.name)
        site.record.swap = None
        operation.state, operation.status = OperationState.SUCCEEDED, 200
    site.tell(source.name, "swap succeeded")


async def _warm_up(site: Site, source: Slot) -> None:
    """Steps 2 and 3: the source answers a plain http request from inside. Raises SwapFailed."""
    worker = source.occupant.worker
    path = source.record.app_settings.get(WARMUP_PATH, "/")
    listed = source.record.app_settings.get(WARMUP_STATUSES, "").split(",")
    wanted = {int(one) for one in listed if one.strip().isdecimal()}
    crashes_before = worker.crashes
    for _ in range(WARMUP_TRIES):
        deadline = time.monotonic() + site.options.warmup_seconds
        while time.monotonic() < deadline:
            if worker.state is WorkerState.EMPTY:
                return  # the welcome page answers 200
            if worker.crashes > crashes_before or worker.state is WorkerState.STOPPED:
                raise _not_started(site, source)
            worker.want()
            status = await _ping(worker, path, site.options.warmup_seconds)
            if status and (status in wanted or not wanted):
                site.tell(source.name, "warmed up", f"{path} answered {status}")
                return
            if status is None:
                await worker.explain_silence()
            await asyncio.sleep(0.25 if status else 0.05)
    message = (
        f"Cannot swap site slots for site '{site.name}' because the '{source.name}' slot "
        "did not respond to http ping."
    )
    raise SwapFailed(417, "ExpectationFailed", message)


def _not_started(site: Site, source: Slot) -> SwapFailed:
    message = (
        f"Cannot swap site slots for site '{site.name}' because the worker process for '{source.name}' slot "
        "could not be started."
    )
    return SwapFailed(400, "BadRequest", message)


async def _ping(worker: Worker, path: str, seconds: float) -> int | None:
    # From inside: plain http to the container, without the headers that the front end adds.
    url = f"http://{worker.host}:{worker.port}/{path.lstrip('/')}"
    headers = {"User-Agent": "SiteWarmup", "Host": "localhost"}
    timeout = aiohttp.ClientTimeout(seconds)
    try:
        async with (
            aiohttp.ClientSession(connector=worker.connector(), timeout=timeout) as client,
            client.get(url, allow_redirects=False, headers=headers) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return None


def _route(site: Site, source: Slot, target: Slot, swap: SwapRecord) -> None:
    """Step 4, in one go."""
    own = source.record.app_settings
    with site.store.changing(site.record):
        site.exchange_occupants(source, target)
        source_settings = _merge(
            target.record.app_settings, swap.before.app_settings, site.record.sticky_settings
        )
        source_strings = _merge(
            target.record.connection_strings,
            swap.before.connection_strings,
            site.record.sticky_connection_strings,
        )
        target.record.app_settings, source.record.app_settings = own, source_settings
        target.record.connection_strings = source.record.connection_strings
        source.record.connection_strings = source_strings
        _exchange_web_settings(source.record, target.record)
        source.record.running, target.record.running = target.record.running, source.record.running
        swap.phase = SwapPhase.ROUTED
    site.tell(target.name, "routing switched")


async def _settle(site: Site, source: Slot, pace: _Pace) -> None:
    """Step 5: what was in the target finishes its requests and restarts in the source slot with its settings."""
    if not await source.occupant.worker.drained(site.options.drain_seconds):
        site.tell(source.name, "requests cut off", "still in flight when the time to drain was over")
    await source.restart()
    site.tell(source.name, "restarted", "with its own settings")
    await pace.until(1.0)


async def _fail(
    site: Site, operation: Operation, source: Slot, swap: SwapRecord, failure: SwapFailed
) -> None:
    with site.store.changing(site.record):
        _revert(source.record, swap)
        site.record.swap = None
        operation.state, operation.status = OperationState.FAILED, failure.status
        operation.code, operation.message = failure.code, failure.message
    site.tell(source.name, "swap failed", failure.message)
    await source.restart()


def _revert(record: SlotRecord, swap: SwapRecord) -> None:
    record.app_settings = swap.before.app_settings
    record.connection_strings = swap.before.connection_strings


def _merge(own: dict[str, Value], other: dict[str, Value], sticky: list[str]) -> dict[str, Value]:
    """Everything of `own` but its sticky values, and the sticky values of `other`."""
    return {name: value for name, value in own.items() if name not in sticky} | {
        name: value for name, value in other.items() if name in sticky
    }


def _exchange_web_settings(one: SlotRecord, other: SlotRecord) -> None:
    ones = {key: one.web.pop(key) for key in _SWAPPED_WEB_SETTINGS if key in one.web}
    others = {key: other.web.pop(key) for key in _SWAPPED_WEB_SETTINGS if key in other.web}
    one.web.update(others)
    other.web.update(ones)
