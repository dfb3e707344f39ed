"""Any request to the ends of the sandbox and of the bot gets an answer of its own: no 500, no traceback, no harm.

More examples: GHOSTBOT_FUZZ_EXAMPLES=5000. The same ones again: --hypothesis-seed, which a failure prints.
"""

import json
import os
import string
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.slack import LocalSlack
from tests.bot.conftest import Team, hands, slack, team
from tests.bot.test_http_mode import signed
from tests.sandbox.appservice_fixtures import NO_TLS, Azure, azure

__all__ = ["azure", "hands", "slack", "team"]

some = settings(
    max_examples=int(os.environ.get("GHOSTBOT_FUZZ_EXAMPLES", "25")),
    deadline=None,
    # The server is the same for all examples on purpose: what one does to it, the next one meets.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())
METHODS = st.sampled_from(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "NONSENSE"])
# What a header may hold on the wire: what is worse never leaves the client.
VALUES = st.text(string.ascii_letters + string.digits + " */\"';:,=-_.", max_size=25).map(str.strip)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["If-Match", "If-None-Match", "Range", "Content-Type", "Accept", "Authorization", "Host"]
    ),
    VALUES,
    max_size=3,
)
QUERIES = st.dictionaries(
    st.sampled_from(["api-version", "isAsync", "clean", "type", "path", "recursive", "x"]),
    st.sampled_from(["2025-05-01", "true", "zip", "static", "../..", "/", ""]) | TEXT,
    max_size=3,
)


def under(*parts: str) -> st.SearchStrategy[str]:
    """Paths of parts that mean something, and of some that do not."""
    piece = st.sampled_from([*parts, "..", ".", "", "%00", "%2e%2e", "~", "%"]) | TEXT.map(
        lambda text: quote(text, safe="")
    )
    return st.lists(piece, max_size=6).map(lambda pieces: "/" + "/".join(pieces))


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, verify=NO_TLS) as client:
        yield client


async def is_answered(
    http: httpx.AsyncClient, method: str, url: str, headers: dict[str, str], body: bytes
) -> httpx.Response:
    """The server answers by itself, whatever was asked."""
    answer = await http.request(method, url, headers=headers, content=body)
    assert answer.status_code != 500, answer.text[:2000]
    assert "Traceback" not in answer.text
    assert 'File "/' not in answer.text
    return answer


ARM_PATHS = under(
    "slots", "staging", "config", "appsettings", "connectionstrings", "slotConfigNames", "web", "list", "start",
    "stop", "slotsswap", "slotsdiffs", "applySlotConfig", "resetSlotConfig", "operationresults", "publishxml",
    "instances", "triggeredwebjobs", "history", "run", "basicPublishingCredentialsPolicies",
) | st.sampled_from(
    [
        "/config/appsettings",
        "/config/connectionstrings",
        "/config/slotConfigNames",
        "/config/web",
        "/config/authsettingsV2",
        "/slots/staging/slotsswap",
        "/slots/staging/slotsdiffs",
        "/slots/staging/applySlotConfig",
        "/slots/staging/config/appsettings",
        "/basicPublishingCredentialsPolicies/scm",
    ]
)  # fmt: skip


@some
@given(method=METHODS, path=ARM_PATHS, query=QUERIES, headers=HEADERS, body=BODIES)
async def test_any_request_to_arm(
    azure: Azure,
    http: httpx.AsyncClient,
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
) -> None:
    bare, _, _ = azure.arm().partition("?")
    url = f"{bare}{path}?{urlencode({'api-version': '2025-05-01', **query})}"
    own = {"Authorization": f"Bearer {azure.token}", "Content-Type": "application/json", **headers}
    await is_answered(http, method, url, own, body)
    assert (await azure.operator.get(azure.arm())).status_code == 200


# Not api/command, which runs what it is told, and not the log stream, which never ends.
KUDU_PATHS = under(
    "api", "vfs", "zip", "zipdeploy", "publish", "deployments", "latest", "log", "isdeploying", "site", "wwwroot",
    "triggeredwebjobs", "history", "run",
) | st.builds(
    "/api/{}/site/{}{}".format, st.sampled_from(["vfs", "zip"]), TEXT.map(quote), st.sampled_from(["", "/"])
)  # fmt: skip


@some
@given(method=METHODS, path=KUDU_PATHS, query=QUERIES, headers=HEADERS, body=BODIES)
async def test_any_request_to_kudu(
    azure: Azure,
    http: httpx.AsyncClient,
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
) -> None:
    own = {"Authorization": f"Bearer {azure.token}", **headers}
    await is_answered(http, method, f"{azure.scm()}{path}?{urlencode(query)}", own, body)
    assert (await azure.operator.get(f"{azure.scm()}/api/deployments")).status_code == 200


SLACK_METHODS = st.sampled_from(
    [
        "api.test", "auth.test", "chat.postMessage", "chat.postEphemeral", "chat.update", "chat.delete",
        "chat.getPermalink", "conversations.history", "conversations.info", "conversations.list",
        "conversations.members", "conversations.open", "conversations.replies", "conversations.join",
        "files.getUploadURLExternal", "files.completeUploadExternal", "users.info", "users.list", "usergroups.list",
        "usergroups.users.list", "views.open", "views.publish", "views.update", "views.push", "team.info",
        "bots.info", "pins.add", "reactions.add", "reactions.remove", "nothing.such",
    ]
)  # fmt: skip
ARGUMENTS = st.dictionaries(
    st.sampled_from(
        ["channel", "text", "blocks", "ts", "thread_ts", "user", "users", "view", "trigger_id", "limit", "cursor",
         "attachments", "metadata", "filename", "length", "files", "types", "usergroup", "oldest", "latest"]
    ),
    JSON | st.sampled_from(["[{}]", "{", "[", "releases", "1.2"]),
    max_size=5,
)  # fmt: skip


@some
@given(method=SLACK_METHODS, arguments=ARGUMENTS, as_json=st.booleans())
async def test_any_call_of_slack(
    slack: LocalSlack, http: httpx.AsyncClient, method: str, arguments: dict[str, Any], as_json: bool
) -> None:
    told = slack.as_json()
    headers = {"Authorization": f"Bearer {told['bot_token']}"}
    if as_json:
        body = json.dumps(arguments).encode()
        headers["Content-Type"] = "application/json; charset=utf-8"
    else:
        plain = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()
        }
        body = urlencode(plain).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    await is_answered(http, "POST", f"{told['api']}{method}", headers, body)
    assert (await http.get(f"{told['api']}api.test")).status_code == 200


@pytest.fixture
async def address(team: Team) -> str:
    """Where the bot listens."""
    await team.stop_bot()
    return await team.serve_bot()


@some
@given(method=METHODS, path=under("slack", "events", "health"), headers=HEADERS, body=BODIES)
async def test_an_unsigned_request_to_the_bot_changes_nothing(
    team: Team,
    address: str,
    http: httpx.AsyncClient,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    audited = await team.audited()
    for url in (address, address.removesuffix("/slack/events") + path):
        answer = await is_answered(http, method, url, headers, body)
        assert answer.status_code >= 400 or method in ("HEAD", "OPTIONS")
    assert await team.audited() == audited
    assert not team.engine.started


PAYLOADS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["block_actions", "view_submission", "shortcut", "event_callback", "nothing"])
        | TEXT
    },
    optional={
        "user": JSON,
        "team": JSON,
        "channel": JSON,
        "actions": JSON,
        "view": JSON,
        "event": JSON,
        "trigger_id": JSON,
        "container": JSON,
    },
)


@some
@given(payload=PAYLOADS | JSON, as_form=st.booleans(), text=TEXT)
async def test_a_signed_request_of_any_shape_is_answered(
    team: Team, address: str, http: httpx.AsyncClient, payload: Any, as_form: bool, text: str
) -> None:
    body = urlencode({"payload": json.dumps(payload)}) if as_form else json.dumps(payload)
    headers = signed(team, body)
    if not as_form:
        headers["Content-Type"] = "application/json"
    await is_answered(http, "POST", address, headers, body.encode())
    body = urlencode(
        {
            "command": "/ghost",
            "text": text,
            "user_id": "U1",
            "team_id": text,
            "channel_id": text,
            "trigger_id": "1",
        }
    )
    await is_answered(http, "POST", address, signed(team, body), body.encode())
    assert not team.engine.started
