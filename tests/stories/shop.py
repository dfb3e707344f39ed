"""A shop on the local App Service whose slots share a real database: what the stories of such sites are told with."""

import asyncio
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.shop.load import Load
from demo.shop.versions import OLDER, ShopVersion, migrations_zip, site_zip
from demo.stages import TINY_NODE
from release.model import Release, State
from tests.shop import NAME, ShopDatabase
from tests.stories.team import Team

ORDER_SECONDS = 60


class Shop:
    """One site of a team, which runs the older version when it begins. `artefacts` is the folder of its builds."""

    def __init__(self, team: Team, site: str, database: ShopDatabase, artefacts: Path) -> None:
        self.team = team
        self.site = site
        self.database = database
        self.artefacts = artefacts

    async def opens(self, migrations: Path) -> None:
        """The older version runs in production, on the schema that it came with; staging is empty and stopped."""
        code, said = await self.database.migrate(OLDER, migrations)
        assert code == 0, said
        world = self.team.world
        await world.put_site(self.site, slots=["staging"], node=TINY_NODE, running=False)
        packed = await site_zip(OLDER, self.database.tool, self.artefacts.parent / "first.zip", bundle=False)
        await asyncio.to_thread(shutil.unpack_archive, packed, await world.wwwroot(self.site))
        strings = {
            NAME: {"value": self.database.connection_string, "type": self.database.app_service_type},
        }
        for path in (self.site, f"{self.site}/slots/staging"):
            await self.team.arm("PUT", f"{path}/config/connectionstrings", {"properties": strings})
        # Every setting is a slot setting, as in the pipeline that this is modelled on.
        sticky = {"properties": {"connectionStringNames": [NAME], "appSettingNames": []}}
        await self.team.arm("PUT", f"{self.site}/config/slotConfigNames", sticky)
        settings = {"WEBSITE_SWAP_WARMUP_PING_PATH": "/health", "WEBSITE_SWAP_WARMUP_PING_STATUSES": "200"}
        await world.put_site(
            self.site,
            node=TINY_NODE,
            production={"settings": settings, "running": True},
            slots={"staging": {"settings": settings, "running": False}},
        )
        await world.wait_until_well(self.site)

    async def has_built(self, shop: ShopVersion, bundle: bool = True) -> str:
        """An artefact of the version is in the folder, its migrations in it or beside it; returns its digest."""
        path = self.artefacts / f"shop-{shop.version}.zip"
        await site_zip(shop, self.database.tool, path, bundle)
        if not bundle:
            migrations_zip(shop, self.database.tool, self.artefacts / f"shop-{shop.version}-migrations.zip")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    async def asks(self, shop: ShopVersion, *more: str) -> None:
        """ann asks for a deployment."""
        await self.team.types(
            "ann", " ".join(["/ghost deploy", self.site, f"shop-{shop.version}.zip", *more])
        )

    async def card(self, seconds: float = 120, after: Release | None = None) -> dict[str, Any]:
        """The approval card as ben sees it."""
        release = await self.team.reaches(self.site, State.AWAITING_APPROVAL, seconds=seconds, after=after)
        return await self.team.sees(
            "ben", f"{self.site}: {release.from_version} → {release.version}", button="Approve"
        )

    async def version(self, slot: str = "production") -> str:
        """What the code itself says."""
        url = await self.team.world.url(self.site, slot)
        return str((await self.team.world.http.get(f"{url}/version")).json()["version"])

    async def health(self) -> int:
        return await self.team.page(self.site, "/health")


async def goes_on(load: Load, orders: int = 10) -> None:
    """So many more orders were acknowledged."""
    wanted = len(load.ordered) + orders
    async with asyncio.timeout(ORDER_SECONDS):
        while len(load.ordered) < wanted:  # noqa: ASYNC110 - the load tells nobody
            await asyncio.sleep(0.05)


def options(
    database: ShopDatabase,
    artefacts: Path,
    approve: str = "before swap",
    migration: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """What the bot's settings say of such a site."""
    return {
        "kind": "web app",
        "deploy": {"folder": str(artefacts), "pages": ["/", "/health", "/products"], "approve": approve},
        "migration": {
            "command": list(database.up),
            "pending": list(database.pending),
            "pending_pattern": database.pending_pattern,
            "down": list(database.down),
            "connection_string": NAME,
            "format": database.format,
            **(migration or {}),
        },
    }
