"""What all ways have in common that unpack a zip into wwwroot."""

import json
from collections.abc import Awaitable, Callable

from release.shape import Deployed
from release.site import WWWROOT, NothingThere, Site


class Zipped:
    """The package is unpacked into wwwroot, and the bot writes its notes beside it."""

    notes = WWWROOT
    unpacks_to: str | None = WWWROOT

    async def version(self, site: Site, slot: str) -> str:
        """From the files: Ghost tells only major.minor over HTTP, its package.json all of it."""
        try:
            return str(json.loads(await self.read(site, slot, "package.json") or b"")["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise NothingThere(site.app.called(slot), f"{WWWROOT}/package.json") from error

    async def read(self, site: Site, slot: str, path: str) -> bytes | None:
        return await (await site.kudu(slot)).read(f"{WWWROOT}/{path}")

    async def latest(self, site: Site) -> str:
        latest = await (await site.kudu(site.staging)).latest_deployment()
        return str((latest or {}).get("id", ""))

    async def deploy(self, site: Site, what: Deployed, told: Callable[[str], Awaitable[None]]) -> str:
        kudu = await site.kudu(site.staging)
        await kudu.reachable()
        return await kudu.deploy_zip(what.archive, site.config.deploy_limit, told)
