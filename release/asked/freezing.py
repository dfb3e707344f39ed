"""Freezes, typed and configured."""

from collections.abc import Sequence
from datetime import UTC, datetime

from release.asked.base import Asked
from release.freezes import (
    OPEN_ALWAYS,
    FrozenBySettings,
    FrozenWithAll,
    NotFrozen,
    SiteFrozen,
    longest,
)
from release.model import (
    Freeze,
    Kind,
)


class Freezing(Asked):
    """What keeps new versions from going live."""

    async def freeze(self, site: str | None, by: str, until: datetime | None, reason: str) -> Freeze:
        """Nothing new goes live on the site (None: on any) until then, or until it is lifted."""
        freeze = await self.records.freeze(site and self._site(site).name, by, until, reason)
        await self.records.audit_freeze(freeze, by, "freeze")
        return freeze

    async def unfreeze(self, site: str | None, by: str) -> tuple[Freeze, ...]:
        """Lift the freezes of the site, or those of all. Raises NotFrozen, FrozenBySettings or FrozenWithAll."""
        name = self._site(site).name if site else None
        lifted = await self.records.lift(name, by)
        for freeze in lifted:
            await self.records.audit_freeze(freeze, by, "unfreeze")
        if lifted:
            return lifted
        one = name or (self.sites[0] if len(self.sites) == 1 else None)
        if one is not None and one != name:
            return await self.unfreeze(one, by)
        still = await self.frozen(name) if name else None
        if still is None:
            raise NotFrozen(name or "all sites together")
        if still.by is None:
            raise FrozenBySettings(name, still.reason or still.in_words)
        raise FrozenWithAll(name)

    async def frozen(self, site: str) -> Freeze | None:
        """The freeze that keeps this site from new versions now; of several the one that ends last."""
        moment = datetime.now(UTC)
        return self._frozen(site, await self.records.freezes(moment), moment)

    def _frozen(self, site: str, typed: Sequence[Freeze], moment: datetime) -> Freeze | None:
        mine = [one for one in typed if one.site in (None, site)]
        configured = [found for window in self.windows if (found := window.freezes(site, moment))]
        return longest((*mine, *configured))

    async def _may_go_live(self, kind: Kind, site: str) -> None:
        """Raises SiteFrozen for what puts something new live while the site is frozen."""
        if kind in OPEN_ALWAYS:
            return
        found = await self.frozen(site)
        if found is not None:
            lifts = (
                f", and /ghost unfreeze{f' {found.site}' if found.site else ''} lifts it" if found.by else ""
            )
            raise SiteFrozen(site, found.in_words, lifts, found.by or "")
