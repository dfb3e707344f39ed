"""The settings: environment, secret files and ghostbot.toml, a file a table."""

from bot.settings.azure import StorageSettings
from bot.settings.deploy import DeploySettings
from bot.settings.reading import SettingsWrong, misspelt, read_settings
from bot.settings.settings import PREFIX, Settings
from bot.settings.site import ScmSettings, SiteKind
from bot.settings.slack import Mode

__all__ = [
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
]
