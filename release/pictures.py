"""Pictures of a candidate beside production, for the people who decide. Extras: no release waits for them."""

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from release.errors import ReleaseError
from release.ghost.process import Command, ask
from release.model import Kind, Picture, Release, State
from release.records import Records
from release.side_by_side import all_of
from release.site import PRODUCTION, Site

log = logging.getLogger(__name__)

LOOKED_FOR = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 90
# A way back is asked about, too, but staging may be stopped then; a web app that is asked about before its migration
# runs on a database that it does not know.
PICTURED = frozenset(
    {Kind.UPGRADE, Kind.UPGRADE_SHARED, Kind.SWAP, Kind.RESTORE, Kind.CARRY_OVER, Kind.DEPLOY}
)
_FROM_OUTSIDE = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class NoBrowser(ReleaseError):
    problem = "There is no browser for pictures: {0}."
    remedy = 'Install Chromium, set browser to where it is, or set browser = "none" to do without pictures.'


def found_browser(setting: str) -> Path | None:
    """The browser that the setting means: "auto", "none" (None), or where it is. Raises NoBrowser."""
    if setting == "none":
        return None
    if setting == "auto":
        found = next(filter(None, map(shutil.which, LOOKED_FOR)), None)
        if found is None:
            raise NoBrowser("neither Chromium nor Chrome is on PATH")
        return Path(found)
    if not os.access(setting, os.X_OK) or Path(setting).is_dir():
        raise NoBrowser(f"{setting} is no program that can be run")
    return Path(setting)


@dataclass(frozen=True)
class View:
    """A page that is shown: its name in files, what it is for people, and its path below the site's address."""

    name: str
    title: str
    path: str


class Camera:
    """Takes pictures with the browser at `browser`, one set at a time. `work` is where they are put together."""

    def __init__(self, browser: Path, work: Path) -> None:
        self._browser = browser
        self._work = work

    async def take(
        self, views: tuple[View, ...], before: tuple[str, str], after: tuple[str, str]
    ) -> tuple[Picture, ...]:
        """`before` and `after` are a label and a site's address each. Raises ReleaseError."""
        await asyncio.to_thread(self._work.mkdir, parents=True, exist_ok=True, mode=0o700)
        folder = Path(await asyncio.to_thread(mkdtemp, prefix="pictures-", dir=self._work))
        try:
            wish = {
                "browser": str(self._browser),
                "folder": str(folder),
                "labels": [before[0], after[0]],
                "views": [
                    {
                        "name": view.name,
                        "title": view.title,
                        "addresses": [before[1] + view.path, after[1] + view.path],
                    }
                    for view in views
                ],
            }
            await asyncio.to_thread((folder / "wish.json").write_text, json.dumps(wish))
            answer = await ask(
                Command(
                    "a browser takes pictures",
                    (sys.executable, "-m", "release.camera", folder / "wish.json"),
                    folder,
                    _environment(folder),
                    folder / "log",
                    SECONDS,
                )
            )
            return await asyncio.to_thread(_read, folder, json.loads(answer))
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


class Photographer:
    """Takes the pictures of the releases that people decide on."""

    def __init__(self, sites: Mapping[str, Site], records: Records, camera: Camera) -> None:
        self._sites = sites
        self._records = records
        self._camera = camera

    async def look(self) -> None:
        """Every release that waits for its approval has its pictures, or it is known that it gets none."""
        for one in await self._records.waiting():
            if one.kind in PICTURED and not one.pictured and one.site in self._sites:
                await self._picture(await self._records.release(one.release), self._sites[one.site])

    async def _picture(self, release: Release, site: Site) -> None:
        candidate = release.facts.candidate
        try:
            here, there = await all_of(site.url(slot) for slot in (PRODUCTION, site.staging))
            versions = release.from_version or "", candidate.version if candidate else ""
            taken = await self._camera.take(
                await views_of(site, here),
                (f"Production, {versions[0]}", here),
                (f"Staging, {versions[1]}", there),
            )
        except ReleaseError as error:
            log.warning("no pictures", extra={"release": release.id, "why": str(error)})
            taken = ()
        # What was decided meanwhile may be in production already: then they show the wrong thing.
        if (await self._records.release(release.id)).state is State.AWAITING_APPROVAL:
            await self._records.keep_pictures(release.id, taken)
        await self._records.note(release.id, pictured=len(taken))


async def views_of(site: Site, url: str) -> tuple[View, ...]:
    """The front page, and the first other page that people read: of a blog a post."""
    front = site.shape.pages.front
    read = [page for page in await site.shape.pages.of(site, url) if page.read and page.path != front.path]
    pages = [front, *read[:1]]
    return tuple(
        View(f"page-{number}", page.what.capitalize(), page.path) for number, page in enumerate(pages)
    )


def _environment(folder: Path) -> dict[str, str]:
    """Of the bot's own only what leads to the sites: pages run foreign code, so no secret is in reach."""
    outside = {name: os.environ[name] for name in _FROM_OUTSIDE if name in os.environ}
    return {
        **outside,
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HOME": str(folder),
        "TMPDIR": str(folder),
    }


def _read(folder: Path, told: list[dict[str, str]]) -> tuple[Picture, ...]:
    return tuple(
        Picture(one["name"], one["title"], one["alt_text"], (folder / f"{one['name']}.jpg").read_bytes())
        for one in told
    )
