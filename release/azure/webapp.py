"""One web app with its production and staging slots, through ARM."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.mgmt.web.aio import WebSiteManagementClient
from azure.mgmt.web.models import Experiments, SiteConfig, SiteConfigResource

from release.azure.arm import speaking_of, told, translated
from release.azure.errors import AzureRefused, AzureUnavailable, SwapRefused, SwapUncertain
from release.errors import ReleaseError
from release.trouble import in_words

T = TypeVar("T")
log = logging.getLogger(__name__)

PRODUCTION = "production"
KeepToken = Callable[[str | None], Awaitable[None]]
_TO_PRODUCTION = {"targetSlot": PRODUCTION, "preserveVnet": True}
# Between two looks at a site of which nobody knows whether it is being swapped; where doubt is short, so many in it.
_LOOK_SECONDS, _QUIET_LOOKS = 4.0, 5
# Of a reference to a Key Vault; the second is one that Azure has not looked at yet.
_RESOLVED = ("Resolved", "Initialized")
# Before a call that may arrive twice is made again, in seconds.
_PAUSES = (0.5, 2.0)


@dataclass(frozen=True)
class Slot:
    """A slot as ARM shows it. `url` and `scm_url` have no slash at the end.

    With `https_only` App Service itself sends plain http away, before the app sees it.
    """

    name: str
    state: str
    url: str
    scm_url: str
    target_swap_slot: str | None
    last_swap_at: str | None
    operation: str | None
    linux: bool
    container: bool
    https_only: bool

    @property
    def running(self) -> bool:
        return self.state.lower() == "running"


@dataclass(frozen=True)
class Storage:
    """The share that all sites of an App Service plan have together, in bytes."""

    used: int
    limit: int

    @property
    def free(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True)
class Asked:
    """A swap that was asked for: when production was last swapped before it, how to wait for it, whether it has ended.

    The end is kept too: files can show late on the SCM sites, and who trusts them right after a swap swaps twice.
    """

    last_swap_at: str | None
    poller: str | None = None
    ended: bool = False

    def text(self) -> str:
        """What a restarted bot reads again."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str | None) -> "Asked | None":
        return None if text is None else cls(**json.loads(text))


class WebApp:
    """A site: production and one other slot. Calls raise only ReleaseErrors.

    `doubt_seconds`: how long a site has to stay quiet until a swap without an answer counts as not begun. Longer than
    a swap takes: whether Azure names an operation in progress all along is not known.
    """

    def __init__(
        self,
        client: WebSiteManagementClient,
        resource_group: str,
        name: str,
        staging: str,
        scheme: str,
        doubt_seconds: float,
    ) -> None:
        self.name = name
        self.staging = staging
        self._client = client
        self._group = resource_group
        self._scheme = scheme
        self._doubt_seconds = doubt_seconds

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

    async def _asked(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns. It does no harm when it arrives twice, so a bad answer is no end yet."""
        for pause in _PAUSES:
            try:
                async with speaking_of(what):
                    return await call()
            except (AzureUnavailable, AzureRefused) as error:
                # No rights stay no rights; a token can have run out on the way, or its endpoint be away.
                if isinstance(error, AzureRefused) and not isinstance(
                    error.__cause__, ClientAuthenticationError
                ):
                    raise
                log.info("asked again", extra={"call": what, "problem": str(error)})
                await asyncio.sleep(pause)
        async with speaking_of(what):
            return await call()

    async def slot(self, name: str) -> Slot:
        what = f"slot {self.called(name)}"

        async def ask() -> Slot:
            site = await self._method("get", name)(*self._where(name))
            hosts = {h.host_type: h.name for h in site.host_name_ssl_states or []}
            status = site.slot_swap_status
            if not site.default_host_name or not hosts.get("Repository"):
                raise AzureUnavailable(what, "it shows no addresses for it")
            return Slot(
                name=name,
                state=site.state or "Unknown",
                url=f"{self._scheme}://{site.default_host_name}",
                scm_url=f"{self._scheme}://{hosts['Repository']}",
                target_swap_slot=site.target_swap_slot,
                last_swap_at=_stamp(status.timestamp_utc) if status else None,
                operation=site.in_progress_operation_id,
                linux=bool(site.reserved),
                container="container" in str(site.kind),
                https_only=bool(site.https_only),
            )

        return await self._asked(what, ask)

    async def start(self, slot: str) -> None:
        call = self._method("start", slot)
        await self._asked(f"starting {self.called(slot)}", lambda: call(*self._where(slot)))

    async def stop(self, slot: str) -> None:
        """Only ever another slot than production: visitors would see it."""
        if slot == PRODUCTION:
            raise ValueError("production is never stopped")
        call = self._method("stop", slot)
        await self._asked(f"stopping {self.called(slot)}", lambda: call(*self._where(slot)))

    async def settings(self, slot: str) -> dict[str, str]:
        """The app settings, values included: they can be secrets."""

        async def ask() -> dict[str, str]:
            found = await self._method("list_application_settings", slot)(*self._where(slot))
            return dict(found.properties or {})

        return await self._asked(f"the settings of {self.called(slot)}", ask)

    async def connection_strings(self, slot: str) -> dict[str, tuple[str, str]]:
        """Name -> value and type (PostgreSQL, MySql, SQLAzure ...). The values are secrets."""

        async def ask() -> dict[str, tuple[str, str]]:
            found = await self._method("list_connection_strings", slot)(*self._where(slot))
            strings = (found.properties or {}).items()
            return {name: (str(one.value), _word(one.type)) for name, one in strings}

        return await self._asked(f"the connection strings of {self.called(slot)}", ask)

    async def write_settings(self, slot: str, settings: dict[str, str]) -> None:
        """Replaces all app settings of the slot, which restarts it and recycles its SCM site."""
        call = self._method("update_application_settings", slot)
        await self._asked(
            f"writing the settings of {self.called(slot)}",
            lambda: call(*self._where(slot), {"properties": settings}),
        )

    async def takes_passwords(self, slot: str) -> bool:
        """Whether the slot's SCM site allows basic authentication; new apps do not."""

        async def ask() -> bool:
            found = await self._method("get_scm_allowed", slot)(*self._where(slot))
            return bool(found.allow)

        return await self._asked(f"the sign-in of {self.called(slot)}", ask)

    async def sticky_connection_strings(self) -> set[str]:
        """Names of the connection strings that stay with their slot in a swap."""

        async def ask() -> set[str]:
            found = await self._apps.list_slot_configuration_names(self._group, self.name)
            return set(found.connection_string_names or [])

        return await self._asked(f"the sticky settings of {self.name}", ask)

    async def sticky_settings(self) -> set[str]:
        """Names of the app settings that stay with their slot in a swap."""

        async def ask() -> set[str]:
            found = await self._apps.list_slot_configuration_names(self._group, self.name)
            return set(found.app_setting_names or [])

        return await self._asked(f"the sticky settings of {self.name}", ask)

    async def make_sticky(self, names: set[str]) -> None:
        """Adds `names` to the sticky app settings, leaving all else sticky as it was."""

        async def add() -> None:
            found = await self._apps.list_slot_configuration_names(self._group, self.name)
            found.app_setting_names = sorted(set(found.app_setting_names or []) | names)
            await self._apps.update_slot_configuration_names(self._group, self.name, found)

        await self._asked(f"the sticky settings of {self.name}", add)

    async def unresolved_references(self, slot: str) -> dict[str, str]:
        """App settings that refer to a Key Vault and get no secret from there: Azure's word for why, by name."""
        call = self._method("get_app_settings_key_vault_references", slot)

        async def ask() -> dict[str, str]:
            # The SDK has an enum for the reasons it knows, and plain text for those it does not.
            return {
                str(row.name): str(getattr(row.status, "value", row.status))
                async for row in call(*self._where(slot))
            }

        found = await self._asked(f"the Key Vault references of {self.called(slot)}", ask)
        return {name: status for name, status in found.items() if status not in _RESOLVED}

    async def storage(self) -> Storage | None:
        """What all sites of the plan store, and may store, in bytes; None where Azure does not tell."""

        async def ask() -> Storage | None:
            async for row in self._apps.list_usages(self._group, self.name):
                if row.name and row.name.value == "FileSystemStorage" and row.limit:
                    return Storage(int(row.current_value or 0), int(row.limit))
            return None

        return await self._asked(f"what the plan of {self.name} stores", ask)

    async def stack(self, slot: str) -> str:
        """The slot's stack, e.g. "NODE|22-lts"; empty when none is set."""

        async def ask() -> str:
            found = await self._method("get_configuration", slot)(*self._where(slot))
            return str(found.linux_fx_version or "")

        return await self._asked(f"the configuration of {self.called(slot)}", ask)

    async def set_stack(self, slot: str, stack: str) -> None:
        """Only ever of another slot than production, which gets its stack by a swap. Restarts slot and SCM site."""
        if slot == PRODUCTION:
            raise ValueError("production gets another stack by a swap only")
        await self._asked(
            f"setting the stack of {self.called(slot)}",
            lambda: self._apps.update_configuration_slot(
                *self._where(slot), {"properties": {"linuxFxVersion": stack}}
            ),
        )

    async def auto_swap(self, slot: str) -> str:
        """The slot that gets whatever is deployed on this one, by itself; empty where all waits to be swapped."""

        async def ask() -> str:
            found = await self._method("get_configuration", slot)(*self._where(slot))
            return str(found.auto_swap_slot_name or "")

        return await self._asked(f"the configuration of {self.called(slot)}", ask)

    async def site_authentication(self, slot: str) -> bool:
        """Whether App Service itself asks visitors who they are ("Easy Auth"), set up in either of its two forms."""
        call = self._method("get_auth_settings_v2_without_secrets", slot)

        async def ask() -> bool:
            platform = (await call(*self._where(slot))).platform
            return bool(platform and platform.enabled)

        return await self._asked(f"the authentication of {self.called(slot)}", ask)

    async def routed(self) -> dict[str, float]:
        """Traffic routing: slot -> percent of production's visitors that are sent there; empty where all stay."""

        async def ask() -> dict[str, float]:
            found = await self._apps.get_configuration(self._group, self.name)
            rules = found.experiments.ramp_up_rules if found.experiments else None
            return {
                str(rule.name): float(rule.reroute_percentage)
                for rule in rules or []
                if rule.reroute_percentage
            }

        return await self._asked(f"the configuration of {self.called(PRODUCTION)}", ask)

    async def route_nobody(self) -> None:
        """All of production's visitors stay in production. Azure refuses it during a preview."""
        nobody = SiteConfigResource(properties=SiteConfig(experiments=Experiments(ramp_up_rules=[])))
        await self._asked(
            f"clearing the traffic routing of {self.name}",
            lambda: self._apps.update_configuration(self._group, self.name, nobody),
        )

    async def preview(self) -> None:
        """Put production's sticky settings on staging, which restarts: the first phase of a swap.

        Nothing happens where that is done already, as after a first try whose answer was lost.
        """

        async def apply() -> None:
            if (await self.slot(PRODUCTION)).target_swap_slot is None:
                await self._apps.apply_slot_configuration_slot(*self._where(self.staging), _TO_PRODUCTION)

        await self._asked(f"applying production's settings to {self.called(self.staging)}", apply)

    async def reset_preview(self) -> None:
        """Take a preview back; nothing happens where there is none."""

        async def reset() -> None:
            if (await self.slot(PRODUCTION)).target_swap_slot is not None:
                await self._apps.reset_slot_configuration_slot(*self._where(self.staging))

        await self._asked(f"giving {self.called(self.staging)} its own settings back", reset)

    async def swap(self, token: str | None, keep_token: KeepToken, limit: float) -> None:
        """Swap staging into production and wait for the end, at most `limit` seconds.

        The request goes out once. What was asked goes to `keep_token` before it does, and how to wait for
        it as soon as Azure has accepted, and at last that it has ended: called again with that `token`, this
        waits for the same swap and asks for a second only if the first has clearly never arrived.
        Raises SwapRefused when nothing happened and SwapUncertain when that cannot be told.
        """
        asked = Asked.read(token)
        if asked is not None and asked.ended:
            return
        if asked is None or await self.never_arrived(token, limit):
            asked = await self._ask_for_swap(keep_token, limit)
        if asked.poller is not None:
            await self._wait_for_swap(asked, asked.poller, keep_token, limit)
        await keep_token(replace(asked, poller=None, ended=True).text())

    async def never_arrived(self, token: str | None, limit: float) -> bool:
        """Whether a swap that was to be asked for clearly never was: the bot died before it had Azure's answer.

        False as soon as it shows itself. Raises SwapUncertain when that cannot be told.
        """
        asked = Asked.read(token)
        if asked is None or asked.ended or asked.poller is not None:
            return False
        return not await self._happened(asked, "it was cut off", limit)

    async def _ask_for_swap(self, keep_token: KeepToken, limit: float) -> Asked:
        """The request itself, sent once; without a poller in the answer the swap has ended already."""
        before = await self.slot(PRODUCTION)
        if before.operation is not None:
            raise SwapRefused("another operation is in progress on this site.")
        asked = Asked(before.last_swap_at)
        await keep_token(asked.text())
        try:
            poller = await self._apps.begin_swap_slot(*self._where(self.staging), _TO_PRODUCTION)
            asked = replace(asked, poller=poller.continuation_token())
            await keep_token(asked.text())
            return asked
        except HttpResponseError as error:
            status = error.status_code or 0
            if 400 <= status < 500 and status != 408:
                await keep_token(None)
                raise _refusal(error) from error
            await self._told_by_the_site(asked, told(error), keep_token, limit)
        except (AzureError, ValueError) as error:
            await self._told_by_the_site(asked, in_words(error), keep_token, limit)
        return asked

    async def _wait_for_swap(self, asked: Asked, poller: str, keep_token: KeepToken, limit: float) -> None:
        try:
            where = self._where(self.staging)
            waiting = await self._apps.begin_swap_slot(*where, _TO_PRODUCTION, continuation_token=poller)
            async with asyncio.timeout(limit):
                await waiting.result()
        except TimeoutError as error:
            raise SwapUncertain(f"no end within {limit:.0f} seconds.") from error
        except HttpResponseError as error:
            # Also where it sounds like a verdict: a 409 can be said of the swap as well as of the poll.
            await self._told_by_the_site(asked, told(error), keep_token, limit)
        except (AzureError, ValueError) as error:
            await self._told_by_the_site(asked, in_words(error), keep_token, limit)

    async def _told_by_the_site(self, asked: Asked, doubt: str, keep_token: KeepToken, limit: float) -> None:
        """After an ambiguous answer: the swap has ended, or SwapRefused if it did not happen."""
        if not await self._happened(asked, doubt, limit):
            await keep_token(None)
            raise SwapRefused(doubt)

    async def _happened(self, asked: Asked, doubt: str, limit: float) -> bool:
        """Watch the site until the swap that was `asked` for has shown itself or clearly has not begun."""
        deadline = time.monotonic() + limit
        quiet_since: float | None = None
        while (now := time.monotonic()) < deadline:
            # Whatever ARM says meanwhile, no answer is no verdict.
            with contextlib.suppress(ReleaseError):
                site = await self.slot(PRODUCTION)
                if site.last_swap_at != asked.last_swap_at:
                    return True
                quiet_since = None if site.operation else now if quiet_since is None else quiet_since
                if quiet_since is not None and now - quiet_since >= self._doubt_seconds:
                    return False
            await asyncio.sleep(min(_LOOK_SECONDS, self._doubt_seconds / _QUIET_LOOKS))
        raise SwapUncertain(doubt)

    async def reachable(self) -> None:
        """Raises unless ARM lets the bot read this site."""
        await self._asked(f"site {self.name}", lambda: self._apps.get(self._group, self.name))


def _refusal(error: HttpResponseError) -> ReleaseError:
    """Why a swap was not accepted: a matter of rights, or of the site's state."""
    if error.status_code in (401, 403, 404):
        return translated(error, "the swap")
    return SwapRefused(told(error))


def _word(value: Any) -> str:  # Any: the SDK's enumeration, or text it does not know
    return str(getattr(value, "value", value))


def _stamp(value: datetime | str | None) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else value
