"""The parts of the bench that measure many releases at once come to their end; how fast is not looked at."""

import json
from pathlib import Path

import pytest

from bench.__main__ import main

pytestmark = [pytest.mark.story, pytest.mark.timeout(400)]


@pytest.mark.parametrize("part", ["growing", pytest.param("fleet", marks=pytest.mark.postgres)])
def test_a_quick_run_measures_all_there_is(part: str, tmp_path: Path) -> None:
    written = tmp_path / "bench.json"
    assert main(["--quick", "--only", part, "--json", str(written)]) == 0
    told = json.loads(written.read_text())["parts"][part]
    assert told["rows"]
    assert not told["incomplete"]
