"""The demo's blog: a real Ghost, set up once, kept in the cache, and laid out in a slot within seconds."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.blog.story import EDITION, OWNER, THEME, tell
from demo.webjob import install_webjob
from release.ghost.build import Package, build
from release.ghost.cache import Mark
from release.ghost.database import inspect
from release.ghost.migrate import CONTENT_FOLDERS
from release.ghost.npm import Npm
from release.ghost.running import running
from release.version import Version

# Without the native part of its sharp, resizing ends an upload.
UNRESIZED = {"imageOptimization__resize": "false"}


@dataclass(frozen=True)
class Blog:
    """A finished blog. `content` is its content folder, `admin_key` "id:secret" for the Admin API."""

    version: str
    package: Package
    content: str
    admin_key: str
    owner_email: str
    owner_password: str
    theme: str
    from_cache: bool


async def prepare(version: Version, node_major: int, npm: Npm, progress: Callable[[str], None]) -> Blog:
    """A blog on this Ghost with posts, drafts, pages, tags, members, images and a theme of its own.

    The first time it is built, booted and written to through its API; later it comes from the cache.
    """
    package = await build(version, node_major, npm, progress)

    async def fill(folder: Path) -> Mark:
        progress(f"setting up a blog on Ghost {version}")
        async with npm.cache.workplace(f"blog-{version}") as place:
            wwwroot = place / "wwwroot"
            await asyncio.to_thread(_lay_out_site, package, wwwroot)
            await asyncio.to_thread(_add_theme, wwwroot / "content" / "themes")
            program = Path(package.node_prefix) / "bin" / "node"
            environment = npm.surroundings(program.parent)
            if any("sharp" in warning for warning in package.warnings):
                environment |= UNRESIZED
            log = npm.cache.log(f"blog-{version}")
            async with running(wwwroot, program, environment, log) as url:
                admin_key = await tell(url, str(version))
            await asyncio.to_thread(_empty, wwwroot / "content" / "logs")
            await inspect(wwwroot / "content" / "data" / "ghost.db")
            await asyncio.to_thread(shutil.copytree, wwwroot / "content", folder / "content")
        return {"admin_key": admin_key}

    kept = await npm.cache.folder_of("blogs", f"ghost-{version}-edition-{EDITION}", fill)
    return Blog(
        version=str(version),
        package=package,
        content=str(kept.path / "content"),
        admin_key=str(kept.mark["admin_key"]),
        owner_email=OWNER["email"],
        owner_password=OWNER["password"],
        theme=THEME,
        from_cache=kept.from_cache and package.from_cache,
    )


async def lay_out(blog: Blog, wwwroot: Path) -> None:
    """`wwwroot`, new, holds the blog as a slot does, with the backup WebJob.

    Code is hard-linked to the cache where that is possible, so it must be replaced, never written into;
    everything in content, the database first of all, is a copy of its own.
    """
    await asyncio.to_thread(_lay_out_site, blog.package, wwwroot)
    await asyncio.to_thread(shutil.rmtree, wwwroot / "content")
    await asyncio.to_thread(shutil.copytree, blog.content, wwwroot / "content")
    await asyncio.to_thread(install_webjob, wwwroot)


def _lay_out_site(package: Package, wwwroot: Path) -> None:
    site = Path(package.folder)
    wwwroot.mkdir(parents=True)
    for entry in site.iterdir():
        if entry.is_dir():
            copy = shutil.copy2 if entry.name == "content" else _link_or_copy
            shutil.copytree(entry, wwwroot / entry.name, symlinks=True, copy_function=copy)
        else:
            shutil.copy2(entry, wwwroot / entry.name)
    for name in CONTENT_FOLDERS:
        (wwwroot / "content" / name).mkdir(exist_ok=True)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        # Another disk, or a file system without hard links.
        shutil.copy2(source, target)


def _add_theme(themes: Path) -> None:
    """The blog's own theme: one that Ghost ships, under another name and in another colour."""
    shipped = next(themes / name for name in ("source", "casper") if (themes / name).is_dir())
    shutil.copytree(shipped, themes / THEME)
    package = json.loads((themes / THEME / "package.json").read_text())
    package |= {"name": THEME, "description": "The demo blog's own theme"}
    (themes / THEME / "package.json").write_text(json.dumps(package, indent=2))
    front = themes / THEME / "default.hbs"
    style = "<style>:root { --ghost-accent-color: #0b4f6c; }</style>\n</head>"
    front.write_text(front.read_text().replace("</head>", style, 1))


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        entry.unlink()
