"""Pictures of production beside staging, on the approval card."""

from typing import Any

from bot.render.message import Message, image
from bot.render.simpler import simplified
from release.model import Picture, Release
from tests.bot.conftest import Team

WORDS = "Production is titled “Tea”; staging is titled “Tea”. They look the same."
FRONT = Picture("page-0", "Front page", WORDS, b"\xff\xd8\xff a picture")
POST = Picture("page-1", "A post", WORDS, b"\xff\xd8\xff another")


async def taken(team: Team, release: Release) -> None:
    await team.records.keep_pictures(release.id, (FRONT, POST))
    await team.records.note(release.id, pictured=2)


async def shown(team: Team) -> list[dict[str, Any]]:
    card = await team.sees("Approve blog", button="Approve")
    return [block for block in card["blocks"] if block["type"] == "image"]


async def test_the_card_shows_them_once_they_are_there_and_says_what_they_show(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    assert await shown(team) == []
    await taken(team, release)

    async def both() -> bool:
        return len(await shown(team)) == 2

    await team.eventually(both, seconds=30)
    pictures = await shown(team)
    assert [one["title"]["text"] for one in pictures] == ["Front page", "A post"]
    assert {one["alt_text"] for one in pictures} == {WORDS}
    kept = await team.records.pictures(release.id)
    assert [(one.content, one.file != "") for one in kept] == [(None, True)] * 2, (
        "Slack has them: once is enough"
    )
    assert all("Tea" not in message.get("text", "") for message in await team.messages("ann")), (
        "of its own: none"
    )


async def test_a_bot_that_is_started_anew_shows_what_slack_has_already(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    await taken(team, release)

    async def both() -> bool:
        return len(await shown(team)) == 2

    await team.eventually(both, seconds=30)
    before = [one["slack_file"] for one in await shown(team)]
    await team.stop_bot()
    await team.start_bot()
    await team.records.note(release.id, warnings=("told again",))

    async def again() -> bool:
        return "told again" in (await team.sees("Approve blog", button="Approve"))["plain"]

    await team.eventually(again)
    assert [one["slack_file"] for one in await shown(team)] == before
    assert len(await team.calls("files.completeUploadExternal")) == 1


async def test_slack_takes_its_time_with_a_file_and_the_card_stays_rich(team: Team) -> None:
    await team.conditions(file_seconds=5.0)
    release, card = await team.waits_for_approval()
    assert "header" in {block["type"] for block in card["blocks"]}
    await taken(team, release)

    async def both() -> bool:
        return len(await shown(team)) == 2

    await team.eventually(both, seconds=30)
    refused = [call for call in await team.calls("chat.update") if call["error"] == "invalid_blocks"]
    assert refused, "it was shown too early"
    card = await team.sees("Approve blog", button="Approve")
    assert "header" in {block["type"] for block in card["blocks"]}


async def test_where_slack_takes_no_files_the_card_does_without(team: Team) -> None:
    release, _ = await team.waits_for_approval()
    await team.breaks("files.completeUploadExternal", error="restricted_action")
    await taken(team, release)

    async def forgotten() -> bool:
        return await team.records.pictures(release.id) == ()

    await team.eventually(forgotten)
    await team.records.note(release.id, warnings=("told all the same",))

    async def told() -> bool:
        return "told all the same" in (await team.sees("Approve blog", button="Approve"))["plain"]

    await team.eventually(told)
    assert await shown(team) == []


async def test_what_is_decided_before_they_are_uploaded_is_not_pictured(team: Team) -> None:
    release, card = await team.waits_for_approval()
    await team.breaks("files.getUploadURLExternal", error="ratelimited", status=429, retry_after=3, count=1)
    await taken(team, release)
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("You approved", who="ben")

    async def forgotten() -> bool:
        return await team.records.pictures(release.id) == ()

    await team.eventually(forgotten, seconds=30)
    assert await team.calls("files.completeUploadExternal") == []


def test_where_slack_takes_no_pictures_their_words_stand_in_their_place() -> None:
    shown = Message("text", (image("Front page", "They look the same & well.", "F0123456789").to_dict(),))
    (block,) = simplified(shown).blocks
    assert block["type"] == "section"
    assert block["text"]["text"] == "*Front page*: They look the same &amp; well."
