"""A container image, built by somebody else: what is deployed is a reference to it, and its tag says the version.

The bot's own build of the same version migrates the database; nothing of it gets on a slot but the themes it ships.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable

from release.errors import ReleaseError
from release.shape import Deployed
from release.site import PRODUCTION, WWWROOT, NothingThere, Site
from release.version import NotAVersion, Version

DOCKER = "DOCKER|"
STORAGE = "WEBSITES_ENABLE_APP_SERVICE_STORAGE"
VERSION = "{version}"


class NoImageThere(ReleaseError):
    problem = "{0} has the stack {1}, which is no image like {2}."
    remedy = (
        "Set image of this site in ghostbot.toml to what the slots run, with {3} in place of the version; or give "
        'the slot such an image: `az webapp config set --slot {4} --linux-fx-version "DOCKER|..."`.'
    )


class HomeNotKept(ReleaseError):
    problem = "{0} keeps nothing: {1} is not true, so /home is thrown away with the container, and the blog with it."
    remedy = "`az webapp config appsettings set --slot {2} --settings {1}=true`, and the same for production."


class Image:
    """The slot's stack names the image. `pattern` is a reference with {version} in it."""

    # The files of the slot are no part of the image; WebJobs and notes are where they are for code.
    notes = WWWROOT
    unpacks_to = None

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        before, _, after = pattern.partition(VERSION)
        self._version = re.compile(f"{re.escape(DOCKER + before)}(.+){re.escape(after)}", re.IGNORECASE)

    async def problems(self, site: Site) -> tuple[ReleaseError, ...]:
        found: list[ReleaseError] = []
        for slot in (PRODUCTION, site.staging):
            stack, settings = await asyncio.gather(site.app.stack(slot), site.app.settings(slot))
            called = site.app.called(slot)
            # A new staging slot may have any stack; it gets its image by the first release.
            if slot == PRODUCTION and self._version_in(stack) is None:
                found.append(NoImageThere(called, stack or "not set", self._pattern, VERSION, slot))
            if settings.get(STORAGE, "").lower() != "true":
                found.append(HomeNotKept(called, STORAGE, slot))
        return tuple(found)

    async def version(self, site: Site, slot: str) -> str:
        """The version in the tag."""
        version = self._version_in(await site.app.stack(slot))
        if version is None:
            raise NothingThere(site.app.called(slot), f"an image like {self._pattern}")
        return version

    def _version_in(self, stack: str) -> str | None:
        found = self._version.fullmatch(stack)
        try:
            return str(Version.parse(found[1])) if found else None
        except NotAVersion:
            return None

    async def read(self, site: Site, slot: str, path: str) -> bytes | None:
        """Nobody can look into an image from here."""
        del site, slot, path
        return None

    async def latest(self, site: Site) -> str:
        return await site.app.stack(site.staging)

    async def deploy(self, site: Site, what: Deployed, told: Callable[[str], Awaitable[None]]) -> str:
        """Staging's image is that of the version. It is pulled when the slot starts."""
        stack = DOCKER + self._pattern.replace(VERSION, what.version)
        if await site.app.stack(site.staging) != stack:
            await told(f"setting the image to {stack.removeprefix(DOCKER)}")
            await site.app.set_stack(site.staging, stack)
            # As after any write of settings, the SCM site is away for a while.
            await asyncio.sleep(1)
        await (await site.kudu(site.staging)).reachable()
        return stack
