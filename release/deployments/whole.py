"""A zip with everything the app needs, deployed as it is; package.json says its version."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from release.site import WWWROOT, NothingThere, Site


class Whole:
    """The package is unpacked into wwwroot, over what is there."""

    async def version(self, site: Site, slot: str) -> str:
        """From the files: Ghost tells only major.minor over HTTP, its package.json all of it."""
        content = await (await site.kudu(slot)).read(f"{WWWROOT}/package.json")
        try:
            return str(json.loads(content or b"")["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise NothingThere(site.app.called(slot), f"{WWWROOT}/package.json") from error

    async def deploy(self, site: Site, package: Path, told: Callable[[str], Awaitable[None]]) -> str:
        kudu = await site.kudu(site.staging)
        await kudu.reachable()
        return await kudu.deploy_zip(package, site.config.deploy_limit, told)
