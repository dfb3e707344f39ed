"""New versions are announced once, and can be acted on where they are announced."""

from dataclasses import replace

from release.model import Kind, State
from tests.bot.conftest import Team


async def announced(team: Team, *versions: str) -> None:
    await team.bot.notices.announce(await team.releases.versions(None), *versions)


async def test_a_new_version_is_announced_once(team: Team) -> None:
    await announced(team, "6.65.0")
    await announced(team, "6.65.0")
    await team.sees("Ghost 6.65.0 is out", button="Upgrade blog")
    assert len(await team.calls("chat.postMessage")) == 1


async def test_the_upgrade_starts_from_the_notice(team: Team) -> None:
    await announced(team, "6.65.0")
    notice = await team.sees("2 versions behind", button="Upgrade blog")
    await team.clicks("cleo", "Upgrade blog", notice, confirm=True)
    await team.sees("This takes a releaser", who="cleo")
    await team.clicks("ann", "Upgrade blog", notice, confirm=True)
    await team.sees("has begun")
    assert team.engine.started[0].version == "6.65.0"


async def test_a_skipped_version_is_closed_and_never_announced_again(team: Team) -> None:
    await announced(team, "6.65.0")
    notice = await team.sees("is out", button="Skip this version")
    await team.clicks("ann", "Skip this version", notice)
    await team.sees("Skipped by @ann", without="Skip this version")
    assert (await team.releases.versions(None)).skipped == ("6.65.0",)
    await announced(team, "6.65.0")
    assert len(await team.calls("chat.postMessage")) == 1


async def test_a_version_slack_could_not_be_told_of_is_told_later(team: Team) -> None:
    await team.breaks("chat.postMessage", error="fatal_error")
    await announced(team, "6.65.0")
    await announced(team, "6.65.0")
    await team.sees("Ghost 6.65.0 is out")


async def test_an_older_notice_is_closed_by_a_newer_version_and_both_by_the_upgrade(team: Team) -> None:
    await announced(team, "6.64.0")
    await announced(team, "6.65.0")
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    await team.sees("Ghost 6.65.0 is out since: see its own notice", without="Upgrade blog")
    await team.sees("Ghost 6.65.0 is out", button="Upgrade blog")
    team.blog.versions["production"] = "6.65.0"
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    await team.sees("Every site runs it, or a newer one", without="Upgrade blog")
    updates = len(await team.calls("chat.update"))
    await team.bot.notices.close_outdated(await team.releases.versions(None))
    assert len(await team.calls("chat.update")) == updates, "closed once"


async def test_a_site_that_stages_by_itself_leaves_only_the_approval_to_people(team: Team) -> None:
    channel = str(team.addresses["channels"]["releases"])
    versions = await team.releases.versions(None)
    assert await team.releases.stage_new(versions, channel) == (), "unless it is told to"
    team.blog.config = replace(team.blog.config, stage_new_versions=True)
    await team.types("ann", "/ghost freeze blog")
    await team.sees("*blog* is frozen", who="ben")
    assert await team.releases.stage_new(versions, channel) == (), "a frozen site waits"
    await team.types("ann", "/ghost unfreeze blog")
    await team.sees("open for new versions", who="ben")
    (begun,) = await team.releases.stage_new(versions, channel)
    assert begun.version == "6.65.0"
    await team.sees("Asked for by ghostbot")
    await team.engine.stages(begun.id, "6.40.0", "6.65.0")
    card = await team.sees("Approve blog", button="Approve")
    await team.rejects("ben", card)
    await team.sees("You rejected", who="ben")
    for _ in range(25):
        backup = await team.records.create(Kind.BACKUP, "blog", team.ann, channel)
        await team.records.move(backup.id, State.BACKED_UP)
    assert await team.releases.stage_new(versions, channel) == (), (
        "each version is tried once, however long ago"
    )
