"""Backups in a container of Azurite: releases go back to them, and go on or stop well when it is away."""

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from release.model import BackupTaken, State
from tests.azurite import CONTAINER, KEY, Azurite, an_azurite
from tests.stories.team import NEWEST, OLDER, Team, a_team
from tests.stories.test_check import ghostbot
from tests.stories.test_restore import asks, restores, takes_a_backup

# Whole releases, two of them while nobody answers at the storage.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.azurite, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def azurite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Azurite]:
    async with an_azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(
    tmp_path_factory: pytest.TempPathFactory, cache: Path, azurite: Azurite
) -> AsyncIterator[Team]:
    sites = ("past", "damaged", "alone", "late")
    storage = {"container": CONTAINER, "connection_string": azurite.connection_string}
    async with a_team(tmp_path_factory.mktemp("storage"), cache, sites, storage=storage) as team:
        yield team


def blob(backup: BackupTaken) -> str:
    return f"backups/{backup.path}"


def loses_its_disk(team: Team, site: str) -> None:
    shutil.rmtree(team.world.data_folder / "backups" / site)


async def test_a_backup_comes_back_from_the_container_when_the_disk_is_lost(
    team: Team, azurite: Azurite
) -> None:
    key = await team.has_site("past")
    backup = await takes_a_backup(team, "past")
    assert blob(backup) in await azurite.names()
    late = await team.writes_a_post("past", key, "Written after the backup")
    loses_its_disk(team, "past")
    card = await restores(team, "past", backup)
    assert "1 post added (Written after the backup)" in str(card["plain"])
    await team.clicks("ben", card, "Approve")
    await team.reaches("past", State.LIVE)
    assert [await team.page("past", f"/{slug}/") for slug in ("post-1", late)] == [200, 404]
    kept = [blob(one) for one in await team.records.backups("past")]
    assert len(kept) >= 3
    assert set(kept) <= set(await azurite.names()), "what production held at the swap is there as well"


async def test_a_backup_that_the_container_damaged_is_refused(team: Team, azurite: Azurite) -> None:
    await team.has_site("damaged")
    backup = await takes_a_backup(team, "damaged")
    loses_its_disk(team, "damaged")
    await asks(team, "damaged", f"backup --verify {backup.id}")
    await team.reaches("damaged", State.VERIFIED)

    await azurite.damage(blob(backup))
    # A verification asks what the container holds, whatever is on the disk.
    await asks(team, "damaged", f"backup --verify {backup.id}")
    release = await team.reaches("damaged", State.FAILED)
    assert release.reason == f"The backup {backup.id} cannot be used: its file is not what was written."
    loses_its_disk(team, "damaged")
    await asks(team, "damaged", f"restore {backup.id}")
    release = await team.reaches("damaged", State.FAILED)
    assert release.reason == f"The backup {backup.id} cannot be used: its file is not what was written."
    assert await team.world.swaps("damaged") == 0


async def test_without_its_storage_a_release_ends_before_it_touches_production(
    team: Team, azurite: Azurite
) -> None:
    await team.has_site("alone")
    await azurite.stop()
    try:
        await asks(team, "alone", f"upgrade {NEWEST}")
        release = await team.reaches("alone", State.FAILED)
        assert str(release.reason).startswith(f"The storage {CONTAINER} in devstoreaccount1 did not answer")
        await team.sees("ann", "did not answer properly when looking at")
        await team.sees("ann", "ghostbot check")
        assert await team.world.version("alone") == OLDER
        assert await team.world.swaps("alone") == 0
        code, text = await ghostbot(team, "check")
        assert code == 1
        assert f"problem  storage: The storage {CONTAINER} in devstoreaccount1" in text
        assert "Traceback" not in text
    finally:
        await azurite.start()
    _, text = await ghostbot(team, "check")
    assert f"storage: {CONTAINER} in devstoreaccount1" in text
    await asks(team, "alone", f"upgrade {NEWEST}")
    await team.reaches("alone", State.AWAITING_APPROVAL)
    stored = [name for name in await azurite.names() if name.startswith(f"packages/ghost-{NEWEST}-")]
    assert len(stored) == 1


async def test_after_the_swap_nothing_fails_for_want_of_storage(team: Team, azurite: Azurite) -> None:
    await team.has_site("late")
    card = await team.ask_for_approval("late")
    await azurite.stop()
    try:
        await team.clicks("ben", card, "Approve")
        await team.reaches("late", State.LIVE)
        assert await team.world.version("late") == NEWEST
    finally:
        await azurite.start()
    # The chores run at the start and every ten minutes.
    await team.world.kill_bot()
    await team.world.start_bot()
    kept = {blob(one) for one in await team.records.backups("late")}
    deadline = time.monotonic() + 30
    while not kept <= set(await azurite.names()):
        assert time.monotonic() < deadline, "the backups were not carried over"


async def test_the_key_of_the_storage_is_written_nowhere(team: Team) -> None:
    written = [path for path in team.world.folder.rglob("*") if path.is_file()]
    found = [str(path) for path in written if KEY.encode() in path.read_bytes()]
    assert found == [str(team.world.folder / "ghostbot.toml")]
    assert KEY not in await team.told("ann")
