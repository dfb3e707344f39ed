"""Going back in time: a backup on staging, asked about, live, and taken back again."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from release.model import BackupTaken, State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.story]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    sites = ("past", "alive", "damaged", "twice", "killed", "ended", "older", "kept")
    async with a_team(tmp_path_factory.mktemp("restore"), cache, sites) as team:
        yield team


async def asks(team: Team, site: str, words: str) -> None:
    """ann types it; the release she means has begun afterwards."""
    before = await team.records.history(site, limit=1)
    await team.types("ann", f"/ghost {words} {site}")
    deadline = time.monotonic() + 20
    while [release.id for release in await team.records.history(site, limit=1)] == [r.id for r in before]:
        assert time.monotonic() < deadline, f"{words} began nothing"
        await asyncio.sleep(0.05)


async def takes_a_backup(team: Team, site: str, words: str = "backup") -> BackupTaken:
    await asks(team, site, words)
    await team.reaches(site, State.BACKED_UP)
    return (await team.records.backups(site))[0]


async def restores(team: Team, site: str, backup: BackupTaken) -> dict[str, object]:
    """ann asks for it; returns the card that ben sees."""
    await asks(team, site, f"restore {backup.id}")
    await team.reaches(site, State.AWAITING_APPROVAL)
    return await team.card(site, OLDER)


async def test_a_backup_goes_live_and_what_was_written_since_is_kept(team: Team) -> None:
    key = await team.has_site("past")
    lost = await team.world.wwwroot("past") / "content" / "files" / "menu.pdf"
    lost.write_bytes(b"%PDF")
    backup = await takes_a_backup(team, "past")
    lost.unlink()
    late = await team.writes_a_post("past", key, "Written after the backup")
    card = await restores(team, "past", backup)
    assert "This goes back in time" in str(card["plain"])
    assert "1 post added (Written after the backup)" in str(card["plain"])
    assert "posts: 18 → 17 rows" in str(card["plain"])
    assert "gone from production, and a backup holds none: files/menu.pdf." in str(card["plain"])
    later = await team.writes_a_post("past", key, "Written while people decide")
    assert await team.page("past", f"/{later}/") == 200

    await team.clicks("ben", card, "Approve")
    told = await team.sees("ann", f"as it was in backup {backup.id}", button="Rollback")
    assert "Written while people decide" in str(told["plain"])
    release = await team.reaches("past", State.LIVE)
    assert [await team.page("past", f"/{slug}/") for slug in ("post-1", late, later)] == [200, 404, 404]
    assert await team.world.swaps("past") == 1
    assert release.facts.probe is not None
    assert release.facts.probe.failed == 0
    kept = release.facts.left_behind
    assert kept is not None
    assert kept.backup in [one.id for one in await team.records.backups("past")]

    await team.clicks("ann", told, "Rollback")
    await team.clicks("ann", await team.question("past"), "Roll back")
    await team.sees("ann", f"past is back on {OLDER}")
    assert [await team.page("past", f"/{slug}/") for slug in ("post-1", late, later)] == [200, 200, 200]
    assert await team.world.swaps("past") == 2


async def test_the_backup_from_before_an_upgrade_brings_its_version_with_it(team: Team) -> None:
    key = await team.has_site("older")
    backup = await takes_a_backup(team, "older")
    await asks(team, "older", f"upgrade {NEWEST}")
    await team.reaches("older", State.AWAITING_APPROVAL)
    await team.clicks("ben", await team.card("older"), "Approve")
    await team.reaches("older", State.LIVE)
    late = await team.writes_a_post("older", key, "Written on the new version")
    await team.clicks("ben", await restores(team, "older", backup), "Approve")
    await team.reaches("older", State.LIVE)
    assert await team.world.version("older") == OLDER
    assert [await team.page("older", f"/{slug}/") for slug in ("post-1", late)] == [200, 404]
    assert await team.world.swaps("older") == 2


async def test_a_backup_is_brought_to_life_before_anyone_needs_it(team: Team) -> None:
    await team.has_site("alive")
    backup = await takes_a_backup(team, "alive", "backup --verify")
    told = await team.sees("ann", "was booted on a copy of it")
    assert "17 posts, 20 members" in str(told["plain"])
    assert backup.verified_at is not None
    await team.types("cleo", "/ghost backups alive")
    listed = await team.sees("cleo", "integrity ok, verified")
    assert backup.id in str(listed["plain"])


async def test_a_kept_backup_is_brought_to_life_by_its_id(team: Team) -> None:
    key = await team.has_site("kept")
    backup = await takes_a_backup(team, "kept")
    assert backup.verified_at is None
    await team.writes_a_post("kept", key, "Written after the backup")
    await asks(team, "kept", f"backup --verify {backup.id}")
    release = await team.reaches("kept", State.VERIFIED)
    assert release.facts.read_back is not None
    assert release.facts.read_back.totals == {"posts": 17, "members": 20}
    (kept,) = await team.records.backups("kept")
    assert (kept.id, kept.digest) == (backup.id, backup.digest), "no new one was taken"
    assert kept.verified_at is not None
    await team.sees("ann", f"Backup {backup.id} is good.")
    await team.types("cleo", "/ghost backups kept")
    await team.sees("cleo", "integrity ok, verified")


async def test_a_damaged_backup_is_refused_and_the_rest_are_named(team: Team) -> None:
    await team.has_site("damaged")
    backup = await takes_a_backup(team, "damaged")
    file = team.world.data_folder / "backups" / backup.path
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    await asks(team, "damaged", f"restore {backup.id}")
    release = await team.reaches("damaged", State.FAILED)
    assert release.reason == f"The backup {backup.id} cannot be used: its file is not what was written."
    assert await team.world.swaps("damaged") == 0
    await team.types("ann", f"/ghost restore {backup.id} alive")
    await team.sees("ann", f"{backup.id} is of damaged, not of alive")
    await team.types("ann", "/ghost restore b-20200101-000000-0000")
    await team.sees("ann", "There is no backup b-20200101-000000-0000")


async def test_the_way_back_is_closed_once_staging_holds_another_restore(team: Team) -> None:
    await team.has_site("twice")
    backup = await takes_a_backup(team, "twice")
    await team.clicks("ben", await restores(team, "twice", backup), "Approve")
    await team.reaches("twice", State.LIVE)
    await team.rejects("ben", await restores(team, "twice", backup))
    await team.reaches("twice", State.REJECTED)
    await asks(team, "twice", "rollback")
    release = await team.reaches("twice", State.FAILED)
    assert "staging no longer holds what" in str(release.reason)
    assert await team.world.swaps("twice") == 1


async def test_killed_at_its_worst_moments_a_restore_swaps_once(team: Team) -> None:
    key = await team.has_site("killed")
    backup = await takes_a_backup(team, "killed")
    late = await team.writes_a_post("killed", key, "Written after the backup")
    await asks(team, "killed", f"restore {backup.id}")
    await team.is_at("killed", "put_backup")
    await team.world.kill_bot()
    await team.world.start_bot()
    await team.reaches("killed", State.AWAITING_APPROVAL)
    # Both sides are one version: only the mark on the files says whether the swap has happened.
    await team.clicks("ben", await team.card("killed", OLDER), "Approve")
    await team.has_asked_for_a_swap("killed")
    await team.world.kill_bot()
    await team.world.start_bot()
    await team.reaches("killed", State.LIVE)
    assert await team.page("killed", f"/{late}/") == 404
    assert await team.world.swaps("killed") == 1

    await team.rolls_back("killed")
    await team.is_at("killed", "swap")
    await team.world.kill_bot()
    await team.world.start_bot()
    await team.reaches("killed", State.ROLLED_BACK)
    assert await team.page("killed", f"/{late}/") == 200
    assert await team.world.swaps("killed") == 2


async def test_killed_while_it_reads_back_it_does_so_again_and_leaves_no_ghost(team: Team) -> None:
    await team.has_site("ended")
    await asks(team, "ended", "backup --verify")
    await team.is_at("ended", "read_back")
    await team.world.kill_bot()
    await team.world.start_bot()
    release = await team.reaches("ended", State.BACKED_UP)
    assert release.facts.read_back is not None
    work = str(team.world.data_folder / "work")
    assert not [one for one in psutil.process_iter() if work in _environment(one)]
    assert not list((team.world.data_folder / "work").iterdir())


def _environment(process: psutil.Process) -> str:
    try:
        return "\n".join(process.environ().values())
    except psutil.Error:
        return ""
