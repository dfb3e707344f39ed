"""What an operator says of a web app is understood, or refused with its name before anything runs."""

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsWrong, read_settings
from commands import COMMANDS, named
from release.migrations.config import HandOver
from release.model import Kind

TOP = """
data_folder = "data"
[slack]
bot_token = "xoxb-1"
app_token = "xapp-1"
{slack}
[azure]
subscription = "s"
[sites.shop]
kind = "{kind}"
resource_group = "rg"
[sites.shop.deploy]
{deploy}
[sites.shop.migration]
{migration}
"""
FOLDER = 'folder = "artefacts"'
COMMAND = 'command = ["./migrate"]\nconnection_string = "Shop"'


def settings_with(
    environment: pytest.MonkeyPatch,
    folder: Path,
    deploy: str = FOLDER,
    migration: str = COMMAND,
    kind: str = "web app",
    slack: str = "",
) -> Settings:
    environment.setenv("GHOSTBOT_SECRETS", "no-such-folder")
    environment.setenv("GHOSTBOT_CONFIG", "")  # put back afterwards: read_settings sets it
    path = folder / "ghostbot.toml"
    path.write_text(TOP.format(deploy=deploy, migration=migration, kind=kind, slack=slack))
    return read_settings(path)


def test_a_web_app_is_put_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deploy = 'hosts = ["b.example.com"]\npages = ["/up", "/login 302"]\napprove = "before migration"\n'
    migration = f'{COMMAND}\ndown = ["./down", "{{count}}"]\nhand_over = "input"\nbundle = "db/"'
    site = settings_with(monkeypatch, tmp_path, deploy, migration).sites["shop"]
    shape, config = site.shape(), site.config("shop")
    assert shape.kinds == {Kind.DEPLOY_ASKING_FIRST, Kind.SWAP, Kind.SWAP_BACK, Kind.MIGRATE_DOWN}
    assert (shape.pages.front.path, shape.pages.front.status) == ("/up", 200)
    assert shape.pages.probed == ("/up", "/login")
    assert config.migration is not None
    assert (config.migration.bundle, config.migration.hand_over) == ("db", HandOver.INPUT)


def test_a_string_of_its_own_is_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GHOSTBOT_SITES__SHOP__MIGRATION__OWN_CONNECTION_STRING", "postgres://a:rosebud@h/d")
    site = settings_with(monkeypatch, tmp_path, migration='command = ["./migrate"]').sites["shop"]
    config = site.config("shop")
    assert config.migration is not None
    assert config.migration.own == "postgres://a:rosebud@h/d"
    assert "rosebud" not in f"{site!r} {config!r} {config.migration!r}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"deploy": ""}, "where artefacts come from"),
        ({"deploy": 'hosts = ["b.example.com/path"]'}, "is no host"),
        ({"deploy": f"{FOLDER}\npages = []"}, "needs paths"),
        ({"deploy": f'{FOLDER}\npages = ["login"]'}, "needs paths"),
        ({"deploy": f'{FOLDER}\napprove = "never"'}, "approve"),
        ({"migration": 'command = ["./migrate"]'}, "needs connection_string"),
        ({"migration": 'down = ["./down"]'}, "need a command"),
        ({"migration": f'{COMMAND}\nhand_over = "argument"'}, "needs {connection_string}"),
        ({"migration": f'{COMMAND}\nbundle = "../x"'}, "a folder inside"),
        ({"migration": f'{COMMAND}\npending_pattern = "("'}, "no regular expression"),
        ({"kind": "ghost"}, 'kind = "web app"'),
        ({"slack": 'deploy_command = "swap"'}, "another command called swap"),
    ],
)
def test_what_makes_no_sense_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsWrong) as caught:
        settings_with(monkeypatch, tmp_path, **change)
    assert said in str(caught.value)


def test_the_command_that_deploys_is_called_as_the_team_likes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_with(monkeypatch, tmp_path, slack='deploy_command = "ship"')
    commands = named(settings.slack.deploy_command)
    assert [command.name for command in commands].count("ship") == 1
    assert "deploy" not in [command.name for command in commands]
    ship = next(command for command in commands if command.name == "ship")
    assert ship.usage.startswith("ship [SITE]")
    assert ship.example.startswith("ship shop")
    assert named("deploy") is COMMANDS
