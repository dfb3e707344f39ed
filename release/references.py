"""Settings that refer to a Key Vault: the bot leaves them as they are, and says which ones get no secret."""

import asyncio

from release.errors import ReleaseError
from release.site import PRODUCTION, Site

_BEGIN = "@microsoft.keyvault("


async def unresolved_references(site: Site) -> tuple[str, ...]:
    """One sentence for each app setting of a slot whose app gets the reference instead of the secret."""
    found = await asyncio.gather(*(_of(site, slot) for slot in (PRODUCTION, site.staging)))
    return tuple(sentence for sentences in found for sentence in sentences)


async def _of(site: Site, slot: str) -> list[str]:
    try:
        settings = await site.app.settings(slot)
        if not any(value.strip().lower().startswith(_BEGIN) for value in settings.values()):
            return []
        unresolved = await site.app.unresolved_references(slot)
    except ReleaseError as error:
        return [f"{slot}: whether its references to Key Vault resolve cannot be told: {error}"]
    return [
        f"{slot}: the setting {name} refers to a Key Vault and gets no secret from there ({status}). "
        f"Each slot has an identity of its own: let that of {slot} read the vault."
        for name, status in sorted(unresolved.items())
    ]
