"""Reached by HTTP instead of a socket, the bot does the same, for Slack alone and once."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import httpx
import pytest

from bot.manifest import manifest
from release.model import Kind, State
from tests.bot.conftest import Team


@pytest.fixture
async def address(team: Team) -> str:
    """Where the bot listens."""
    await team.stop_bot()
    return await team.serve_bot()


def signed(team: Team, body: str, age: float = 0, secret: str | None = None) -> dict[str, str]:
    """Slack's headers for this body, signed `age` seconds ago."""
    stamp = str(int(time.time() - age))
    key = secret or str(team.addresses["signing_secret"])
    digest = hmac.new(key.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }


def upgrade_asked(team: Team) -> str:
    return urlencode(
        {
            "command": "/ghost",
            "text": "upgrade 6.65.0",
            "user_id": team.ann,
            "team_id": team.addresses["team_id"],
            "channel_id": team.addresses["channels"]["releases"],
            "trigger_id": "1.2.3",
            "response_url": team.addresses["api"],
        }
    )


async def posted(address: str, body: str, headers: dict[str, str]) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.post(address, content=body, headers=headers)).status_code


async def test_a_release_is_approved_over_http(team: Team, address: str) -> None:
    await team.ask("PUT", "manifest", manifest=manifest(address=address))

    release, card = await team.waits_for_approval()
    await team.clicks("ben", "Approve", card, confirm=True)
    await team.sees("You approved", who="ben")
    assert [one.id for one in team.engine.started] == [release.id, release.id]
    await team.types("ann", "@ghostbot status")
    await team.sees("Production: Ghost 6.40.0")


async def test_the_same_signed_request_is_taken_once(team: Team, address: str) -> None:
    body = upgrade_asked(team)
    headers = signed(team, body)
    assert await posted(address, body, headers) == 200
    assert await posted(address, body, headers) == 409

    # Nor by the process that comes after a restart.
    await team.stop_bot()
    assert await posted(await team.serve_bot(), body, headers) == 409

    async def begun() -> bool:
        return bool(team.engine.started)

    await team.eventually(begun)
    assert len(team.engine.started) == 1


@pytest.mark.parametrize(
    "wrong", [{"age": 400.0}, {"age": -400.0}, {"secret": "somebody else's"}], ids=["old", "early", "forged"]
)
async def test_what_slack_did_not_just_sign_is_refused(
    team: Team, address: str, wrong: dict[str, float | str]
) -> None:
    body = upgrade_asked(team)
    headers = signed(team, body, float(wrong.get("age", 0)), str(wrong.get("secret", "")) or None)
    assert await posted(address, body, headers) == 401
    assert await posted(address, body, {"Content-Type": headers["Content-Type"]}) == 401
    assert await posted(address, body + "&x=1", signed(team, body)) == 401
    assert not team.engine.started


async def test_a_click_that_arrives_after_its_person_was_deactivated_decides_nothing(
    team: Team, address: str
) -> None:
    release = await team.records.create(Kind.UPGRADE, "blog", team.ann, "C1", version="6.65.0")
    approval = await team.engine.stages(release.id, "6.40.0", "6.65.0")
    await team.ask("PUT", "people", name="ben", deleted=True)
    for button in ("approve", "reject"):
        payload = {
            "type": "block_actions",
            "user": {"id": team.ben, "team_id": team.addresses["team_id"]},
            "team": {"id": team.addresses["team_id"]},
            "channel": {"id": team.addresses["channels"]["releases"]},
            "container": {"type": "message"},
            "trigger_id": f"late-{button}",
            "response_url": team.addresses["api"],
            "actions": [{"type": "button", "action_id": button, "value": approval}],
        }
        body = urlencode({"payload": json.dumps(payload)})
        assert await posted(address, body, signed(team, body)) == 200

    async def both_refused() -> bool:
        return sum("refused: This account is deactivated" in line for line in await team.audited()) == 2

    await team.eventually(both_refused)
    assert (await team.records.release(release.id)).state is State.AWAITING_APPROVAL
    assert not team.engine.started
