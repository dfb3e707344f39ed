"""The Ghost-shaped site in several versions, all made from one template; some of them misbehave on purpose."""

import base64
import gzip
import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from release.ghost.build import START_FILE, start_files

HERE = Path(__file__).parent
TEMPLATE = HERE / "template"
MIGRATOR = HERE / "knex-migrator"
GSCAN = HERE / "gscan"
USUAL_NODE = "^22.13.1 || ^24.0.0"
MIGRATIONS = "core/server/data/migrations/versions"
# These exist in one version each: no later version carries them on.
FAULTY_MIGRATIONS = ("5.131", "5.132")

FAILING_MIGRATION = "5.131.0"
LOSING_MIGRATION = "5.132.0"
SICK_FRONT_PAGE = "5.133.0"
WRONG_VERSION = "5.134.0"
OTHER_NODE = "5.135.0"
NODE_24_ONLY = "6.3.0"
# Where a database stops on its way to 6.
LAST_OF_5 = "5.136.0"


@dataclass(frozen=True)
class TinyVersion:
    """One version: the Nodes it asks for, and what is wrong with it."""

    version: str
    node: str = USUAL_NODE
    quirks: tuple[tuple[str, str | int], ...] = ()


VERSIONS = (
    TinyVersion("5.100.1"),
    TinyVersion("5.118.1"),
    TinyVersion("5.130.0"),
    TinyVersion("5.130.6"),
    TinyVersion(FAILING_MIGRATION),
    TinyVersion(LOSING_MIGRATION),
    TinyVersion(SICK_FRONT_PAGE, quirks=(("frontPageStatus", 500),)),
    TinyVersion(WRONG_VERSION, quirks=(("reportedVersion", "5.130.0"),)),
    TinyVersion(OTHER_NODE, node="^18.12.1"),
    TinyVersion(LAST_OF_5),
    TinyVersion("6.0.0"),
    TinyVersion(NODE_24_ONLY, node="^24.0.0"),
    TinyVersion("6.4.0"),
)


def find(version: str) -> TinyVersion:
    """The version by its number."""
    return next(one for one in VERSIONS if one.version == version)


def migrator_files() -> dict[str, bytes]:
    """The package knex-migrator, as path -> content."""
    return _read(MIGRATOR)


def migrator_manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((MIGRATOR / "package.json").read_text())
    return manifest


def gscan_files() -> dict[str, bytes]:
    """The package gscan, which checks themes, as path -> content."""
    return _read(GSCAN)


def gscan_manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((GSCAN / "package.json").read_text())
    return manifest


def ghost_manifest(one: TinyVersion) -> dict[str, Any]:
    """package.json of one version."""
    return {
        "name": "ghost",
        "version": one.version,
        "description": "A Ghost-shaped site for ghostbot's tests and demo",
        "license": "MIT",
        "main": "index.js",
        "scripts": {"start": "node index.js"},
        "engines": {"node": one.node},
        "dependencies": {
            "gscan": gscan_manifest()["version"],
            "knex-migrator": migrator_manifest()["version"],
        },
        "devDependencies": {"mocha": "11.0.0"},
    }


def ghost_files(one: TinyVersion) -> dict[str, bytes]:
    """The npm package of one version, as path -> content; with a lock file that names no registry."""
    files = {path: content for path, content in _read(TEMPLATE).items() if _belongs(path, one.version)}
    manifest = ghost_manifest(one)
    files["package.json"] = json.dumps(manifest, indent=2).encode()
    files["package-lock.json"] = json.dumps(_lock(manifest), indent=2).encode()
    if one.quirks:
        files["core/quirks.json"] = json.dumps(dict(one.quirks)).encode()
    return files


def tarball(files: dict[str, bytes]) -> bytes:
    """What npm calls a tarball: gzip, everything below package/."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(content)
            entry.mode = 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=1, mtime=0)


def integrity(content: bytes) -> str:
    """npm's notation of a digest: sha512 in base64."""
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"


@cache
def edition() -> str:
    """What the template is today, in 12 letters: a cache of packages made from another one is of no use."""
    everything = {**_read(HERE / "template"), **migrator_files(), **gscan_files()}
    digest = hashlib.sha256(repr(sorted(everything.items())).encode())
    digest.update(repr((VERSIONS, start_files())).encode())
    return digest.hexdigest()[:12]


def install(one: TinyVersion, wwwroot: Path) -> None:
    """The version's files are in `wwwroot` as a build would have laid them, without asking npm."""
    for path, content in ghost_files(one).items():
        target = wwwroot / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    manifest = ghost_manifest(one) | {"scripts": {"start": f"node {START_FILE}"}}
    (wwwroot / "package.json").write_text(json.dumps(manifest, indent=2))
    for name, text in start_files().items():
        (wwwroot / name).write_text(text)
    shutil.copytree(MIGRATOR, wwwroot / "node_modules" / "knex-migrator", dirs_exist_ok=True)
    shutil.copytree(GSCAN, wwwroot / "node_modules" / "gscan", dirs_exist_ok=True)


def _belongs(path: str, version: str) -> bool:
    """A version ships the migrations up to its own minor; the faulty ones exist in their version only."""
    if not path.startswith(MIGRATIONS):
        return True
    minor = path.removeprefix(f"{MIGRATIONS}/").partition("/")[0]
    mine = version.rpartition(".")[0]
    return minor == mine or (_number(minor) < _number(mine) and minor not in FAULTY_MIGRATIONS)


def _number(minor: str) -> tuple[int, ...]:
    return tuple(map(int, minor.split(".")))


def _lock(manifest: dict[str, Any]) -> dict[str, Any]:
    migrator = migrator_manifest()
    root = {key: manifest[key] for key in ("name", "version", "license", "dependencies", "engines")}
    return {
        "name": manifest["name"],
        "version": manifest["version"],
        "lockfileVersion": 3,
        "requires": True,
        "packages": {
            "": root,
            "node_modules/gscan": {
                "version": gscan_manifest()["version"],
                "integrity": integrity(tarball(gscan_files())),
                "license": "MIT",
            },
            "node_modules/knex-migrator": {
                "version": migrator["version"],
                "integrity": integrity(tarball(migrator_files())),
                "license": "MIT",
                "bin": migrator["bin"],
            },
        },
    }


def _read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
