"""The bot is killed (-9), and every release still ends as it should, with one swap."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from release.model import State
from tests.stories.team import NEWEST, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    sites = ("staging", "waiting", "swapping", "back", "emptied", "torn", "unasked")
    async with a_team(tmp_path_factory.mktemp("killed"), cache, sites) as team:
        yield team


async def test_killed_twice_while_it_stages_it_goes_on_to_the_question(team: Team) -> None:
    await team.has_site("staging")
    await team.types("ann", f"/ghost upgrade {NEWEST} staging")
    for step in ("back_up", "deploy"):
        await team.is_at("staging", step)
        await team.world.kill_bot()
        await team.world.start_bot()
    await team.reaches("staging", State.AWAITING_APPROVAL)
    log = (team.world.folder / "bot.log").read_text()
    assert "begins anew" not in log, "the same bot goes on, and does nothing from the beginning"
    assert await team.world.version("staging") == OLDER
    await team.clicks("ben", await team.card("staging"), "Approve")
    await team.reaches("staging", State.LIVE)
    assert await team.world.swaps("staging") == 1


async def test_killed_and_its_disk_emptied_it_builds_and_migrates_again(team: Team) -> None:
    await team.has_site("emptied")
    await team.types("ann", f"/ghost upgrade {NEWEST} emptied")
    await team.is_at("emptied", "deploy")
    await team.world.kill_bot()
    shutil.rmtree(team.world.data_folder / "work")
    for kind in ("sites", "packages"):
        shutil.rmtree(team.cache / kind)
    await team.world.start_bot()
    staged = await team.reaches("emptied", State.AWAITING_APPROVAL)
    for kind in ("sites", "packages"):  # as if another replica promoted it
        shutil.rmtree(team.cache / kind)
    await team.clicks("ben", await team.card("emptied"), "Approve")
    await team.reaches("emptied", State.LIVE)
    assert await team.world.version("emptied") == NEWEST
    assert staged.facts.package is not None
    assert staged.facts.candidate is not None
    assert staged.facts.candidate.package_digest == staged.facts.package.digest


async def test_a_button_pressed_while_the_bot_was_down_can_be_pressed_again(team: Team) -> None:
    await team.has_site("waiting")
    card = await team.ask_for_approval("waiting")
    await team.world.kill_bot()
    unanswered = await team.clicks("ben", card, "Approve")
    assert not unanswered.get("ok", True) or unanswered.get("warning")
    await team.world.start_bot()
    assert (await team.last("waiting")).state is State.AWAITING_APPROVAL
    await team.clicks("ben", card, "Approve")
    await team.reaches("waiting", State.LIVE)
    assert await team.world.swaps("waiting") == 1


async def test_killed_in_the_last_look_with_half_a_database_on_staging_it_is_made_again(team: Team) -> None:
    key = await team.has_site("torn")
    card = await team.ask_for_approval("torn")
    await team.clicks("ben", card, "Approve")
    await team.is_at("torn", "preview")
    slug = await team.writes_a_post("torn", key, "Written after it had caught up")
    await team.azure_answers(
        host="scm", slot="torn/staging", method="DELETE", path="ghost.db-shm", hang=30, after=True
    )
    async with asyncio.timeout(60):
        while await team.azure_waits_to_disturb():  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
    await team.world.kill_bot()
    database = await team.world.wwwroot("torn", "staging") / "content/data/ghost.db"
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])
    await team.world.start_bot()
    await team.reaches("torn", State.LIVE)
    assert await team.page("torn", f"/{slug}/") == 200
    assert await team.world.swaps("torn") == 1


async def test_killed_before_azure_was_asked_it_catches_up_again_before_it_asks(team: Team) -> None:
    key = await team.has_site("unasked")
    card = await team.ask_for_approval("unasked")
    # What it sends gets nowhere, as if it had never left.
    await team.azure_answers(host="arm", method="POST", path="unasked.*slotsswap", hang=30, status=503)
    await team.clicks("ben", card, "Approve")
    async with asyncio.timeout(60):
        while await team.azure_waits_to_disturb():  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)
    await team.world.kill_bot()
    slug = await team.writes_a_post("unasked", key, "Written while the bot was away")
    await team.world.start_bot()
    release = await team.reaches("unasked", State.LIVE)
    assert await team.page("unasked", f"/{slug}/") == 200
    assert release.facts.left_behind is not None
    assert not release.facts.left_behind.anything
    assert await team.world.version("unasked", "staging") == OLDER


async def test_killed_while_azure_swaps_it_waits_for_the_same_swap(team: Team) -> None:
    await team.has_site("swapping")
    card = await team.ask_for_approval("swapping")
    await team.clicks("ben", card, "Approve")
    await team.is_at("swapping", "swap")
    await team.has_asked_for_a_swap("swapping")
    await team.world.kill_bot()
    await team.world.start_bot()
    await team.reaches("swapping", State.LIVE)
    assert await team.world.version("swapping") == NEWEST
    assert await team.world.swaps("swapping") == 1
    await team.sees("ann", f"swapping is live on {NEWEST}", button="Rollback")


async def test_killed_while_it_prepares_waits_and_rolls_back_the_old_version_is_live_in_the_end(
    team: Team,
) -> None:
    await team.has_site("back")
    card = await team.ask_for_approval("back")
    await team.clicks("ben", card, "Approve")
    await team.reaches("back", State.LIVE)
    await team.types("ann", "/ghost rollback back")
    await team.is_at("back", "back_up")
    await team.world.kill_bot()
    await team.world.start_bot()
    question = await team.question("back")
    await team.world.kill_bot()
    await team.world.start_bot()
    assert (await team.last("back")).state is State.AWAITING_APPROVAL
    await team.clicks("ann", question, "Roll back")
    await team.is_at("back", "swap")
    await team.world.kill_bot()
    await team.world.start_bot()
    await team.reaches("back", State.ROLLED_BACK)
    assert await team.world.version("back") == OLDER
    assert await team.world.swaps("back") == 2
