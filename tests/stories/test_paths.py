"""From an old Ghost to a new one: the stops of the database, another Node, and the blog's own theme."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.tiny.versions import LAST_OF_5, NODE_24_ONLY
from release.model import State, Step, StepState
from tests.sandbox.appservice_fixtures import eventually
from tests.stories.team import NEWEST, OLD_NODE, OLDER, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    sites = ("far", "given", "broken", "beside", "after", "refused", "warned")
    async with a_team(tmp_path_factory.mktemp("paths"), cache, sites) as team:
        yield team


async def stacks(team: Team, site: str) -> tuple[str, str]:
    """Production's and staging's."""
    slots = (await team.world.site(site))["slots"]
    return slots["production"]["stack"], slots["staging"]["stack"]


async def on_an_old_node(team: Team, site: str) -> str:
    key = await team.has_site(site)
    await team.world.put_site(site, node=OLD_NODE)
    await team.world.wait_until_well(site)
    return key


async def test_a_far_way_with_another_node_is_one_swap_and_back_is_one_more(team: Team) -> None:
    key = await on_an_old_node(team, "far")
    card = await team.ask_for_approval("far", NODE_24_ONLY)
    assert f"{OLDER} → {LAST_OF_5} → {NODE_24_ONLY}" in card["plain"]
    assert "NODE|14-lts → NODE|24-lts: staging's was set by this release" in card["plain"]
    assert await stacks(team, "far") == ("NODE|14-lts", "NODE|24-lts")
    told = await team.told("ann")
    assert f"{OLDER} → {LAST_OF_5} → {NODE_24_ONLY}, Node 14 → 24" in told

    # Written meanwhile: the newer backup goes the same way.
    slug = await team.writes_a_post("far", key, "Written while people decide")
    await team.clicks("ben", card, "Approve")
    release = await team.reaches("far", State.LIVE)
    assert release.facts.migration is not None
    assert release.facts.migration.stops == (LAST_OF_5,)
    assert await team.page("far", f"/{slug}/") == 200
    assert await stacks(team, "far") == ("NODE|24-lts", "NODE|14-lts")
    assert await team.world.swaps("far") == 1

    await team.rolls_back("far")
    await team.sees("ann", f"far is back on {OLDER}")
    assert await stacks(team, "far") == ("NODE|14-lts", "NODE|24-lts")


async def test_a_release_that_is_stopped_gives_staging_its_stack_back(team: Team) -> None:
    await on_an_old_node(team, "given")
    await team.ask_for_approval("given", NODE_24_ONLY)
    assert await stacks(team, "given") == ("NODE|14-lts", "NODE|24-lts")
    await team.types("ann", "/ghost cancel given")
    await team.reaches("given", State.CANCELLED)
    assert await stacks(team, "given") == ("NODE|14-lts", "NODE|14-lts")


async def test_a_slot_with_another_node_that_gets_nothing_deployed_is_closed_to_swaps(team: Team) -> None:
    await on_an_old_node(team, "broken")
    await team.azure_answers(host="scm", slot="broken/staging", method="POST", path="zipdeploy", status=400)
    await team.types("ann", f"/ghost upgrade {NODE_24_ONLY} broken")
    release = await team.reaches("broken", State.FAILED)
    assert await stacks(team, "broken") == ("NODE|14-lts", "NODE|24-lts")
    note = (await team.world.wwwroot("broken", "staging") / ".ghostbot.json").read_text()
    assert json.loads(note)["unfinished"] == release.id


async def holds_pictures(team: Team, site: str, slot: str = "production") -> Path:
    """The folder of pictures on a slot; production has three, which staging lacks."""
    folder = await team.world.wwwroot(site, slot) / "content" / "images" / "2026"
    if slot == "production":
        folder.mkdir(parents=True)
        for name in ("a", "b", "c"):
            (folder / f"{name}.png").write_bytes(name.encode() * 8_000_000)
    return folder


async def test_content_comes_while_the_package_is_deployed(team: Team) -> None:
    await team.has_site("beside")
    await holds_pictures(team, "beside")
    await team.azure_answers(host="scm", slot="beside/staging", method="POST", path="zipdeploy", hang=8)
    await team.types("ann", f"/ghost upgrade {NEWEST} beside")
    picture = await holds_pictures(team, "beside", "staging") / "c.png"

    async def is_there() -> bool:
        return picture.exists()

    await eventually(is_there, "the picture is on staging", seconds=60)
    release = await team.last("beside")
    assert release.step(Step.DEPLOY).state is StepState.RUNNING
    assert not (await team.world.wwwroot("beside", "staging") / "package.json").exists()
    release = await team.reaches("beside", State.AWAITING_APPROVAL)
    assert release.facts.brought is not None
    assert release.facts.content is not None
    assert release.facts.content.copied >= release.facts.brought.copied >= 3
    assert "files of the content came meanwhile" in release.step(Step.DEPLOY).detail


async def test_content_that_could_not_come_beside_the_deployment_comes_after_it(team: Team) -> None:
    await team.has_site("after")
    await holds_pictures(team, "after")
    for path in ("/api/zip/", "b.png"):
        await team.azure_answers(host="scm", slot="after/staging", method="PUT", path=path, status=400)
    await team.types("ann", f"/ghost upgrade {NEWEST} after")
    release = await team.reaches("after", State.AWAITING_APPROVAL)
    assert release.facts.brought is not None
    assert release.facts.brought.copied == 0
    assert (await holds_pictures(team, "after", "staging") / "b.png").stat().st_size == 8_000_000
    assert "copied" in release.step(Step.SYNC_CONTENT).detail


async def test_a_theme_that_the_new_version_refuses_stops_the_release_before_staging(team: Team) -> None:
    await team.has_site("refused")
    theme = await team.world.wwwroot("refused") / "content" / "themes" / "harbour"
    (theme / "author.hbs").write_text("<p>{{author}}</p>")
    await team.types("ann", f"/ghost upgrade {NEWEST} refused")
    told = await team.sees("ann", "refuses the theme harbour", seconds=60)
    assert "Remove {{author}}, use {{authors}} (GS110-NO-AUTHOR) in author.hbs" in told["plain"]
    release = await team.reaches("refused", State.FAILED)
    assert [step.state for step in release.steps if step.step == "deploy"] in ([], ["pending"])
    assert not (await team.world.wwwroot("refused", "staging") / "package.json").exists()


async def test_what_the_new_version_does_not_like_of_a_theme_is_on_the_card(team: Team) -> None:
    await team.has_site("warned")
    theme = await team.world.wwwroot("warned") / "content" / "themes" / "harbour"
    (theme / "page.hbs").write_text("{{#if @labs.members}}{{/if}}")
    card = await team.ask_for_approval("warned")
    assert "theme harbour: The {{@labs}} helper should not be used" in card["plain"]
