"""`ghostbot check` and a start with wrong settings: everything that is wrong, at once, with what to do."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from demo.notes import NOTES
from sandbox.appservice.certificates import authority_path, server_context
from tests.azurite import CONTAINER, an_azurite
from tests.stories.team import Team, a_team

pytestmark = pytest.mark.story


@pytest.fixture
async def team(tmp_path: Path, cache: Path) -> AsyncIterator[Team]:
    async with a_team(tmp_path, cache, ("blog", "shop")) as team:
        await team.has_site("blog")
        yield team


async def ghostbot(team: Team, *words: str, **environment: str | None) -> tuple[int, str]:
    told = {**team.world.bot_environment(), **environment}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *words,
        "--config",
        str(team.world.write_settings()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={name: value for name, value in told.items() if value is not None},
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_a_sound_setup_passes_and_shows_what_was_looked_at(team: Team) -> None:
    await team.has_site("shop")
    await team.world.publish_notes(NOTES)
    code, text = await ghostbot(team, "check")
    assert code == 0, text
    assert "All is well" in text
    for part in (
        "Slack lets the bot in",
        "socket",
        "npm: newest Ghost is 6.4.0",
        "release notes: those of 6.4.0 can be read",
        "stack NODE|24-lts",
        "WebJob",
    ):
        assert part in text, text
    assert "\x1b[" not in text


@pytest.mark.azurite
@pytest.mark.timeout(300)
async def test_the_bots_identity_opens_the_storage(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_context(tmp_path)  # makes the certificates
    monkeypatch.setenv("SSL_CERT_FILE", str(authority_path(tmp_path)))
    async with an_azurite(tmp_path / "azurite", tmp_path / "tls") as azurite:
        storage = {"container": CONTAINER, "account_url": azurite.url}
        team.world.configure([*team.world.sites_in_settings], storage=storage)
        _, text = await ghostbot(team, "check")
        assert f"storage: {CONTAINER} in devstoreaccount1" in text, text
        assert "problem  storage" not in text
        _, text = await ghostbot(team, "check", IDENTITY_HEADER="wrong")
        assert "problem  storage" in text
        assert "Storage Blob Data Contributor" in text
        assert "Traceback" not in text


async def test_every_problem_is_told_at_once_with_its_remedy(team: Team) -> None:
    shutil.rmtree(await team.world.wwwroot("blog") / "App_Data")
    people = team.world.slack["users"]
    team.world.configure(
        [*team.world.sites_in_settings],
        roles={"releasers": [people["ann"], "U0NOBODY"], "approvers": [], "break_glass": ["U0GONE"]},
        npm_registry="http://127.0.0.1:9",
    )
    code, text = await ghostbot(team, "check")
    assert code == 1
    for part in (
        "no triggered WebJob BackupDb-Manual",
        "docs/webjob",
        "role holder U0NOBODY",
        "role holder U0GONE",
        "roles.approvers is empty",
        "shop: Azure: Azure knows no site shop",
        "problem  npm",
    ):
        assert part in text, f"{part!r} is not in\n{text}"
    assert "Traceback" not in text


async def test_release_notes_that_cannot_be_had_are_no_problem(team: Team) -> None:
    team.world.configure(
        [*team.world.sites_in_settings],
        npm_registry=team.opening.registry,
        cache_folder=str(team.opening.cache),
        release_notes_url="http://127.0.0.1:9",
    )
    _, text = await ghostbot(team, "check")
    assert "warning  The release notes could not be read: ConnectError." in text, text
    assert "problem  The release notes" not in text


async def test_wrong_tokens_end_the_start_with_their_name(team: Team) -> None:
    await team.world.stop_bot()
    code, text = await ghostbot(team, "run", GHOSTBOT_SLACK__BOT_TOKEN="xoxb-not-this-one")  # a wrong one
    assert code == 1
    assert "invalid_auth" in text
    assert "xoxb-not-this-one" not in text
    assert "Traceback" not in text


async def test_a_missing_and_a_misspelt_setting_are_named(team: Team) -> None:
    code, text = await ghostbot(
        team, "run", GHOSTBOT_SLACK__BOT_TOKEN=None, GHOSTBOT_SLACK__BOT_TOKN="xoxb-secret"
    )
    assert code == 1
    assert "GHOSTBOT_SLACK__BOT_TOKN: no such setting; did you mean GHOSTBOT_SLACK__BOT_TOKEN?" in text
    assert "slack.bot_token is missing" in text
    assert "xoxb-secret" not in text


async def test_a_second_bot_on_the_same_folder_is_refused(team: Team) -> None:
    code, text = await ghostbot(team, "run")
    assert code == 1
    assert "Another ghostbot uses" in text


async def test_a_running_bot_is_healthy(team: Team) -> None:
    code, _ = await ghostbot(team, "healthy")
    assert code == 0


async def test_in_slack_anyone_gets_the_same_findings_of_a_site(team: Team) -> None:
    await team.types("cleo", "/ghost check blog")
    told = (await team.sees("cleo", "*blog*:"))["plain"]
    for part in ("all is well", "Azure", "production: running, Ghost", "WebJob", "traffic routing: off"):
        assert part in told, told
    requests = (await team.world.http.get(f"{team.world.azure['control']}/requests")).json()["requests"]
    await team.arm("POST", "blog/slots/staging/stop")
    strings = {"Main": {"value": "Server=db;Database=trial;Password=rosebud", "type": "MySql"}}
    await team.arm("PUT", "blog/slots/staging/config/connectionstrings", {"properties": strings})
    strings["Main"]["value"] = "Server=db;Database=live;Password=rosebud"
    await team.arm("PUT", "blog/config/connectionstrings", {"properties": strings})
    number = max(one["number"] for one in requests)
    await team.types("cleo", "/ghost check blog")
    told = (await team.sees("cleo", "1 problem"))["plain"]
    assert "Main of blog names another database on staging" in told
    assert "--slot-settings Main=" in told
    assert "rosebud" not in told
    query = {"since": number, "host": "arm"}
    made = (await team.world.http.get(f"{team.world.azure['control']}/requests", params=query)).json()
    ours = [one for one in made["requests"] if one["method"] not in ("GET", "HEAD")]
    changing = [one["path"] for one in ours if "/list" not in one["path"]]
    assert len(changing) == 3, "only what the story itself did"
    code, text = await ghostbot(team, "check")
    assert code == 1
    assert "problem  blog: settings of both slots: Main of blog names another database" in text
    assert "rosebud" not in text
