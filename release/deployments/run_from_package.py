"""A zip that is mounted as it is: App Service keeps it in data/SitePackages and shows its content as wwwroot.

Nothing in wwwroot can be written to then, and on Linux the SCM site does not even see it
(https://github.com/microsoft/azure-pipelines-tasks/issues/11440). So the version is read inside the zip, and the
bot's notes are in `data`, which goes along in a swap as the packages do.
"""

import json

from release.deployments.in_a_zip import NoSuchZip, RemoteZip
from release.deployments.whole import RUN_FROM_PACKAGE
from release.deployments.zipped import Zipped
from release.errors import ReleaseError
from release.site import WWWROOT, NothingThere, Site

PACKAGES = "data/SitePackages"
PACKAGE_NAME = f"{PACKAGES}/packagename.txt"


class NotRunFromPackage(ReleaseError):
    problem = "{0} does not run from a package: {1} is {2}, not 1."
    remedy = "`az webapp config appsettings set --slot {3} --settings {1}=1`, and the same for production."


class ContentInPackage(ReleaseError):
    problem = "{0} of {1} is {2}: that is inside the package, which cannot be written to."
    remedy = (
        "Move it to /home/data, for example, on both slots (paths__contentPath, database__connection__filename), "
        "and set content, database and backup_file of this site in ghostbot.toml."
    )


class NoBackupCommand(ReleaseError):
    problem = "{0} runs from a package, where App Service runs no WebJob, and no backup_command is set."
    remedy = "docs/webjob/README.md says what to put on the slots, and which command to set."


class RunFromPackage(Zipped):
    """The slot runs from the zip that was deployed last."""

    notes = "data"
    unpacks_to = None

    def __init__(self) -> None:
        # A package never changes under its name, and its directory of some MB is asked for again and again.
        self._opened: dict[tuple[str, str, int, str], RemoteZip] = {}

    async def problems(self, site: Site) -> tuple[ReleaseError, ...]:
        config = site.config
        value = (await site.app.settings(site.staging)).get(RUN_FROM_PACKAGE, "not set")
        found: list[ReleaseError] = []
        if value != "1":
            called = site.app.called(site.staging)
            found.append(NotRunFromPackage(called, RUN_FROM_PACKAGE, value, site.staging))
        for name in ("content", "database", "backup_file"):
            place = str(getattr(config, name))
            if f"{place}/".startswith(f"{WWWROOT}/"):
                found.append(ContentInPackage(name, site.name, place))
        if config.backup_command is None:
            found.append(NoBackupCommand(site.name))
        return tuple(found)

    async def version(self, site: Site, slot: str) -> str:
        """Of the package that the slot runs from."""
        try:
            return str(json.loads(await self.read(site, slot, "package.json") or b"")["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise NothingThere(site.app.called(slot), f"package.json in the package of {PACKAGES}") from error

    async def read(self, site: Site, slot: str, path: str) -> bytes | None:
        kudu = await site.kudu(slot)
        name = (await kudu.read(PACKAGE_NAME) or b"").decode(errors="replace").strip()
        entry = await kudu.stat(f"{PACKAGES}/{name}") if name and "/" not in name else None
        if entry is None:
            return None

        async def read_range(start: int, length: int) -> bytes:
            return await kudu.read_range(f"{PACKAGES}/{name}", start, length)

        key = (f"{site.name}/{slot}", name, entry.size, entry.mtime)
        if key not in self._opened:
            for known in [known for known in self._opened if known[0] == key[0]]:
                del self._opened[known]
            self._opened[key] = RemoteZip(entry.size, read_range)
        try:
            return await self._opened[key].read(path)
        except NoSuchZip:
            return None
