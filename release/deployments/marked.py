"""A zip of any web app; which one lies on a slot is told by the mark that the bot left there."""

from release.deployments.whole import Whole
from release.site import WWWROOT, NothingThere, Site
from release.staging import MARK, mark_in

UNMARKED = "unmarked"
"""What is there was deployed by other means. What tells one such deployment from the next is part of its version."""


class Marked(Whole):
    """The package is unpacked into wwwroot, and its version is what the bot's mark says."""

    async def version(self, site: Site, slot: str) -> str:
        """The mark's version, unless somebody deployed over it: then, as where none was, the deployment's own id."""
        kudu = await site.kudu(slot)
        mark = mark_in(await kudu.read(site.note(MARK)))
        latest = str((await kudu.latest_deployment() or {}).get("id") or "")
        if mark is not None and mark.deployment == latest:
            return mark.version
        if latest:
            return f"{UNMARKED}-{latest[:8]}"
        if not await kudu.list(WWWROOT):
            raise NothingThere(site.app.called(slot), "every file")
        return UNMARKED
