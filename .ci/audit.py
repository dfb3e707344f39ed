"""Are there known weaknesses in what constraints.txt pins? Finds fail; an advisory service out of reach is told loudly.

pip-audit itself calls a package "not found" where its service cannot be asked, and ends well: here that counts as
not audited. `python .ci/audit.py [PROGRAM]`; the program is the pip-audit beside this Python unless one is named.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 90
_ROOT = Path(__file__).parents[1]


def verdict(told: str, ended: int) -> tuple[str, int]:
    """What to say of pip-audit's JSON and exit status, and with which status to end."""
    try:
        packages: list[dict[str, Any]] = json.loads(told)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return f"NOT audited: pip-audit ended with {ended} and no result (is its service out of reach?)", 0
    weak = [
        f"{package['name']} {package['version']}: {weakness['id']}, repaired in "
        f"{', '.join(weakness['fix_versions']) or 'no version yet'}"
        for package in packages
        for weakness in package.get("vulns", ())
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if weak:
        return "\n".join(["known weaknesses:", *weak]), 1
    if skipped:
        many = f"{len(skipped)} of {len(packages)} packages"
        return f"NOT audited: {many}, for which the advisory service could not be asked", 0
    return f"audited: {len(packages)} packages, no known weakness", 0


def main() -> int:
    program = sys.argv[1] if len(sys.argv) > 1 else str(Path(sys.executable).with_name("pip-audit"))
    words = [program, "--requirement", str(_ROOT / "constraints.txt"), "--no-deps", "--disable-pip"]
    words += ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        said, status = verdict(ran.stdout, ran.returncode)
    except subprocess.TimeoutExpired:
        said, status = f"NOT audited: no answer of the advisory service within {SECONDS} seconds", 0
    except OSError as error:
        said, status = f"pip-audit cannot be started: {error.strerror}", 1
    sys.stdout.write(f"pip-audit: {said}\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
