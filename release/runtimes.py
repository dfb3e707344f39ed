"""Which Node a slot runs on, and how staging is given another one."""

from typing import TYPE_CHECKING, Protocol

from release.ghost.node import nearest_major_of

if TYPE_CHECKING:
    from release.site import Site


class Runtime(Protocol):
    """Stacks are said as App Service for Linux says them, whatever it is in truth: "NODE|22-lts"."""

    async def stack(self, site: "Site", slot: str, wanted: str) -> str:
        """The slot's stack; empty when none is set. `wanted` is the range of Nodes that a version asks for."""

    async def give(self, site: "Site", stack: str) -> None:
        """Staging, stopped, has this stack; production gets its own by a swap. The SCM site is away for a while."""


class LinuxStack:
    """The slot's own stack."""

    async def stack(self, site: "Site", slot: str, wanted: str) -> str:
        del wanted
        return await site.app.stack(slot)

    async def give(self, site: "Site", stack: str) -> None:
        await site.app.set_stack(site.staging, stack)


class OfTheImage:
    """A container brings its own Node: whatever a version wants, it has. What is migrated off the server needs one."""

    async def stack(self, site: "Site", slot: str, wanted: str) -> str:
        del site, slot
        return f"NODE|{nearest_major_of(wanted)}-lts"

    async def give(self, site: "Site", stack: str) -> None:
        """There is nothing to give."""


LINUX = LinuxStack()
