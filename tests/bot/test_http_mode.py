"""Reached by HTTP instead of a socket, the bot does the same."""

import yaml

from tests.bot.conftest import MANIFEST, Team


async def test_a_release_is_approved_over_http(team: Team) -> None:
    await team.stop_bot()
    address = await team.serve_bot()
    manifest = yaml.safe_load(MANIFEST.read_text())
    manifest["settings"]["socket_mode_enabled"] = False
    manifest["settings"]["interactivity"]["request_url"] = address
    manifest["settings"]["event_subscriptions"]["request_url"] = address
    manifest["features"]["slash_commands"][0]["url"] = address
    await team.ask("PUT", "manifest", manifest=manifest)

    release, card = await team.waits_for_approval()
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("You approved", who="ben")
    assert [one.id for one in team.engine.started] == [release.id, release.id]
    await team.types("ann", "@ghostbot status")
    await team.sees("Production: Ghost 6.40.0")
