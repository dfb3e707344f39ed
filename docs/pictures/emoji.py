"""Emoji for the pictures, on a machine that has no font with them: Debian's package, unpacked into the user's cache."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "fonts-noto-color-emoji"


def use_emoji() -> bool:
    """A browser started from now on finds a font with emoji; whether there is one."""
    data = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ghostbot" / "emoji"
    if not (data / "fonts").exists() and not _fetch(data):
        return False
    os.environ["XDG_DATA_HOME"] = str(data)  # fontconfig looks below it, in fonts/
    return True


def _fetch(data: Path) -> bool:
    tools = [shutil.which(name) for name in ("apt-get", "dpkg")]
    if None in tools:
        return False
    apt_get, dpkg = (str(tool) for tool in tools)
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run([apt_get, "download", PACKAGE], cwd=folder, check=True, capture_output=True)
            package = next(Path(folder).glob("*.deb"))
            subprocess.run([dpkg, "-x", package, folder], check=True, capture_output=True)
        except (subprocess.CalledProcessError, StopIteration):
            return False
        data.mkdir(parents=True, exist_ok=True)
        shutil.copytree(Path(folder, "usr", "share", "fonts"), data / "fonts")
    return True
