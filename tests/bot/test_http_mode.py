"""Reached by HTTP instead of a socket, the bot does the same, for Slack alone and once."""

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import httpx
import pytest

from bot.identity import Roles
from release.model import Kind, State
from tests.bot.conftest import Json, Team


@pytest.fixture
async def address(team: Team) -> str:
    """Where the bot listens."""
    await team.stop_bot()
    return await team.serve_bot()


@pytest.fixture
async def replicas(team: Team, address: str) -> tuple[str, str]:
    """Where two bots listen that share their records."""
    return address, await team.serve_bot()


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


def asked(team: Team, event: Json) -> str:
    """An event of ann's, as Slack spells it."""
    ids = team.addresses
    told = {"user": team.ann, "team": ids["team_id"], "ts": "1.2", "event_ts": "1.2", **event}
    envelope = {"type": "event_callback", "event_id": "Ev1", "event_time": 1, "api_app_id": "A1"}
    return json.dumps({**envelope, "team_id": ids["team_id"], "event": told})


def retried(headers: dict[str, str], attempt: int) -> dict[str, str]:
    """The headers of an event that Slack sends once more: its acknowledgement got lost."""
    return {**headers, "X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": "http_timeout"}


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


def reason_given(team: Team, approval: str, modal: str = "reject") -> str:
    """A modal of ben's with a reason in it, as Slack sends it."""
    view = {
        "type": "modal",
        "callback_id": modal,
        "private_metadata": json.dumps([approval, team.addresses["channels"]["releases"]]),
        "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": "It is too late"}}}},
    }
    payload = {
        "type": "view_submission",
        "user": {"id": team.ben, "team_id": team.addresses["team_id"]},
        "team": {"id": team.addresses["team_id"]},
        "trigger_id": "9.8.7",
        "view": view,
    }
    return urlencode({"payload": json.dumps(payload)})


async def posted(address: str, body: str, headers: dict[str, str]) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.post(address, content=body, headers=headers)).status_code


async def test_a_release_is_approved_over_http(team: Team, address: str) -> None:
    await team.installs(address=address)
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


async def test_the_address_proves_itself_to_slack_alone(team: Team, address: str) -> None:
    question = json.dumps(
        {"type": "url_verification", "token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY"}
    )
    as_json = {"Content-Type": "application/json"}
    async with httpx.AsyncClient() as http:
        for age in (0.0, 1.0):  # as often as its administrators save the address
            headers = signed(team, question, age) | as_json
            answer = await http.post(address, content=question, headers=headers)
            assert answer.status_code == 200
            assert "3eZbrw1aBm2rZgRNFdxV2595E9CY" in answer.text
        for wrong in ({}, signed(team, question, 400), signed(team, question, secret="somebody else's")):
            answer = await http.post(address, content=question, headers=wrong | as_json)
            assert answer.status_code == 401
            assert "3eZbrw1aBm2rZgRNFdxV2595E9CY" not in answer.text


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
async def test_a_body_that_nests_without_end_is_no_request(
    team: Team, address: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    nested = "[" * 200_000
    body = nested if kind == "application/json" else f"payload={nested}"
    assert await posted(address, body, {"Content-Type": kind}) == 400
    assert not [record for record in caplog.records if record.exc_info]


async def test_an_event_that_slack_sends_again_is_answered_once(
    team: Team, replicas: tuple[str, str]
) -> None:
    channel = team.addresses["channels"]["releases"]
    text = f"<@{team.addresses['users']['ghostbot']}> status"
    await team.types("ann", "How is it?")
    asking = await team.sees("How is it?")
    body = asked(team, {"type": "app_mention", "channel": channel, "text": text, "ts": asking["ts"]})
    as_json = {"Content-Type": "application/json"}
    # Slack tries at once, after a minute and after five, each time with a signature of its own.
    assert await posted(replicas[0], body, signed(team, body) | as_json) == 200
    await team.sees("Production: Ghost 6.40.0")
    assert await posted(replicas[0], body, retried(signed(team, body, 60) | as_json, 1)) == 200
    assert await posted(replicas[1], body, retried(signed(team, body, 120) | as_json, 2)) == 200
    for _ in range(2):
        await team.stop_bot()
    again = await team.serve_bot()
    assert await posted(again, body, retried(signed(team, body, 180) | as_json, 3)) == 200
    await team.installs(address=again)
    await team.types("ann", "@ghostbot versions")
    await team.sees("Newest Ghost versions")
    assert len([one for one in await team.messages() if "Production: Ghost 6.40.0" in one["plain"]]) == 1
    assert len([line for line in await team.audited() if "status" in line]) == 1


async def test_a_home_tab_that_is_opened_twice_is_the_same(team: Team, replicas: tuple[str, str]) -> None:
    await team.installs(address=replicas[0])
    await team.waits_for_approval()
    body = asked(team, {"type": "app_home_opened", "tab": "home", "user": team.ben, "channel": "D1"})
    as_json = {"Content-Type": "application/json"}
    for attempt, address in enumerate(replicas):
        headers = (
            retried(signed(team, body, 60 * attempt) | as_json, attempt)
            if attempt
            else signed(team, body) | as_json
        )
        assert await posted(address, body, headers) == 200

    async def both_published() -> bool:
        return len(await team.calls("views.publish")) == 2

    await team.eventually(both_published)
    home = await team.sees("Upgrade blog", who="ben", channel=None, surface="home")
    assert home["plain"].count("It waits for you") == 1


async def test_a_reason_that_arrives_twice_decides_once(team: Team, replicas: tuple[str, str]) -> None:
    channel = team.addresses["channels"]["releases"]
    release = await team.records.create(Kind.UPGRADE, "blog", team.ann, channel, version="6.65.0")
    approval = await team.engine.stages(release.id, "6.40.0", "6.65.0")
    body = reason_given(team, approval)
    for age, address in enumerate((*replicas, replicas[0])):
        assert await posted(address, body, signed(team, body, 60 * age)) == 200

    async def rejected() -> bool:
        return (await team.records.release(release.id)).state is State.REJECTED

    await team.eventually(rejected)
    await team.sees("You rejected", who="ben")
    assert (await team.records.release(release.id)).reason == "It is too late"
    audited = await team.audited()
    assert len([line for line in audited if " reject: " in line]) == 1, audited
    assert not [one for one in await team.messages("ben") if "already rejected" in one["plain"]]


async def test_the_glass_is_broken_over_http_and_once(team: Team, address: str) -> None:
    await team.stop_bot()
    address = await team.serve_bot(Roles((team.ann,), (team.ben,), break_glass=(team.ben,)))
    release = await team.records.create(
        Kind.UPGRADE, "blog", team.ben, team.addresses["channels"]["releases"], version="6.65.0"
    )
    approval = await team.engine.stages(release.id, "6.40.0", "6.65.0")
    body = reason_given(team, approval, "break_glass")
    assert await posted(address, body, signed(team, body, secret="somebody else's")) == 401
    assert await posted(address, body, signed(team, body, 400)) == 401
    for age in (0, 60):
        assert await posted(address, body, signed(team, body, age)) == 200
    await team.sees("broke the glass", who="ann")
    assert (await team.records.release(release.id)).state is State.PROMOTING
    assert len([one for one in await team.messages() if "broke the glass" in one["plain"]]) == 1
    assert [one.id for one in team.engine.started] == [release.id]
