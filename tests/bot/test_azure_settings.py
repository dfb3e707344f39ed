"""Where Azure is: never an address to which the bot's token would go in clear."""

from pathlib import Path

import pytest

from bot.settings import Settings, SettingsWrong, read_settings

EXAMPLE = Path(__file__).parents[2] / "ghostbot.example.toml"


def settings_with(environment: pytest.MonkeyPatch, arm_url: str) -> Settings:
    environment.setenv("GHOSTBOT_SECRETS", "no-such-folder")
    environment.setenv("GHOSTBOT_SLACK__BOT_TOKEN", "xoxb-1")
    environment.setenv("GHOSTBOT_SLACK__APP_TOKEN", "xapp-1")
    environment.setenv("GHOSTBOT_CONFIG", "")  # put back afterwards: read_settings sets it
    environment.setenv("GHOSTBOT_AZURE__ARM_URL", arm_url)
    return read_settings(EXAMPLE)


@pytest.mark.parametrize(
    "url",
    [
        "https://management.azure.com",
        "https://management.usgovcloudapi.net/",
        "https://10.0.0.5:8443",
        "http://127.0.0.1:8080",
        "http://127.1.2.3:8080",
        "http://localhost:8080/",
        "http://[::1]:8080",
    ],
)
def test_https_is_for_anywhere_and_http_for_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert settings_with(monkeypatch, url).azure.arm_url == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://management.azure.com", "in clear"),
        ("http://10.0.0.5:8080", "in clear"),
        ("http://127.0.0.1.example.com", "in clear"),
        ("http://localhost@management.azure.com", "in clear"),
        ("http://[::ffff:10.0.0.5]:8080", "in clear"),
        ("HTTP://management.azure.com", "is not the address"),
        ("management.azure.com", "is not the address"),
        ("https://", "is not the address"),
        ("https://[oops", "is not the address"),
        ("", "is not the address"),
    ],
)
def test_http_to_anywhere_else_stops_the_start(monkeypatch: pytest.MonkeyPatch, url: str, told: str) -> None:
    with pytest.raises(SettingsWrong) as caught:
        settings_with(monkeypatch, url)
    assert "azure.arm_url" in str(caught.value)
    assert told in str(caught.value)
