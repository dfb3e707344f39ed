"""The settings: environment, secret files and ghostbot.toml, a file a table."""

from bot.settings.azure import StorageSettings
from bot.settings.deploy import DeploySettings
from bot.settings.part import COMMAND_NAME
from bot.settings.reading import SettingsWrong, misspelt, read_settings, read_without_tokens, settings_file
from bot.settings.settings import PREFIX, Settings
from bot.settings.site import ScmSettings, SiteKind
from bot.settings.slack import Mode

__all__ = [
    "COMMAND_NAME",
    "PREFIX",
    "DeploySettings",
    "Mode",
    "ScmSettings",
    "Settings",
    "SettingsWrong",
    "SiteKind",
    "StorageSettings",
    "misspelt",
    "read_settings",
    "read_without_tokens",
    "settings_file",
]
