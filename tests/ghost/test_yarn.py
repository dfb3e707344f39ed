"""Locked packages that the registry does not have."""

import sys
from pathlib import Path

import pytest

from release.ghost.errors import CommandFailed
from release.ghost.process import Command
from release.ghost.yarn import MOST_MISSING, STALE_TRIES, install_what_there_is

# As yarn 1 does: it ends at the first package of the lock file that the registry does not have.
REGISTRY = """
import pathlib, re, sys
locked = re.findall(r'resolved "(.*?)#', pathlib.Path("yarn.lock").read_text())
for url in locked:
    if "missing" in url:
        sys.exit(f'[2/4] Fetching packages...\\nerror Error: {url}: Request failed "404 Not Found"\\n    at stream')
"""
ENTRY = """{name}@^1.0.0:
  version "1.0.1"
  resolved "https://registry.example.com/{name}/-/{file}-1.0.1.tgz#abc"
"""


def command(folder: Path, names: list[str], program: str = REGISTRY) -> Command:
    entries = [ENTRY.format(name=name, file=name.rpartition("/")[2]) for name in names]
    (folder / "yarn.lock").write_text("# yarn lockfile v1\n\n\n" + "\n".join(entries))
    return Command("installing", [sys.executable, "-c", program], folder, {}, folder / "log", 60)


async def test_what_is_missing_is_left_to_yarn_and_told(tmp_path: Path) -> None:
    names = ["lodash", "@tryghost/missing-one", "missing-two", "moment"]
    assert await install_what_there_is(command(tmp_path, names)) == ("missing-one-1.0.1", "missing-two-1.0.1")
    left = (tmp_path / "yarn.lock").read_text()
    assert "lodash" in left
    assert "moment" in left
    assert "missing" not in left


async def test_nothing_is_told_where_all_is_there(tmp_path: Path) -> None:
    assert await install_what_there_is(command(tmp_path, ["lodash"])) == ()


# As yarn 1 does on a machine that is too busy to refresh its mutex: here so often.
BUSY = """
import pathlib, sys
tries = pathlib.Path("tries")
tries.write_text(tries.read_text() + "." if tries.exists() else ".")
if len(tries.read_text()) <= {times}:
    sys.exit("error An unexpected error occurred: \\"Unable to update lock within the stale threshold\\".")
"""


async def test_a_machine_that_was_too_busy_for_yarn_gets_another_try(tmp_path: Path) -> None:
    assert await install_what_there_is(command(tmp_path, ["lodash"], BUSY.format(times=2))) == ()
    assert (tmp_path / "tries").read_text() == "..."
    (tmp_path / "tries").unlink()
    with pytest.raises(CommandFailed) as refused:
        await install_what_there_is(command(tmp_path, ["lodash"], BUSY.format(times=100)))
    assert "stale threshold" in refused.value.detail
    assert len((tmp_path / "tries").read_text()) == 1 + STALE_TRIES


async def test_a_registry_that_lacks_too_much_and_any_other_failure_are_told_as_they_are(
    tmp_path: Path,
) -> None:
    lacking = command(tmp_path, [f"missing-{number}" for number in range(MOST_MISSING + 1)])
    with pytest.raises(CommandFailed, match="installing failed"):
        await install_what_there_is(lacking)
    with pytest.raises(CommandFailed, match="exit code 3"):
        await install_what_there_is(command(tmp_path, ["lodash"], "import sys; sys.exit(3)"))
