"""A lock file for npm, written from a node_modules folder: whoever installs by it gets what was built here."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from release.ghost.platforms import Platform

LOCK_FILE = "npm-shrinkwrap.json"
_OF_A_PACKAGE = (
    *("version", "license", "bin", "engines", "os", "cpu", "libc", "dependencies", "optionalDependencies"),
    *("peerDependencies", "peerDependenciesMeta"),
)
_OF_THE_SITE = ("name", "version", "license", "dependencies", "optionalDependencies", "engines")
_SCRIPTS = ("preinstall", "install", "postinstall")


def lock_of(site: Path, platform: Platform | None = None) -> str:
    """The lock file of a site, in npm's format 3. Where a package comes from the registry at hand decides.

    It names exact versions, no digests: pnpm and yarn keep none in node_modules that npm could read. What is for
    this machine's kind only is skipped on another; for `platform` the counterparts are in it, too.
    """
    root = _manifest(site)
    local = {
        name: spec
        for name, spec in {**root.get("dependencies", {}), **root.get("optionalDependencies", {})}.items()
        if str(spec).startswith("file:")
    }
    packages: dict[str, Any] = {"": {key: root[key] for key in _OF_THE_SITE if key in root}}
    for path, folder in _packages(site / "node_modules", "node_modules"):
        entry = _entry(folder)
        name = path.removeprefix("node_modules/")
        if name in local:
            entry["resolved"] = local[name]
        packages[path] = entry
    if platform is not None:
        packages |= _counterparts(packages, platform)
    lock = {
        "name": root.get("name"),
        "version": root.get("version"),
        "lockfileVersion": 3,
        "requires": True,
        "packages": packages,
    }
    return json.dumps(lock, indent=1) + "\n"


def _counterparts(packages: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Native parts for the platform, such as @img/sharp-win32-x64, which somebody here depends on and none needs."""
    found: dict[str, Any] = {}
    for entry in packages.values():
        for name, version in entry.get("optionalDependencies", {}).items():
            path = f"node_modules/{name}"
            if (
                platform.name in name
                and path not in packages
                and re.fullmatch(r"\d+\.\d+\.\d+", str(version))
            ):
                found[path] = {
                    "version": version,
                    "optional": True,
                    "os": [platform.system],
                    "cpu": [platform.processor],
                }
    return found


def _packages(modules: Path, path: str) -> Iterator[tuple[str, Path]]:
    """Every package below a node_modules folder, those inside of others too, with its path as npm writes it."""
    for folder in _folders(modules):
        inside = (
            [f"{folder.name}/{one.name}" for one in _folders(folder)]
            if folder.name[0] == "@"
            else [folder.name]
        )
        for name in inside:
            package = modules / name
            if (package / "package.json").is_file():
                yield f"{path}/{name}", package
                yield from _packages(package / "node_modules", f"{path}/{name}/node_modules")


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    entries = (Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    return sorted(entry for entry in entries if not entry.name.startswith("."))


def _entry(folder: Path) -> dict[str, Any]:
    manifest = _manifest(folder)
    entry: dict[str, Any] = {key: manifest[key] for key in _OF_A_PACKAGE if manifest.get(key)}
    scripts = manifest.get("scripts") or {}
    if any(scripts.get(name) for name in _SCRIPTS) or (folder / "binding.gyp").is_file():
        entry["hasInstallScript"] = True
    if any(entry.get(name) for name in ("os", "cpu", "libc")):
        entry["optional"] = True
    return entry


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "package.json").read_text())
    return manifest
