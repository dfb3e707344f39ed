"""Which Node a slot runs on, and how staging is given another one."""

import re
from typing import TYPE_CHECKING, Protocol

from release.errors import ReleaseError
from release.ghost.node import major_of_stack, nearest_major_of

if TYPE_CHECKING:
    from release.site import Site


class Runtime(Protocol):
    """Stacks are said as App Service for Linux says them, whatever it is in truth: "NODE|22-lts"."""

    async def stack(self, site: "Site", slot: str, wanted: str) -> str:
        """The slot's stack; empty when none is set. `wanted` is the range of Nodes that a version asks for."""

    async def give(self, site: "Site", stack: str) -> None:
        """Staging, stopped, has this stack; production gets its own by a swap. The SCM site is away for a while."""

    async def stays_with_its_slot(self, site: "Site") -> bool:
        """Whether a swap leaves it behind, so that production would not get what staging was given."""


class LinuxStack:
    """The slot's own stack."""

    async def stack(self, site: "Site", slot: str, wanted: str) -> str:
        del wanted
        return await site.app.stack(slot)

    async def give(self, site: "Site", stack: str) -> None:
        await site.app.set_stack(site.staging, stack)

    async def stays_with_its_slot(self, site: "Site") -> bool:
        del site
        return False


class NoWindowsNode(ReleaseError):
    problem = "{0} is set up as a site on Windows, and its app setting {1} is {2}: its Node cannot be told."
    remedy = (
        "`az webapp config appsettings set --slot {3} --settings {1}=~22`, and the same for production. Where the site "
        "is on Linux, leave out system in ghostbot.toml."
    )


NODE_VERSION = "WEBSITE_NODE_DEFAULT_VERSION"


class WindowsNode:
    """An app setting, which goes along in a swap as stacks do."""

    async def stack(self, site: "Site", slot: str, wanted: str) -> str:
        """Raises NoWindowsNode."""
        del wanted
        version = (await site.app.settings(slot)).get(NODE_VERSION, "")
        major = re.match(r"\s*~?(\d+)", version, re.ASCII)
        if major is None:
            raise NoWindowsNode(site.app.called(slot), NODE_VERSION, version or "not set", site.staging)
        return f"NODE|{major[1]}-lts"

    async def give(self, site: "Site", stack: str) -> None:
        settings = await site.app.settings(site.staging)
        await site.app.write_settings(
            site.staging, {**settings, NODE_VERSION: f"~{major_of_stack(stack) or ''}"}
        )

    async def stays_with_its_slot(self, site: "Site") -> bool:
        return NODE_VERSION in await site.app.sticky_settings()


class OfTheImage:
    """A container brings its own Node: whatever a version wants, it has. What is migrated off the server needs one."""

    async def stack(self, site: "Site", slot: str, wanted: str) -> str:
        del site, slot
        return f"NODE|{nearest_major_of(wanted)}-lts"

    async def give(self, site: "Site", stack: str) -> None:
        """There is nothing to give."""

    async def stays_with_its_slot(self, site: "Site") -> bool:
        del site
        return False


LINUX = LinuxStack()
