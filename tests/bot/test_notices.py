"""New versions are announced once, and can be acted on where they are announced."""

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
