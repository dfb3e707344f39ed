"""A small npm registry, good enough for the real npm client: packuments and tarballs of the tiny Ghost."""

import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aiohttp import web

from demo.tiny.versions import (
    VERSIONS,
    ghost_files,
    ghost_manifest,
    gscan_files,
    gscan_manifest,
    integrity,
    migrator_files,
    migrator_manifest,
    tarball,
)

PUBLISHED = "2025-01-01T00:00:00.000Z"


@dataclass
class TinyRegistry:
    """A running registry. `asked` are the paths that were requested, in order."""

    asked: list[str] = field(default_factory=list)
    url: str = ""
    _packages: dict[str, dict[str, tuple[dict[str, Any], bytes]]] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    def publish(self, manifest: dict[str, Any], packed: bytes) -> None:
        """The package is to be had from now on; publishing the same version again replaces it."""
        versions = self._packages.setdefault(str(manifest["name"]), {})
        versions[str(manifest["version"])] = (manifest, packed)

    def downloads(self, name: str) -> int:
        """How many tarballs of a package were fetched."""
        return sum(path.startswith(f"/{name}/-/") for path in self.asked)

    async def close(self) -> None:
        """Nothing listens any more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def listen(self, port: int = 0) -> None:
        """Answer on this port of localhost; 0 takes a free one. `url` is known afterwards."""
        app = web.Application()
        app.router.add_get("/{name}", self._packument)
        app.router.add_get("/{name}/-/{file}", self._tarball)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def _packument(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        name = request.match_info["name"]
        versions = self._packages.get(name)
        if versions is None:
            return web.json_response({"error": "Not found"}, status=404)
        newest = max(versions, key=lambda version: tuple(map(int, version.split("."))))
        return web.json_response(
            {
                "_id": name,
                "name": name,
                "dist-tags": {"latest": newest},
                "versions": {
                    version: self._described(name, manifest, packed)
                    for version, (manifest, packed) in versions.items()
                },
                "time": dict.fromkeys(versions, PUBLISHED),
            }
        )

    def _described(self, name: str, manifest: dict[str, Any], packed: bytes) -> dict[str, Any]:
        return {
            **manifest,
            "_id": f"{name}@{manifest['version']}",
            "dist": {
                "tarball": f"{self.url}{name}/-/{name}-{manifest['version']}.tgz",
                "integrity": integrity(packed),
                # npm's older digest; the client compares both.
                "shasum": hashlib.sha1(packed, usedforsecurity=False).hexdigest(),
            },
        }

    async def _tarball(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        name = request.match_info["name"]
        version = request.match_info["file"].removeprefix(f"{name}-").removesuffix(".tgz")
        found = self._packages.get(name, {}).get(version)
        if found is None:
            return web.json_response({"error": "Not found"}, status=404)
        return web.Response(body=found[1], content_type="application/octet-stream")


@cache
def _everything() -> tuple[tuple[dict[str, Any], bytes], ...]:
    ghosts = ((ghost_manifest(one), tarball(ghost_files(one))) for one in VERSIONS)
    gscan = (gscan_manifest(), tarball(gscan_files()))
    return (*ghosts, (migrator_manifest(), tarball(migrator_files())), gscan)


async def start_registry(port: int = 0) -> TinyRegistry:
    """A registry with every version of the tiny Ghost; `await registry.close()` ends it."""
    registry = TinyRegistry()
    for manifest, packed in _everything():
        registry.publish(manifest, packed)
    await registry.listen(port)
    return registry
