"""make check looks for known weaknesses of our packages: a find fails, and "could not look" is no "found none"."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit.py"
FINE = {"name": "httpx", "version": "1", "vulns": []}
WEAK = {"name": "old", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "new", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([FINE], 0, "no known weakness"),
        ([FINE, WEAK], 1, "old 2: PYSEC-1, repaired in 3"),
        ([SKIPPED, WEAK], 1, "PYSEC-1"),
        ([FINE, SKIPPED], 0, "NOT audited: 1 of 2"),
        (None, 0, "NOT audited"),
    ],
)
def test_what_pip_audit_says_is_judged(
    tmp_path: Path, packages: list[object] | None, status: int, said: str
) -> None:
    program = tmp_path / "pip-audit"
    told = "no route to host" if packages is None else json.dumps({"dependencies": packages})
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{told}\nEND\nexit 1\n")
    program.chmod(0o755)
    ran = subprocess.run(
        [sys.executable, str(AUDIT), str(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, said in ran.stdout) == (status, True), ran.stdout


def test_a_missing_program_is_no_pass(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(AUDIT), str(tmp_path / "none")], capture_output=True, timeout=60, check=False
    )
    assert ran.returncode == 1
