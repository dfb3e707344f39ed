"""The site's own theme, looked at with the eyes of the new version before anything is put on staging."""

import asyncio
from pathlib import Path, PurePosixPath

from release.errors import ReleaseError
from release.ghost.build import Package
from release.ghost.cache import Cache
from release.ghost.database import active_theme
from release.ghost.errors import CommandFailed, CommandTooSlow
from release.ghost.theme import check_theme, gscan_of
from release.model import BackupTaken, Step, ThemeChecked
from release.side_by_side import all_of
from release.site import PRODUCTION, Site
from release.steps.common import Steps, shipped_themes

_AT_ONCE = 6
# What gscan itself passes by; who develops on the blog has thousands of them.
_NOT_LOOKED_AT = {"node_modules", "bower_components", ".git"}


class ThemeRefused(ReleaseError):
    problem = "Ghost {0} refuses the theme {1} that {2} uses: {3}."
    remedy = (
        "Production and staging are untouched. Have the theme {1} repaired, upload it in production's admin, "
        "then start again. What each rule means: https://gscan.ghost.io (gscan {4})."
    )


class Theming(Steps):
    """The one step between the build and the first change of staging."""

    async def check_theme(self, release_id: str, backup: BackupTaken, package: Package) -> None:
        """The new version takes the theme that production uses, as far as gscan tells; else ThemeRefused."""
        _, site, journal = await self._of(release_id)
        async with journal.step(Step.CHECK_THEME) as words:
            package = await self._here(release_id, package)
            name = await active_theme(await self._store.read(backup))
            if name in await shipped_themes(package.folder):
                words.text = f"{name} comes with Ghost {package.version}"
                return
            gscan = gscan_of(package)
            if gscan is None:
                words.text = f"Ghost {package.version} brings no gscan, so {name} is not checked"
                return
            async with self._turns.turn(words):
                await words.say(f"{name}, by gscan {gscan}")
                found = await self._look(release_id, site, package, name)
            await self._records.note(release_id, theme=found)
            if found.refused:
                rules = "; ".join(found.refused)
                raise ThemeRefused(package.version, name, site.name, rules, gscan)
            count = len(found.warnings)
            told = "nothing to say" if not count else "1 warning" if count == 1 else f"{count} warnings"
            words.text = f"{name}, by gscan {gscan}: {told}"

    async def _look(self, release_id: str, site: Site, package: Package, name: str) -> ThemeChecked:
        """What gscan says of it. That it could not be looked at is a warning, and no verdict."""
        gscan = gscan_of(package) or ""
        async with Cache(self._work(release_id)).workplace("theme") as place:
            folder = place / "theme"
            if not await self._fetch(site, name, folder):
                return ThemeChecked(name, gscan, (), ("production has no files of it",))
            try:
                return await check_theme(package, name, folder, place, self._npm)
            except (CommandFailed, CommandTooSlow) as error:
                return ThemeChecked(name, gscan, (), (f"it could not be checked: {error}",))

    async def _fetch(self, site: Site, name: str, folder: Path) -> int:
        """The theme's files, as production has them, are in `folder`; returns how many."""
        if name != PurePosixPath(name).name:
            return 0
        kudu = await site.kudu(PRODUCTION)
        theme = f"{site.config.content}/themes/{name}"
        paths = [entry.path for entry in await kudu.walk(theme)]
        paths = [path for path in paths if _NOT_LOOKED_AT.isdisjoint(PurePosixPath(path).parts)]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def fetch(path: str) -> None:
            target = folder / path
            async with gate:
                await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
                await kudu.download(f"{theme}/{path}", target)

        await all_of(map(fetch, paths))
        return len(paths)
