"""Which database a slot's Ghost works on. The settings that say it stay with their slot in a swap.

So production keeps pointing at the real database through every swap, and staging at the scratch one. From the preview
of a swap on Azure gives staging production's values, and with them the real database, which is migrated by then; what
is swapped out gets staging's, and with them the scratch database: an old version never meets the newer real one there.
"""

import asyncio

from release.mysql.connection import NAME, PREFIX
from release.site import PRODUCTION, Site
from release.staging import stop_staging


async def point_staging_at(site: Site, database: str) -> bool:
    """Staging, stopped, signs in where production does, but to this database; says whether that had to be changed.

    Comes before a deployment: a Ghost migrates whatever database it is pointed at as soon as it boots. References to
    a Key Vault are handed on as they are.
    """
    await stop_staging(site)
    production, staging, sticky = await asyncio.gather(
        site.app.settings(PRODUCTION), site.app.settings(site.staging), site.app.sticky_settings()
    )
    names = {name for name in production if name.startswith(PREFIX)}
    if names - sticky:
        await site.app.make_sticky(names)
    others = {name: value for name, value in staging.items() if not name.startswith(PREFIX)}
    wanted = others | {name: production[name] for name in names} | {NAME: database}
    if staging == wanted:
        return bool(names - sticky)
    await site.app.write_settings(site.staging, wanted)
    # Writing settings recycles the SCM site, which would kill a deployment that comes next.
    await asyncio.sleep(1)
    await (await site.kudu(site.staging)).reachable()
    return True
