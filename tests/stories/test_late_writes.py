"""What people write at the last moment is carried over with one button, and a conflict is left to them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.tiny.seed import picture
from release.model import Kind, Release, State
from tests.stories.team import NEWEST, Team, a_team

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="module")]

SITES = ("carried", "refused")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path_factory.mktemp("late"), cache, SITES) as team:
        yield team


async def changes_post_1(team: Team, site: str, key: str, title: str) -> None:
    found = await team.asks_the_blog(site, key, "GET", "posts/", params={"filter": "slug:post-1"})
    await team.asks_the_blog(
        site, key, "PUT", f"posts/{found['posts'][0]['id']}/", json={"posts": [{"title": title}]}
    )


async def goes_live_while_somebody_writes(team: Team, site: str, key: str) -> Release:
    """An upgrade; in the moment of its swap a post with a new picture is written, and another one is changed."""
    card = await team.ask_for_approval(site)
    await team.azure_answers(host="arm", method="POST", path=f"sites/{site}.*slotsswap", hang=3)
    await team.clicks("ben", card, "Approve")
    await team.is_at(site, "swap")
    image = {"file": ("harbour.png", picture(7), "image/png")}
    sent = await team.asks_the_blog(site, key, "POST", "images/upload/", files=image)
    post = {
        "title": "In the very last moment",
        "status": "published",
        "feature_image": sent["images"][0]["url"],
    }
    await team.asks_the_blog(site, key, "POST", "posts/", json={"posts": [post]})
    await changes_post_1(team, site, key, "Changed on the old version")
    return await team.reaches(site, State.LIVE)


async def test_a_late_post_is_carried_over_with_its_picture_and_a_conflict_is_listed(team: Team) -> None:
    key = await team.has_site("carried")
    upgrade = await goes_live_while_somebody_writes(team, "carried", key)
    assert upgrade.facts.left_behind is not None
    assert upgrade.facts.left_behind.words == "1 post added, 1 post changed, 1 file added"
    live = await team.sees("ann", "Can be carried over", button="Carry over")
    for line in ("post added: In the very last moment", "post changed: Changed on the old version"):
        assert line in live["plain"]
    assert upgrade.facts.late is not None
    (file,) = upgrade.facts.late.files
    assert f"file added: {file}" in live["plain"]
    beside = {path.name for path in (team.world.data_folder / "backups" / "carried").iterdir()}
    assert {f"{upgrade.facts.late.late.id}{end}" for end in (".written.json", ".late-files.zip")} <= beside
    assert await team.page("carried", "/in-the-very-last-moment/") == 404

    await changes_post_1(team, "carried", key, "Changed in production")
    await team.clicks("ann", live, "Carry over")
    release = await team.reaches("carried", State.AWAITING_APPROVAL, after=upgrade)
    assert release.kind is Kind.CARRY_OVER
    card = await team.card("carried", NEWEST)
    assert "post added: In the very last moment" in card["plain"]
    assert "post changed: Changed on the old version: it was changed in production too" in card["plain"]
    assert "a rollback goes back to what production is now" in card["plain"]

    slug = await team.writes_a_post("carried", key, "Written while people decide")
    await team.clicks("ben", card, "Approve")
    release = await team.reaches("carried", State.LIVE)
    await team.sees("ann", "is live with the late writes")
    assert release.facts.probe is not None
    assert release.facts.probe.failed == 0
    pages = ("/in-the-very-last-moment/", f"/{slug}/", f"/content/{file}")
    assert [await team.page("carried", page) for page in pages] == [200, 200, 200]
    found = await team.asks_the_blog("carried", key, "GET", "posts/", params={"filter": "slug:post-1"})
    assert found["posts"][0]["title"] == "Changed in production"
    assert await team.world.swaps("carried") == 2


async def test_what_is_carried_over_is_not_offered_again(team: Team) -> None:
    upgrade = (await team.records.history("carried"))[1]
    carried = await team.last("carried")
    assert upgrade.facts.carried_over_by == carried.id
    await team.sees("ann", f"Carried over by release {carried.id}")
    await team.types("ann", "/ghost carry carried")
    await team.sees("ann", f"nothing came late to {carried.id} that is safe to carry")


async def test_late_writes_that_are_refused_stay_where_they_are_kept(team: Team) -> None:
    key = await team.has_site("refused")
    upgrade = await goes_live_while_somebody_writes(team, "refused", key)
    await team.types("ann", "/ghost carry refused")
    await team.reaches("refused", State.AWAITING_APPROVAL, after=upgrade)
    await team.rejects("ben", await team.card("refused", NEWEST))
    await team.reaches("refused", State.REJECTED)
    assert await team.page("refused", "/in-the-very-last-moment/") == 404
    assert await team.world.swaps("refused") == 1
    assert (await team.records.release(upgrade.id)).facts.carried_over_by is None
    assert upgrade.facts.late is not None
    kept = {backup.id for backup in await team.records.backups("refused")}
    assert upgrade.facts.late.late.id in kept
