"""The app that Slack makes of manifest.yml has what the bot needs, and no more."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli import main
from bot.manifest import manifest as manifest_of
from commands import COMMANDS
from tests.bot.conftest import Team

ROOT = Path(__file__).parents[2]

# Slack's reference of each method and event: the bot scopes that are asked for.
METHOD_SCOPES = {
    "auth.test": set(),
    "chat.getPermalink": set(),
    "chat.postMessage": {"chat:write", "chat:write.public"},
    "chat.update": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history"},
    "conversations.replies": {"channels:history", "groups:history"},
    "conversations.info": {"channels:read", "groups:read"},
    "usergroups.users.list": {"usergroups:read"},
    "users.info": {"users:read"},
    "conversations.open": {"im:write"},
    "views.publish": set(),
    "views.open": set(),
    "views.update": set(),
    "files.getUploadURLExternal": {"files:write"},
    "files.completeUploadExternal": {"files:write"},
    "chat.postEphemeral": {"chat:write"},
}
EVENT_SCOPES = {
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "message.im": {"im:history"},
}


@pytest.fixture
def manifest() -> Any:  # Any: parsed YAML
    return yaml.safe_load((ROOT / "manifest.yml").read_text())


def called_methods() -> set[str]:
    """The Web API methods named in bot/, as the SDK's functions or as their own names."""
    source = "\n".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    named = set(
        re.findall(r"\"((?:chat|users|usergroups|conversations|auth|views|files)\.[A-Za-z.]+)\"", source)
    )
    for family, rest in re.findall(
        r"client\.(chat|users|usergroups|conversations|auth|views|files)_(\w+)\(", source
    ):
        named.add(f"{family}.{rest.replace('_', '.')}")
    return named


def test_every_method_called_is_covered_by_the_scopes(manifest: Any) -> None:
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    called = called_methods()
    assert called <= set(METHOD_SCOPES), "say which scopes the new method needs"
    needed = {"commands"}.union(*(METHOD_SCOPES[method] for method in called))
    needed = needed.union(*(EVENT_SCOPES[event] for event in events(manifest)))
    assert needed == scopes


def events(manifest: Any) -> list[str]:
    return list(manifest["settings"]["event_subscriptions"]["bot_events"])


def test_every_event_listened_for_is_subscribed_to(manifest: Any) -> None:
    source = (ROOT / "bot" / "listeners.py").read_text()
    listened = set(re.findall(r"app\.event\(\"(\w+)\"\)", source))
    assert listened == {event.partition(".")[0] for event in events(manifest)}


def test_the_hint_names_every_command(manifest: Any) -> None:
    (slash,) = manifest["features"]["slash_commands"]
    assert slash["command"] == "/ghost"
    assert slash["should_escape"] is True
    hinted = [part.split()[0] for part in slash["usage_hint"].split(" | ")]
    assert hinted == [command.name for command in COMMANDS]
    assert slash["usage_hint"].startswith(COMMANDS[0].usage)


def test_the_texts_fit(manifest: Any) -> None:
    shown = manifest["display_information"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 175 <= len(shown["long_description"]) <= 4000
    (slash,) = manifest["features"]["slash_commands"]
    assert len(slash["usage_hint"]) <= 1000
    assert len(slash["description"]) <= 2000


def test_socket_mode_needs_no_address(manifest: Any) -> None:
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["settings"]["interactivity"] == {"is_enabled": True}
    assert "request_url" not in manifest["settings"]["event_subscriptions"]
    assert "url" not in manifest["features"]["slash_commands"][0]


def test_the_checked_in_manifest_is_what_the_bot_prints() -> None:
    assert (ROOT / "manifest.yml").read_text() == manifest_of()


def test_a_team_chooses_mode_address_and_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "ghostbot.toml"
    config.write_text(
        '[slack]\nbot_token = "xoxb-1"\napp_token = "xapp-1"\ncommand = "/web"\n[azure]\nsubscription = "s"\n'
        '[sites.shop]\nresource_group = "g"\ncommand = "/shop"\n'
    )
    with pytest.raises(SystemExit) as ended:
        main(["manifest", "--config", str(config), "--url", "https://bot.example.com/slack/events"])
    assert ended.value.code == 0
    told = yaml.safe_load(capsys.readouterr().out)
    assert [one["command"] for one in told["features"]["slash_commands"]] == ["/web", "/shop"]
    assert told["settings"]["socket_mode_enabled"] is False
    assert told["settings"]["interactivity"]["request_url"] == "https://bot.example.com/slack/events"
    assert all(one["url"].startswith("https://") for one in told["features"]["slash_commands"])
    for wrong in (["--command", "ghost"], ["--url", "http://bot.example.com"]):
        with pytest.raises(SystemExit) as ended:
            main(["manifest", *wrong])
        assert ended.value.code == 1
        assert "ghostbot:" in capsys.readouterr().err


async def test_a_sites_own_command_is_about_that_site(team: Team) -> None:
    await team.ask("PUT", "manifest", manifest=manifest_of(sites={"/blog": "blog"}))
    await team.types("ann", "/blog upgrade 6.65.0")
    release = await team.sees("Upgrade blog to 6.65.0 has begun", who="ann")
    assert release["ephemeral"]
    assert (await team.records.history("blog"))[0].version == "6.65.0"
