"""One web app with its production and staging slots, through ARM."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from azure.mgmt.web.aio import WebSiteManagementClient

from release.azure.arm import asked, speaking_of, told
from release.azure.errors import AzureUnavailable, SwapRefused, SwapUncertain

PRODUCTION = "production"
KeepToken = Callable[[str | None], Awaitable[None]]


@dataclass(frozen=True)
class Slot:
    """A slot as ARM shows it. `url` and `scm_url` have no slash at the end."""

    name: str
    state: str
    url: str
    scm_url: str
    target_swap_slot: str | None
    last_swap_at: str | None
    operation: str | None

    @property
    def running(self) -> bool:
        return self.state.lower() == "running"


class WebApp:
    """A site: production and one other slot. Calls raise only ReleaseErrors."""

    def __init__(
        self, client: WebSiteManagementClient, resource_group: str, name: str, staging: str, scheme: str
    ) -> None:
        self.name = name
        self.staging = staging
        self._client = client
        self._group = resource_group
        self._scheme = scheme

    @property
    def _apps(self) -> Any:  # Any: the SDK's operations group
        return self._client.web_apps

    def _where(self, slot: str) -> tuple[str, ...]:
        return (self._group, self.name) if slot == PRODUCTION else (self._group, self.name, slot)

    def _method(self, name: str, slot: str) -> Any:  # Any: one of the SDK's methods
        return getattr(self._apps, name if slot == PRODUCTION else f"{name}_slot")

    def called(self, slot: str) -> str:
        """The slot's name for people."""
        return f"{self.name} ({slot})"

    async def slot(self, name: str) -> Slot:
        site = await asked(self._method("get", name)(*self._where(name)), f"slot {self.called(name)}")
        hosts = {h.host_type: h.name for h in site.host_name_ssl_states or []}
        status = site.slot_swap_status
        return Slot(
            name=name,
            state=site.state or "Unknown",
            url=f"{self._scheme}://{site.default_host_name}",
            scm_url=f"{self._scheme}://{hosts.get('Repository')}",
            target_swap_slot=site.target_swap_slot,
            last_swap_at=_stamp(status.timestamp_utc) if status else None,
            operation=site.in_progress_operation_id,
        )

    async def start(self, slot: str) -> None:
        await asked(self._method("start", slot)(*self._where(slot)), f"starting {self.called(slot)}")

    async def stop(self, slot: str) -> None:
        """Only ever another slot than production: visitors would see it."""
        if slot == PRODUCTION:
            raise ValueError("production is never stopped")
        await asked(self._method("stop", slot)(*self._where(slot)), f"stopping {self.called(slot)}")

    async def settings(self, slot: str) -> dict[str, str]:
        """The app settings, values included: they can be secrets."""
        call = self._method("list_application_settings", slot)(*self._where(slot))
        found = await asked(call, f"the settings of {self.called(slot)}")
        return dict(found.properties or {})

    async def write_settings(self, slot: str, settings: dict[str, str]) -> None:
        """Replaces all app settings of the slot, which restarts it and recycles its SCM site."""
        call = self._method("update_application_settings", slot)(*self._where(slot), {"properties": settings})
        await asked(call, f"writing the settings of {self.called(slot)}")

    async def sticky_settings(self) -> set[str]:
        """Names of the app settings that stay with their slot in a swap."""
        call = self._apps.list_slot_configuration_names(self._group, self.name)
        found = await asked(call, f"the sticky settings of {self.name}")
        return set(found.app_setting_names or [])

    async def make_sticky(self, names: set[str]) -> None:
        """Adds `names` to the sticky app settings, leaving all else sticky as it was."""
        call = self._apps.list_slot_configuration_names(self._group, self.name)
        found = await asked(call, f"the sticky settings of {self.name}")
        found.app_setting_names = sorted(set(found.app_setting_names or []) | names)
        write = self._apps.update_slot_configuration_names(self._group, self.name, found)
        await asked(write, f"writing the sticky settings of {self.name}")

    async def stack(self, slot: str) -> str:
        """The slot's stack, e.g. "NODE|22-lts"; empty when none is set."""
        call = self._method("get_configuration", slot)(*self._where(slot))
        found = await asked(call, f"the configuration of {self.called(slot)}")
        return found.linux_fx_version or ""

    async def routed_share(self) -> float:
        """Percent of production's visitors that traffic routing sends elsewhere."""
        call = self._apps.get_configuration(self._group, self.name)
        found = await asked(call, f"the configuration of {self.called(PRODUCTION)}")
        rules = found.experiments.ramp_up_rules if found.experiments else None
        return sum(rule.reroute_percentage or 0 for rule in rules or [])

    async def preview(self) -> None:
        """Put production's sticky settings on staging, which restarts: the first phase of a swap."""
        entity = {"targetSlot": PRODUCTION, "preserveVnet": True}
        call = self._apps.apply_slot_configuration_slot(*self._where(self.staging), entity)
        await asked(call, f"applying production's settings to {self.called(self.staging)}")

    async def reset_preview(self) -> None:
        """Take a preview back; nothing happens where there is none."""
        if (await self.slot(PRODUCTION)).target_swap_slot is None:
            return
        call = self._apps.reset_slot_configuration_slot(*self._where(self.staging))
        await asked(call, f"giving {self.called(self.staging)} its own settings back")

    async def swap(self, token: str | None, keep_token: KeepToken, limit: float) -> None:
        """Swap staging into production and wait for the end, at most `limit` seconds.

        The request goes out once. Its continuation token goes to `keep_token` as soon as Azure has
        accepted, so that a restarted bot waits for the same swap instead of asking for a second.
        Raises SwapRefused when nothing happened and SwapUncertain when that cannot be told.
        """
        before = await self.slot(PRODUCTION)
        where = self._where(self.staging)
        entity = {"targetSlot": PRODUCTION, "preserveVnet": True}
        if token is None and before.operation is not None:
            # Perhaps our own request, sent right before the bot was killed.
            return await self._settle(before, "another operation is in progress", limit)
        try:
            if token is None:
                poller = await self._apps.begin_swap_slot(*where, entity)
                token = poller.continuation_token()
                await keep_token(token)
            else:
                poller = await self._apps.begin_swap_slot(*where, entity, continuation_token=token)
            async with asyncio.timeout(limit):
                await poller.result()
        except TimeoutError as error:
            raise SwapUncertain(f"no end within {limit:.0f} seconds") from error
        except HttpResponseError as error:
            lost = token is not None and error.status_code == 404  # Azure forgot the operation, not the swap
            if error.status_code is not None and 400 <= error.status_code < 500 and not lost:
                await keep_token(None)
                raise SwapRefused(told(error)) from error
            await self._settle(before, told(error), limit)
        except AzureError as error:
            await self._settle(before, type(error).__name__, limit)
        return await keep_token(None)

    async def _settle(self, before: Slot, doubt: str, limit: float) -> None:
        """After an ambiguous answer: watch the site until the swap has shown itself or clearly has not."""
        deadline = time.monotonic() + limit
        quiet = 0
        while time.monotonic() < deadline:
            with contextlib.suppress(AzureUnavailable):
                site = await self.slot(PRODUCTION)
                if site.last_swap_at is not None and site.last_swap_at != before.last_swap_at:
                    return
                quiet = 0 if site.operation else quiet + 1
            if quiet >= 5:
                raise SwapRefused(doubt)
            await asyncio.sleep(2)
        raise SwapUncertain(doubt)

    async def reachable(self) -> None:
        """Raises unless ARM lets the bot read this site."""
        async with speaking_of(f"site {self.name}"):
            await self._apps.get(self._group, self.name)


def _stamp(value: datetime | str | None) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else value
