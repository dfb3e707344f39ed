"""The end of a slot's newest log: the right file, its last lines, no secrets."""

import os

import pytest

from release.slot_log import LAST_BYTES, NoLog, NoSuchSlot, newest_log
from tests.release.conftest import Cloud


async def test_what_the_app_said_last_is_there(staged: Cloud) -> None:
    log = await newest_log(staged.site, None)
    assert log.slot == "production"
    assert log.name in ("default_docker.log", "docker.log")
    assert any(line.strip() for line in log.lines)


async def test_of_several_files_it_is_the_newest_and_of_a_long_one_the_end_without_secrets(
    cloud: Cloud,
) -> None:
    folder = cloud.home("staging") / "LogFiles"
    folder.mkdir(parents=True, exist_ok=True)
    old, new = folder / "2026_01_01_default_docker.log", folder / "2026_01_02_default_docker.log"
    old.write_text("old\n")
    os.utime(old, (1, 1))
    line = "a line of the app's\n"
    new.write_text(line * (2 * LAST_BYTES // len(line)) + "password=rosebud-and-more\nthe end\n")
    log = await newest_log(cloud.site, "staging")
    assert log.name == new.name
    assert log.lines[-1] == "the end"
    assert "rosebud" not in "".join(log.lines)
    assert set(log.lines[:-2]) == {"a line of the app's"}
    assert sum(len(one) + 1 for one in log.lines) <= LAST_BYTES


async def test_no_log_and_no_such_slot_are_told(cloud: Cloud) -> None:
    for file in (cloud.home("staging") / "LogFiles").glob("*"):
        file.unlink()
    with pytest.raises(NoLog, match="has written no log yet"):
        await newest_log(cloud.site, "staging")
    with pytest.raises(NoSuchSlot, match="canary"):
        await newest_log(cloud.site, "canary")
