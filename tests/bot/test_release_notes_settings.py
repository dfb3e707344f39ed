"""Where release notes come from is an address without secrets, or nothing."""

from pathlib import Path

import pytest

from bot.clients import open_clients
from bot.settings import Settings, SettingsWrong, read_settings

EXAMPLE = Path(__file__).parents[2] / "ghostbot.example.toml"


def settings_with(environment: pytest.MonkeyPatch, url: str | None) -> Settings:
    environment.setenv("GHOSTBOT_SECRETS", "no-such-folder")
    environment.setenv("GHOSTBOT_SLACK__BOT_TOKEN", "xoxb-1")
    environment.setenv("GHOSTBOT_SLACK__APP_TOKEN", "xapp-1")
    environment.setenv("GHOSTBOT_CONFIG", "")  # put back afterwards: read_settings sets it
    if url is not None:
        environment.setenv("GHOSTBOT_RELEASE_NOTES_URL", url)
    return read_settings(EXAMPLE)


@pytest.mark.parametrize(
    "url", ["https://api.github.com", "https://git.example.com/api/v3/", "http://127.0.0.1:8080", ""]
)
def test_an_api_or_none_is_taken(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert settings_with(monkeypatch, url).release_notes_url == url


@pytest.mark.parametrize(
    "url",
    [
        "api.github.com",
        "ftp://api.github.com",
        "https://name:rosebud@api.github.com",
        "https://api.github.com/?token=rosebud",
        "https://api.github.com/#rosebud",
        "https://api.github.com/ rosebud",
    ],
)
def test_what_is_no_address_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(SettingsWrong, match="release_notes_url: is no API's address") as caught:
        settings_with(monkeypatch, url)
    assert "rosebud" not in str(caught.value)


@pytest.mark.parametrize(("url", "asks"), [(None, True), ("", False)])
async def test_an_empty_address_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, url: str | None, asks: bool
) -> None:
    async with open_clients(settings_with(monkeypatch, url)) as clients:
        assert (clients.notes is not None) is asks
