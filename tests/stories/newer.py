"""The bot's code one version later: its releases take other steps in another order."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def write_newer(code: Path) -> Path:
    """The bot's code lies in that folder, and staging and promoting begin with one more step each."""
    for package in ("bot", "commands", "release"):
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    workflows = code / "release" / "workflows.py"
    text = workflows.read_text()
    for first, inserted in (
        ("cleared = await step(self.stages.staging.preflight, release_id)", "staging.take_stock"),
        ("await step(self.stages.promoting.recheck, release_id)", "promoting.recheck"),
    ):
        assert first in text
        text = text.replace(first, f"await step(self.stages.{inserted}, release_id)\n        {first}", 1)
    workflows.write_text(text)
    return code


def use(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot that is started from now on runs this code; without SAFEPATH Python prefers the working folder's."""
    monkeypatch.setenv("PYTHONPATH", str(code))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
