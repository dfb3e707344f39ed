"""Where backups are kept is said in one way or not at all; half of it stops the start."""

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsWrong, read_settings

EXAMPLE = Path(__file__).parents[2] / "ghostbot.example.toml"
URL = "https://ouraccount.blob.core.windows.net"
STRING = "DefaultEndpointsProtocol=https;AccountName=ouraccount;AccountKey=rosebud="


def settings_with(environment: pytest.MonkeyPatch, **storage: str) -> Settings:
    environment.setenv("GHOSTBOT_SECRETS", "no-such-folder")
    environment.setenv("GHOSTBOT_SLACK__BOT_TOKEN", "xoxb-1")
    environment.setenv("GHOSTBOT_SLACK__APP_TOKEN", "xapp-1")
    environment.setenv("GHOSTBOT_CONFIG", "")  # put back afterwards: read_settings sets it
    for name, value in storage.items():
        environment.setenv(f"GHOSTBOT_STORAGE__{name.upper()}", value)
    return read_settings(EXAMPLE)


def test_without_storage_the_bots_own_disk_is_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(monkeypatch).storage.container is None


@pytest.mark.parametrize("way", [{"account_url": URL}, {"connection_string": STRING}])
def test_a_container_and_one_way_in_are_enough(monkeypatch: pytest.MonkeyPatch, way: dict[str, str]) -> None:
    storage = settings_with(monkeypatch, container="backups", **way).storage
    assert storage.container == "backups"
    assert "rosebud" not in repr(storage)


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ({"container": "backups"}, "needs either account_url or connection_string"),
        ({"account_url": URL}, "need a container"),
        ({"connection_string": STRING}, "need a container"),
        ({"container": "backups", "account_url": URL, "connection_string": STRING}, "needs either"),
        ({"container": "Back Ups", "account_url": URL}, "storage.container"),
        ({"container": "backups", "account_url": URL.replace("https", "http")}, "storage.account_url"),
        ({"container": "backups", "account_url": f"{URL}?sv=2024&sig=rosebud"}, "storage.account_url"),
        ({"container": "backups", "connection_string": "rosebud"}, "storage.connection_string"),
        ({"containr": "backups"}, "did you mean GHOSTBOT_STORAGE__CONTAINER?"),
    ],
)
def test_half_a_storage_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, storage: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingsWrong) as caught:
        settings_with(monkeypatch, **storage)
    assert told in str(caught.value)
    assert "rosebud" not in str(caught.value)
